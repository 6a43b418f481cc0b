"""The studio: a web service where many people mix pictures; it loses nothing."""
