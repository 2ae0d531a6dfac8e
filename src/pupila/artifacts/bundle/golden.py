"""Golden predictions: drawn images whose predictions are stored in the bundle, and checked wherever it is loaded."""

import io
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from pupila.artifacts.bundle.info_file import ascii_text
from pupila.artifacts.bundle.runtime import Runtime, this_runtime
from pupila.artifacts.bundle.schema import BundleInfo
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.imaging.geotiff.image import DecodedImage, read_image
from pupila.imaging.images.budget import hold
from pupila.imaging.images.decode import Array, ImageFault, ImageLimits
from pupila.imaging.images.preprocess import Preprocessing
from pupila.tasks import TASKS
from pupila.tasks.task import PreprocessedImage, Runs, Task

if TYPE_CHECKING:
    from pupila.artifacts.bundle.folder import Bundle

GOLDEN = "golden"  # folder of the images
GoldenPrediction = dict[str, list[float]] | list[float]  # by class where the task has classes


def preprocess_bytes(
    data: bytes, task: Task, spec: Preprocessing, limits: ImageLimits | None = None
) -> PreprocessedImage:
    """The model's inputs from the bytes of an image: the same for training, export, predict and serve.

    Raises:
        ImageFault: not a usable image.
        NoMemory: other threads hold the memory for decoding for too long, where that has a limit.
    """
    with hold():  # the pixels count as memory of decoding until the inputs are made of them
        return preprocess_image(decode_bytes(data, task, spec, limits), task, spec)


def decode_bytes(
    data: bytes, task: Task, spec: Preprocessing, limits: ImageLimits | None = None
) -> DecodedImage:
    """The first half of `preprocess_bytes`: the pixels, no more of them than the model's input needs."""
    return read_image(data, spec.bands, limits, task.min_decode_side(spec))


def preprocess_image(image: DecodedImage, task: Task, spec: Preprocessing) -> PreprocessedImage:
    """The second half of `preprocess_bytes`: from pixels to the model's inputs."""
    inputs = task.inputs(image.rgb, spec)
    return PreprocessedImage(inputs, image.header.height, image.header.width, image.valid)


@cache
def golden_images() -> dict[str, bytes]:
    """Synthetic images with the difficulties of real ones: rotated, palette, 16-bit, transparent, wide, tiny."""
    rng = np.random.default_rng(7)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    scene = coarse.resize((320, 240), Image.Resampling.BICUBIC)
    turned = Image.Exif()
    turned[0x0112] = 6
    glass = scene.convert("RGBA")
    glass.putalpha(scene.convert("L"))
    deep = Image.fromarray(np.asarray(scene.convert("L")).astype(np.uint16) * 257)
    return {
        "turned.jpg": _encode(scene, "JPEG", exif=turned, quality=90),
        "ink.jpg": _encode(scene.convert("CMYK"), "JPEG", quality=90),
        "palette.png": _encode(scene.quantize(32, Image.Quantize.FASTOCTREE), "PNG"),
        "glass.png": _encode(glass, "PNG"),
        "deep.png": _encode(deep, "PNG"),
        "wide.webp": _encode(scene.resize((640, 60)), "WEBP", lossless=True),
        "tiny.gif": _encode(scene.resize((7, 5)), "GIF"),
    }


def _encode(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def predict_golden(info: BundleInfo, runs: Runs) -> tuple[dict[str, bytes], dict[str, GoldenPrediction]]:
    """The golden images of a task, and what the model predicts for them.

    Raises:
        PupilaError: the model does not predict what the task and the classes need.
    """
    task = TASKS[info.task]
    images = dict(islice(golden_images().items(), task.golden))
    predictions = {name: _predict(name, data, info, runs) for name, data in images.items()}
    return images, predictions


def check_golden(bundle: "Bundle", runs: Runs) -> None:
    """Check that the golden images give the same predictions as on the machine that made the bundle.

    Raises:
        PupilaError: a prediction differs, because of another runtime, decoder or processor, or of other classes; or the
            model does not predict what the task and the classes need.
    """
    info = bundle.info
    for name, expected in info.golden.items():
        actual = _predict(name, bundle.read(f"{GOLDEN}/{name}"), info, runs)
        if isinstance(expected, list) and isinstance(
            actual, dict
        ):  # of a bundle from before the names were in it
            actual = [value for values in actual.values() for value in values]
        ours, theirs = _values(actual), _values(expected)
        if ours.shape != theirs.shape:
            raise PupilaError(
                say("The golden predictions in the bundle are not those of its model"),
                actual=say("{n} numbers for {name}", n=theirs.size, name=name),
                expected=say("{n} numbers", n=ours.size), remedy=say("copy the bundle again, or retrain"),
            )  # fmt: skip
        difference = relative_difference(ours, theirs)
        if not difference <= info.golden_tolerance:
            raise PupilaError(
                say("The model's predictions on this machine differ from those stored in the bundle"),
                actual=_with_runtime(
                    say("a relative difference of {difference} for {name}", difference=f"{difference:.2g}", name=name),
                    this_runtime(),
                ),
                expected=_with_runtime(
                    say("at most {tolerance}", tolerance=f"{info.golden_tolerance:.0e}"), info.runtime
                ),
                remedy=say("compress its parent on this machine: pupila compress BUNDLE DATA")
                if info.precision.onnx != "float32"
                else say("install the library versions of the machine that made it; pupila doctor lists them"),
            )  # fmt: skip


def _with_runtime(text: str, runtime: Runtime | None) -> str:
    """A text, and where that was computed."""
    if runtime is None:
        return text
    features = ascii_text(", ".join(runtime.cpu_features)) or say("unknown instructions")
    return say("{text} on {features} with ONNX Runtime {version}", text=text, features=features,
               version=ascii_text(runtime.onnxruntime))  # fmt: skip


def _values(prediction: GoldenPrediction) -> Array:
    rows = list(prediction.values()) if isinstance(prediction, dict) else prediction
    return np.asarray(rows, dtype=np.float64)


def relative_difference(actual: Array, expected: Array) -> float:
    """The largest absolute difference, over the largest absolute value that is expected."""
    return float(np.abs(actual - expected).max() / max(float(np.abs(expected).max()), 1e-6))


def golden_logits(bundle: "Bundle", runs: Runs) -> Iterator[tuple[str, Array]]:
    """Each golden image with its logits.

    Raises:
        PupilaError: the model does not predict what the task and the classes need.
    """
    for name in bundle.info.golden:
        yield name, _logits(name, bundle.read(f"{GOLDEN}/{name}"), bundle.info, runs)


def _predict(name: str, data: bytes, info: BundleInfo, runs: Runs) -> GoldenPrediction:
    """The digest of a golden image's logits, by class where the task has classes.

    Raises:
        PupilaError: as `_logits`.
    """
    task = TASKS[info.task]
    digest = task.digest(_logits(name, data, info, runs))
    if task.takes_prompts:
        return digest
    return dict(zip(info.classes, np.reshape(digest, (len(info.classes), -1)).tolist(), strict=True))


def _logits(name: str, data: bytes, info: BundleInfo, runs: Runs) -> Array:
    """The logits of a golden image.

    Raises:
        PupilaError: no image, or logits of another shape than the task and the classes need.
    """
    task = TASKS[info.task]
    try:
        logits = task.trial(runs, preprocess_bytes(data, task, info.preprocessing).inputs[:1])
    except ImageFault as fault:
        raise PupilaError(say("Can't read the golden image {name}", name=name), actual=str(fault)) from fault
    except (ValueError, IndexError, TypeError) as fault:  # outputs that are not those of the task
        raise _misfit(task, info, str(fault)) from fault
    _check_logits(np.asarray(logits), task, info)
    return logits


def _check_logits(logits: Array, task: Task, info: BundleInfo) -> None:
    """Refuse a model of another task, or of another number of classes.

    Raises:
        PupilaError: the shape of the logits, without the axis of the images.
    """
    axes = 3 if task.predicts_masks else 1
    count = 8 if task.takes_prompts else len(info.classes)
    if logits.ndim == axes and len(logits) == count and logits.size and logits.dtype.kind == "f":
        return
    shown = " x ".join(map(str, logits.shape)) or str(logits.size)
    raise _misfit(task, info, say("logits of {shape}", shape=f"{shown} {logits.dtype}"))


def _misfit(task: Task, info: BundleInfo, actual: str) -> PupilaError:
    count = len(info.classes)
    return PupilaError(
        say("The model does not fit the task {task} with the classes {classes}", task=task.name,
            classes=listing(info.classes)),
        actual=actual, remedy=say("copy the bundle again, or retrain"),
        expected=say("{n} numbers for each pixel", n=count) if task.predicts_masks else say("{n} numbers", n=count),
    )  # fmt: skip
