"""Whether the images that a model predicts still look like its reference."""
