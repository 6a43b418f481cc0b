"""Settings, presets, backbones and octave plans; loads no TensorFlow."""
