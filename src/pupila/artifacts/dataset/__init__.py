"""The data set: images with their targets, groups and splits, whatever layout they come in."""
