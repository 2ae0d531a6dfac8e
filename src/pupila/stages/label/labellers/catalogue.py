"""All labellers, in one literal dict."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.settings import Settings, closest, unknown
from pupila.stages.label.labellers.bundle import BundleLabeller
from pupila.stages.label.labellers.labeller import Labeller
from pupila.stages.label.labellers.roboflow import RoboflowLabeller
from pupila.stages.label.labellers.settings import (
    BundleSettings,
    RoboflowSettings,
    TableSettings,
    VlmSettings,
)
from pupila.stages.label.labellers.table import TableLabeller
from pupila.stages.label.labellers.vlm import VlmLabeller


@dataclass(frozen=True, slots=True)
class LabellerType:
    """One type of labeller: its settings, and what creates it."""

    settings: type[Settings]
    source: str  # the setting that is given after the colon of its name
    create: Callable[[Any, Dataset], Labeller]


LABELLER_TYPES: dict[str, LabellerType] = {
    "vlm": LabellerType(VlmSettings, "model", VlmLabeller),
    "roboflow": LabellerType(RoboflowSettings, "model", RoboflowLabeller),
    "bundle": LabellerType(BundleSettings, "bundle", BundleLabeller),
    "csv": LabellerType(TableSettings, "file", TableLabeller),
}


# Servers and models that people name as if they were types of labellers; all speak vlm.
_VLM_WORDS = (
    "ollama",
    "openai",
    "vllm",
    "lmstudio",
    "lm-studio",
    "llamacpp",
    "openrouter",
    "gpt",
    "llava",
    "qwen",
)


def _describe_unknown(word: str) -> str:
    """The sentence for a type of labeller that there is not."""
    problem = say("Unknown labeller {name}", name=word)
    server = next((name for name in _VLM_WORDS if word.lower().startswith(name)), None)
    if server is None and closest(word, list(LABELLER_TYPES)):
        return unknown(problem, word, list(LABELLER_TYPES))
    names = "vlm:MODEL, roboflow:PROJECT/VERSION, bundle:FOLDER, csv:FILE"
    if server is None:
        return say("{problem}. Choose one of: {names}", problem=problem, names=names)
    return say("{problem}. Choose one of: {names}; for {name} use vlm:MODEL with --base-url",
               problem=problem, names=names, name=word)  # fmt: skip


def create_labeller(name: str, settings: Mapping[str, object], data: Dataset) -> Labeller:
    """The labeller of a name such as `vlm:gpt-5-mini`.

    Args:
        name: type, a colon, and its source.
        settings: fields of the settings of that type.
        data: the data set to label.

    Raises:
        PupilaError: no such type, bad settings, or one that can't label these data.
    """
    word, colon, source = name.partition(":")
    if word not in LABELLER_TYPES:
        raise PupilaError(_describe_unknown(word))
    labeller_type = LABELLER_TYPES[word]
    values = {**settings, **({labeller_type.source: source} if colon else {})}
    parsed = labeller_type.settings.parse(values, f"label-{word}")
    if not getattr(parsed, labeller_type.source):
        raise PupilaError(say("The {type} labeller needs a {source}", type=word, source=labeller_type.source),
                          actual=f"--with {name}",
                          expected=f"--with {word}:{labeller_type.source.upper()}")  # fmt: skip
    return labeller_type.create(parsed, data)
