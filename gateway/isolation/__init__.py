"""Keeps mounts apart in what one process would make them share."""
