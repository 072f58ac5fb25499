"""The claims: each is decided from the evidence alone, in a file of its own."""
