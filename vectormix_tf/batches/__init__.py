"""Batches: many pictures and films at once, on one machine or on a cluster."""
