"""Networks: the one door to timm and segmentation_models_pytorch; what builds them is a literal dict of tasks."""
