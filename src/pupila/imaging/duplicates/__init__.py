"""Duplicate images: signatures, candidate search, comparison of copies, and groups."""
