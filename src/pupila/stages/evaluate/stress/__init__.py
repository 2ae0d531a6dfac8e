"""The stress test: the same images in worse light, with less detail, and before other backgrounds."""
