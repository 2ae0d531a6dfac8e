"""Annotation tools' files, read in COCO's terms: one file per tool."""
