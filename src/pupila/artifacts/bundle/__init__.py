"""The bundle: one folder with everything that answering needs, read and answered without torch."""
