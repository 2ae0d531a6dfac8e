"""All labellers, in one literal dict."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.settings import Settings, unknown
from pupila.stages.label.labellers.bundle import Bundled
from pupila.stages.label.labellers.labeller import Labeller
from pupila.stages.label.labellers.roboflow import Roboflow
from pupila.stages.label.labellers.settings import (
    BundleSettings,
    RoboflowSettings,
    TableSettings,
    VlmSettings,
)
from pupila.stages.label.labellers.table import Table
from pupila.stages.label.labellers.vlm import VisionModel


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to get labels."""

    settings: type[Settings]
    source: str  # the setting that what follows the colon stands for
    made: Callable[[Any, Dataset], Labeller]


KINDS: dict[str, Kind] = {
    "vlm": Kind(VlmSettings, "model", VisionModel),
    "roboflow": Kind(RoboflowSettings, "model", Roboflow),
    "bundle": Kind(BundleSettings, "bundle", Bundled),
    "csv": Kind(TableSettings, "file", Table),
}


def labeller_of(name: str, wish: dict[str, Any], data: Dataset) -> Labeller:
    """The labeller of a name such as `vlm:gpt-5-mini`.

    Args:
        name: kind, and after a colon its source.
        wish: fields of the kind's settings.
        data: whose images are to be labelled.

    Raises:
        PupilaError: no such kind, bad settings, or one that can't label these data.
    """
    word, colon, source = name.partition(":")
    if word not in KINDS:
        raise PupilaError(say("No such labeller"), found=f"{word}: {unknown(word, list(KINDS))}",
                          wanted="vlm:MODEL, roboflow:PROJECT/VERSION, bundle:FOLDER, csv:FILE")  # fmt: skip
    kind = KINDS[word]
    told = {**wish, kind.source: source} if colon else wish
    settings = kind.settings.wish(told, f"label-{word}")
    if not getattr(settings, kind.source):
        raise PupilaError(say("Which {kind} is to label was not said", kind=word), found=f"--with {name}",
                          wanted=f"--with {word}:{kind.source.upper()}")  # fmt: skip
    return kind.made(settings, data)
