"""Evaluating classification: one class per image."""
