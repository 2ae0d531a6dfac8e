"""Which settings each command takes, and where the models of these settings are: loaded when asked for."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pupila.core.settings import Settings

LAYOUT = ("read.task", "read.layout", "read.images", "read.masks", "read.labels", "read.instances")

# Command -> its stages; `stage.field` is one field of a stage.
COMMANDS: dict[str, tuple[str, ...]] = {
    "collect": ("collect",),
    "doctor": ("read",),
    "split": ("split", "read"),
    "explore": ("read",),
    "label": (*LAYOUT, "label-vlm", "label-roboflow", "label-bundle", "label-csv"),
    "label audit": ("label-audit", "read"),
    "label suspects": ("read",),
    "label queue": ("label-queue", "read"),
    "label export": ("read",),
    "label import": ("read",),
    "data snapshot": ("read",),
    "data diff": ("read",),
    "convert": ("read",),
    "train": (
        "train",
        "split.folds",
        *LAYOUT,
        "read.bands",
        "read.low",
        "read.high",
        "read.max_bytes",
        "read.max_pixels",
    ),
    "compress": ("compress",),
    "evaluate": ("evaluate",),
    "explain": ("explain",),
    "predict": ("predict",),
    "serve": ("serve",),
    "monitor": ("monitor",),
    "page": ("page",),
}
COMMANDS["sweep"] = ("sweep", *COMMANDS["train"])
LABELLER = "label-"  # what the stages of `label` begin with; the kind of labeller follows


def _collect() -> "type[Settings]":
    from pupila.stages.collect.site import Site

    return Site


def _read() -> "type[Settings]":
    from pupila.artifacts.dataset.reading import ReadSettings

    return ReadSettings


def _split() -> "type[Settings]":
    from pupila.artifacts.dataset.split_settings import SplitSettings

    return SplitSettings


def _train() -> "type[Settings]":
    from pupila.stages.train.config import TrainConfig

    return TrainConfig


def _sweep() -> "type[Settings]":
    from pupila.experiments.settings import SweepSettings

    return SweepSettings


def _evaluate() -> "type[Settings]":
    from pupila.stages.evaluate.settings import EvaluateSettings

    return EvaluateSettings


def _compress() -> "type[Settings]":
    from pupila.stages.compress.settings import CompressSettings

    return CompressSettings


def _explain() -> "type[Settings]":
    from pupila.stages.explain.settings import ExplainSettings

    return ExplainSettings


def _predict() -> "type[Settings]":
    from pupila.imaging.images.bands import BandSettings

    return BandSettings


def _serve() -> "type[Settings]":
    from pupila.stages.serve.settings import ServeSettings

    return ServeSettings


def _monitor() -> "type[Settings]":
    from pupila.stages.monitor.settings import MonitorSettings

    return MonitorSettings


def _page() -> "type[Settings]":
    from pupila.stages.page.settings import PageSettings

    return PageSettings


def _audit() -> "type[Settings]":
    from pupila.stages.label.review.audit import AuditSettings

    return AuditSettings


def _queue() -> "type[Settings]":
    from pupila.stages.label.review.queue import QueueSettings

    return QueueSettings


def _vlm() -> "type[Settings]":
    from pupila.stages.label.labellers.settings import VlmSettings

    return VlmSettings


def _roboflow() -> "type[Settings]":
    from pupila.stages.label.labellers.settings import RoboflowSettings

    return RoboflowSettings


def _bundle() -> "type[Settings]":
    from pupila.stages.label.labellers.settings import BundleSettings

    return BundleSettings


def _table() -> "type[Settings]":
    from pupila.stages.label.labellers.settings import TableSettings

    return TableSettings


STAGES: dict[str, "Callable[[], type[Settings]]"] = {
    "collect": _collect, "read": _read, "split": _split, "train": _train, "sweep": _sweep, "evaluate": _evaluate,
    "compress": _compress, "explain": _explain,
    "predict": _predict, "serve": _serve, "monitor": _monitor, "page": _page, "label-audit": _audit,
    "label-queue": _queue, "label-vlm": _vlm, "label-roboflow": _roboflow, "label-bundle": _bundle, "label-csv": _table,
}  # fmt: skip
