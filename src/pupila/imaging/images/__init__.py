"""The one way from bytes to a model's input: decoding, and preparing. The same everywhere."""
