"""Requests of one mount to another, in process."""
