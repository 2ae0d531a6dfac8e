"""Metrics by slice: by a column of the data, by the size of the object, or by what a pattern finds in file names."""
