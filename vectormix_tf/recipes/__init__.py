"""Settings and pictures -> objectives -> the optimization loop."""
