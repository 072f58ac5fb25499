"""The servers that a gateway runs in."""
