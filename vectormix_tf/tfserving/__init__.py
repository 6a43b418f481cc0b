"""TensorFlow Serving's API without TensorFlow: messages, statuses, versions."""
