"""Masks: their label map, their files, and how they are drawn."""
