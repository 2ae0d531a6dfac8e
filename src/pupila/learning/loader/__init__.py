"""Data loading: images are decoded and resized once, cached on disk, and read in batches."""
