"""Predict: a bundle and any number of images to a table of answers, in flat memory."""
