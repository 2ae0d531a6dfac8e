"""Networks: the only place that uses timm and segmentation_models_pytorch; the builders are a dict by task."""
