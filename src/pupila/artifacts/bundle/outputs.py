"""The names of the outputs of a bundle's ONNX files."""

LOGITS = "logits"  # what predictions are made of
EMBEDDING = "embedding"  # the features before the head
FEATURE_MAP = "feature_map"  # an output that only some models have, for heat maps
