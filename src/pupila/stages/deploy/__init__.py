"""Deploy: the files that put a bundle behind an address, rendered for a person to read, and checks of them."""
