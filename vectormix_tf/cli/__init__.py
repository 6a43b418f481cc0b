"""The command line: flags, jobs, and one file for each command."""
