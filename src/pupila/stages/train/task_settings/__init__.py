"""The settings that only some tasks have, in a file for each task."""
