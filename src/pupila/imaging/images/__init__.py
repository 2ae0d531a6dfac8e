"""From the bytes of an image to a model's input: decoding and preprocessing, the same everywhere."""
