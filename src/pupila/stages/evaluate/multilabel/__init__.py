"""Evaluating models of several labels."""
