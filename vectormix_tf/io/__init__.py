"""Pictures, videos, results and records in files; loads no TensorFlow."""
