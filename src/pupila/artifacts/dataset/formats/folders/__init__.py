"""Folders as data: classes, splits and the wrappers around them."""
