"""Evaluate: metrics of a model with confidence intervals, and comparisons with other models, ours or foreign."""
