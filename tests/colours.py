"""Bundles whose predictions are known by hand: logits are the three channels, or their means over the picture."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from pupila.artifacts.bundle.architecture import Architecture, Weights
from pupila.artifacts.bundle.folder import Bundle, write_bundle
from pupila.artifacts.bundle.schema import BundleInfo
from pupila.imaging.images.preprocess import Preprocessing
from pupila.tasks.task import PostProcessing
from tests.pictures import Pixels

CLASSES = ["red", "green", "blue"]
SIDE = 8  # pixels
PLAIN = Preprocessing(height=SIDE, width=SIDE, mean=(0, 0, 0), std=(1, 1, 1))


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
    fields: dict[str, Any] = {
        "made_by": "a test", "created": "2026-01-01T00:00:00+00:00", "task": "classify", "classes": CLASSES,
        "preprocessing": PLAIN, "architecture": Architecture(library="pupila", name="colours"),
        "weights": Weights(source="by hand"), "parameters": 9,
    }  # fmt: skip
    return BundleInfo(**{**fields, **changes})


def write_colours(folder: Path, scale: float = 1.0, **changes: Any) -> Bundle:
    """The bundle on disk."""
    fields = info(**changes)
    return write_bundle(
        folder, fields, {"model.onnx": colour_model(scale, len(fields.classes)), "card.md": b"# By hand\n"}
    )


def write_painted(folder: Path, scale: float = 10.0, view: str = "tile", **changes: Any) -> Bundle:
    """A bundle of masks on disk: a pixel's class is its largest channel; tiles have 8 pixels, of which 2 overlap."""
    preprocessing = PLAIN.model_copy(update={"view": view, "overlap": 2})
    fields = info(task="segment", **{"preprocessing": preprocessing, **changes})
    return write_bundle(
        folder, fields, {"model.onnx": painted_model(scale, len(fields.classes)), "card.md": b"# By hand\n"}
    )


def plain(red: int, green: int, blue: int, side: int = 16) -> Pixels:
    """(side, side, 3) uint8 of one colour."""
    return np.full((side, side, 3), (red, green, blue), dtype=np.uint8)


POINTED = Preprocessing(height=32, width=32, mean=(0, 0, 0), std=(1, 1, 1))


def pointing_models() -> dict[str, bytes]:
    """The two ONNX files of a promptable bundle: the mask is the pixels with nearly the colour at the prompt.

    The prompt is the centre of the foreground points and of the box's corners. The second and fourth masks are smaller;
    the predicted IoUs are 0.9, 0.5, 0.8 and 0.7.
    """
    side = POINTED.height
    shape: list[str | int | None] = ["batch", 3, side, side]
    constants: dict[str, NDArray[Any]] = {
        "zero": np.array(0, np.int64), "last": np.array([[side - 1]], np.int64), "row": np.array([[1, side]], np.int64),
        "places": np.array([1], np.int64), "corner": np.array([3], np.int64), "flat": np.array([0, 3, -1], np.int64),
        "colours": np.array([1, 3, 1], np.int64), "axis": np.array([1], np.int64),
        "image": np.array([0, 3, 1, 1], np.int64), "near": np.array(1, np.float32), "gain": np.array(20, np.float32),
        "shift": np.array([0, -1, 0, -2], np.float32).reshape(1, 1, 4, 1, 1), "nothing": np.array([0], np.float32),
        "quality4": np.array([0.9, 0.5, 0.8, 0.7], np.float32).reshape(1, 1, 4), "last_axis": np.array([2], np.int64),
        "outer": np.array([1], np.int64),
    }  # fmt: skip
    node = helper.make_node
    steps = [
        node("Greater", ["labels", "zero"], ["positive"]),
        node("Cast", ["positive"], ["counted"], to=TensorProto.FLOAT),
        node("Unsqueeze", ["counted", "corner"], ["weights"]),
        node("Mul", ["points", "weights"], ["weighted"]),
        node("ReduceSum", ["weighted", "last_axis"], ["total"], keepdims=0),  # (N, 1, 2)
        node("ReduceSum", ["counted", "last_axis"], ["count"], keepdims=1),  # (N, 1, 1)
        node("Div", ["total", "count"], ["middle"]),
        node("Squeeze", ["middle", "outer"], ["xy"]),
        node("Cast", ["xy"], ["whole"], to=TensorProto.INT64),
        node("Min", ["whole", "last"], ["inside"]),
        node("Mul", ["inside", "row"], ["steps"]),
        node("ReduceSum", ["steps", "places"], ["index"], keepdims=1),  # (N, 1)
        node("Unsqueeze", ["index", "axis"], ["index3"]),  # (N, 1, 1)
        node("Expand", ["index3", "colours"], ["indices"]),  # (N, 3, 1)
        node("Reshape", ["embedding", "flat"], ["pixels_flat"]),
        node("GatherElements", ["pixels_flat", "indices"], ["colour"], axis=2),  # (N, 3, 1)
        node("Reshape", ["colour", "image"], ["colour4"]),
        node("Sub", ["embedding", "colour4"], ["difference"]),
        node("Abs", ["difference"], ["distance"]),
        node("ReduceSum", ["distance", "axis"], ["apart"], keepdims=1),  # (N, 1, S, S)
        node("Sub", ["near", "apart"], ["alike"]),
        node("Mul", ["alike", "gain"], ["logits"]),
        node("Unsqueeze", ["logits", "axis"], ["logits5"]),
        node("Add", ["logits5", "shift"], ["masks"]),
        node("Mul", ["count", "nothing"], ["none"]),
        node("Add", ["none", "quality4"], ["quality"]),
    ]  # fmt: skip
    value = helper.make_tensor_value_info
    decoder = helper.make_graph(
        steps, "pointing",
        [value("embedding", TensorProto.FLOAT, shape), value("points", TensorProto.FLOAT, ["batch", 1, "points", 2]),
         value("labels", TensorProto.INT64, ["batch", 1, "points"])],
        [value("masks", TensorProto.FLOAT, ["batch", 1, 4, side, side]),
         value("quality", TensorProto.FLOAT, ["batch", 1, 4])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )  # fmt: skip
    encoder = helper.make_graph(
        [node("Identity", ["pixels"], ["embedding"])], "looking",
        [value("pixels", TensorProto.FLOAT, shape)], [value("embedding", TensorProto.FLOAT, shape)],
    )  # fmt: skip
    opset = [helper.make_opsetid("", 20)]
    return {
        f"{role}.onnx": helper.make_model(graph, opset_imports=opset, ir_version=10).SerializeToString()
        for role, graph in (("encoder", encoder), ("decoder", decoder))
    }


def write_pointing(folder: Path, **changes: Any) -> Bundle:
    """A promptable bundle on disk: see `pointing_models`."""
    fields = info(
        task="prompt", classes=["background", "foreground"], **{"preprocessing": POINTED, **changes}
    )
    return write_bundle(folder, fields, {**pointing_models(), "card.md": b"# By hand\n"})


# Each class by itself: the probability is that of the channel's mean m, 0..1: sigmoid(4 * m / 2 + bias).
LABELLED: dict[str, Any] = {
    "task": "multilabel", "temperature": 2.0,
    "post_processing": PostProcessing(
        biases=(-1.0, -1.0, -2.0), thresholds=(0.7, 0.3, 0.3), shared_threshold=("green", "blue"), abstain_below=0.6
    ),
}  # fmt: skip
UP, DOWN = (
    0.731059,
    0.268941,
)  # sigmoid(1), sigmoid(-1): of red and green, where their channel is full, or empty
BLUE_UP, BLUE_DOWN = 0.5, 0.119203  # sigmoid(0), sigmoid(-2): of blue


def write_labelled(folder: Path, **changes: Any) -> Bundle:
    """A bundle of several labels on disk: see `LABELLED`."""
    return write_colours(folder, scale=4, **{**LABELLED, **changes})
