"""``gateway.yaml`` to frozen specs: read, interpolated, checked against one table."""
