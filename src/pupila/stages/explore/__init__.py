"""Describe a data set before training: its fingerprint, and a page with the conclusions."""
