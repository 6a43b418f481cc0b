"""A small server with TensorFlow Serving's contract."""
