"""Comparing the configurations of a sweep on the same validation images, by the metric that chose the winner."""
