"""Explain predictions: where in an image a model found evidence for what it predicts."""
