"""Half precision: weights and activations in 16 bits, with float32 at the input and the outputs."""


def halve(model: bytes) -> bytes:
    """An ONNX file of Pupila's in float16, with its metadata."""
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    converted = convert_float_to_float16(onnx.load_model_from_string(model), keep_io_types=True)
    content: bytes = converted.SerializeToString()
    return content
