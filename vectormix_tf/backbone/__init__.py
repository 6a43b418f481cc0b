"""Keras networks: their weights, our names of their layers, the extractor."""
