"""Evaluating segmentation: one class per pixel."""
