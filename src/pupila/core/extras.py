"""Libraries of optional extras: which extra brings which, and the error that names the command to get it."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from pupila.core.errors import MissingExtra

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

# The module of a library -> the smallest extra that brings it.
EXTRA_OF = {
    **dict.fromkeys(
        ("charset_normalizer", "jinja2", "markupsafe", "matplotlib", "polars", "scipy", "sklearn",
         "usearch"), "data"
    ),
    **dict.fromkeys(
        ("onnx", "onnxscript", "segmentation_models_pytorch", "timm", "torch", "torchvision"), "train"
    ),
    "transformers": "sam",
    **dict.fromkeys(("httpcore", "playwright", "protego", "selectolax", "tenacity"), "collect"),
    "httpx": "client",
    **dict.fromkeys(("cleanlab", "openai"), "label"),
    "rasterio": "geo",
    "pillow_heif": "heif",
    "openvino": "openvino",
    "s3fs": "s3",
    "optuna": "sweep",
    "torch_pruning": "compress",
    "gradio": "ui",
    **dict.fromkeys(("boto3", "cfnlint", "moto"), "deploy"),
    **dict.fromkeys(("mlflow", "tensorboard", "wandb"), "track"),
}  # fmt: skip


@contextmanager
def name_missing_extra() -> Iterator[None]:
    """Within it, a library of an extra that is not installed is a `MissingExtra`, which names the command.

    Raises:
        MissingExtra: instead of the ModuleNotFoundError of a library that an extra brings.
    """
    try:
        yield
    except ModuleNotFoundError as fault:
        module = fault.name or ""
        extra = EXTRA_OF.get(module.partition(".")[0])
        if extra is None:
            raise
        raise MissingExtra(extra, module) from fault


def public(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """A function of the Python face: a library that it lacks is a `MissingExtra`."""

    @functools.wraps(function)
    def call(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        with name_missing_extra():
            return function(*args, **kwargs)

    return call
