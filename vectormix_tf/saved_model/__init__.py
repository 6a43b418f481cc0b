"""Export of mixes and dreams as a SavedModel for TensorFlow Serving."""
