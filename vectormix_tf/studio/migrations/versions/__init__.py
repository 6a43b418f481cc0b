"""Revisions of the schema, from the first one on."""
