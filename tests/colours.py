"""Bundles whose answers are known by hand: logits are the three channels, or their means over the picture."""

from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from pupila.bundle.folder import Bundle, write_bundle
from pupila.bundle.schema import BundleInfo
from pupila.images.prepare import Preparation
from tests.pictures import Pixels

CLASSES = ["red", "green", "blue"]
SIDE = 8  # pixels
PLAIN = Preparation(height=SIDE, width=SIDE, mean=(0, 0, 0), std=(1, 1, 1))


def colour_model(scale: float = 1.0, classes: int = 3) -> bytes:
    """An ONNX file: embedding = channel means of 0..1, logits = scale * embedding."""
    weight = numpy_helper.from_array((scale * np.eye(3, dtype=np.float32))[:classes], "weight")
    shape: list[str | int | None] = ["batch", 3, SIDE, SIDE]
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["pixels"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["embedding"]),
            helper.make_node("Gemm", ["embedding", "weight"], ["logits"], transB=1),
        ],
        "colours",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", n])
         for name, n in (("logits", classes), ("embedding", 3))],
        [weight],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    content: bytes = model.SerializeToString()
    return content


def painted_model(scale: float = 1.0, classes: int = 3) -> bytes:
    """An ONNX file for masks: logits = scale * the first channels of every pixel."""
    shape: list[str | int | None] = ["batch", 3, SIDE, SIDE]
    weight = numpy_helper.from_array((scale * np.eye(3, dtype=np.float32))[:classes, :, None, None], "weight")
    graph = helper.make_graph(
        [helper.make_node("Conv", ["pixels", "weight"], ["logits"])],
        "painted",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", classes, SIDE, SIDE])],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    content: bytes = model.SerializeToString()
    return content


def info(**changes: Any) -> BundleInfo:
    told: dict[str, Any] = {
        "made_by": "a test", "created": "2026-01-01T00:00:00+00:00", "task": "classify", "classes": CLASSES,
        "preparation": PLAIN, "model": {"name": "colours", "source": "by hand", "parameters": 9}, "validation": {},
    }  # fmt: skip
    return BundleInfo(**{**told, **changes})


def write_colours(folder: Path, scale: float = 1.0, **changes: Any) -> Bundle:
    """The bundle on disk."""
    told = info(**changes)
    return write_bundle(
        folder, told, {"model.onnx": colour_model(scale, len(told.classes)), "card.md": b"# By hand\n"}
    )


def write_painted(folder: Path, scale: float = 10.0, view: str = "tile", **changes: Any) -> Bundle:
    """A bundle of masks on disk: a pixel's class is its largest channel; tiles have 8 pixels, of which 2 overlap."""
    preparation = PLAIN.model_copy(update={"view": view, "overlap": 2})
    told = info(task="segment", **{"preparation": preparation, **changes})
    return write_bundle(
        folder, told, {"model.onnx": painted_model(scale, len(told.classes)), "card.md": b"# By hand\n"}
    )


def plain(red: int, green: int, blue: int, side: int = 16) -> Pixels:
    """(side, side, 3) uint8 of one colour."""
    return np.full((side, side, 3), (red, green, blue), dtype=np.uint8)
