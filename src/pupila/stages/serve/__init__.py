"""Serve: a bundle over HTTP, answered by the same code as everywhere, without torch."""
