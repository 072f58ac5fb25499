"""Work on a mount without serving it: scripts, modules and shells of its own."""
