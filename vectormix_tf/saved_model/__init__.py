"""Mixes and dreams as a SavedModel for TensorFlow Serving."""
