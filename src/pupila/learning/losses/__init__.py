"""Losses and the weights of rare classes: of one class for each image or pixel, and of several labels."""
