"""The sweep: many cells in one folder, each with its result or its error, read back without torch."""
