"""One file for each command; its `COMMAND` says what it is."""
