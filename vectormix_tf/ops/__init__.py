"""Tensor arithmetic that knows no recipe."""
