"""A small server with TensorFlow Serving's API."""
