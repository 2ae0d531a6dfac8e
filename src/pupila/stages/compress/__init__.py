"""Compress a bundle: smaller and faster models, compared with their parent on the same images."""
