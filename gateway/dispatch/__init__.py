"""From a request's host and path to what serves it; knows nothing of mounts."""
