"""Judgment of mixes: numbers that compare them, and blind votes."""
