"""The run: what training leaves behind, read back without torch."""
