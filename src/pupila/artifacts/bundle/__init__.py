"""The bundle: one folder with everything that inference needs, read and run without torch."""
