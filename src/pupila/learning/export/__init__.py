"""Export: networks become ONNX files that predict the same, in one way for each task."""
