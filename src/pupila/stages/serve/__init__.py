"""Serve: a bundle over HTTP, with the same prediction code as everywhere, without torch."""
