"""Keras networks: loading, stable layer names, feature extraction, precision."""
