"""Checks of a folder of deployment files: each reads the files that it is about, and lists their faults."""
