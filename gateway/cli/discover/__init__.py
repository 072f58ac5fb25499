"""Finding applications in folders by reading their source, never importing it."""
