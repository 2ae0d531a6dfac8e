"""Predict: a bundle and any number of images to a table of predictions, in constant memory."""
