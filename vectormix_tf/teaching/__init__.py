"""Lessons: InceptionV3 learns from a teacher what pictures hold."""
