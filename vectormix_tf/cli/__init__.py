"""The command line: `vectormix COMMAND --flag=value ...`."""
