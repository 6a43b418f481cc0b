"""Exporting: a model that TF Serving serves, in a folder of versions."""
