"""Which pictures are the same picture: signatures, candidate search, a second look, and groups."""
