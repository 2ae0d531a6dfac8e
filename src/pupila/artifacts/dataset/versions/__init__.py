"""The versions of a data set: what it was, by hashes, and its contents in a store."""
