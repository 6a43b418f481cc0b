"""Messages and folders of TensorFlow Serving's API; loads no TensorFlow."""
