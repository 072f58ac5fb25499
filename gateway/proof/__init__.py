"""Evidence that each mount keeps its context, ``g`` and config to itself."""
