"""Measures time and memory of steps, startups and runs on this machine."""
