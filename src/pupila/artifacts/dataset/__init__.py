"""The data set: one truth about images, targets, groups and the splits they came with."""
