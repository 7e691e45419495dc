"""Image folders with a class or captions for each image."""
