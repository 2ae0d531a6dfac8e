"""The run: the files that training writes, read back without torch."""
