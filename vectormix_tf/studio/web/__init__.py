"""The web process of the studio: pages for people, and JSON for programs."""
