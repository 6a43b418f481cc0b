"""Filters: pictures as NumPy arrays, so that nothing here needs TensorFlow."""
