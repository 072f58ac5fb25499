"""The scenes of a proof: what is done to the mounts, each in a file of its own."""
