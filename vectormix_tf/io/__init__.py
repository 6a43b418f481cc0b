"""Files: pictures, masks, videos, plots, series and records; loads no TensorFlow."""
