"""The prefix doctor: what an application under a prefix sends out of it."""
