"""What the gateway answers about itself: a native application, mounted in front."""
