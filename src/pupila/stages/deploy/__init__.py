"""Deploy: the files that put a bundle behind an address, rendered to be read, and checks of them."""
