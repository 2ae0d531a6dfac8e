"""Evaluate: how good a model is, how sure that is, and whether another one is better; for ours and for foreign ones."""
