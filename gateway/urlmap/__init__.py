"""The URLs inside each mount, as its framework tells them."""
