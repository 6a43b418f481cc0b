"""What steps, starts and memory cost on this machine."""
