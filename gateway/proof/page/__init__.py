"""A proof as one HTML page, to be looked at and to be kept."""
