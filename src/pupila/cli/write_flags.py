"""Writes flags.json, what the help and the completion know of all settings without loading their models.

Pydantic alone takes longer to load than a help may. Run `python -m pupila.cli.write_flags` after a setting was added,
renamed or reworded; a test refuses a table that is not up to date.
"""

import json
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pupila.cli.stages import STAGES
from pupila.core.settings import Settings, shown_default

FILE = Path(__file__).with_name("flags.json")
# Models of timm that completion offers beside our own: one or two of each family that people begin with.
USUAL = (
    "mobilenetv2_100", "mobilenetv3_large_100", "resnet10t", "resnet18", "resnet34", "resnet50", "resnet101",
    "efficientnet_b0", "efficientnet_b2", "efficientnetv2_rw_s", "tf_efficientnetv2_s", "convnext_tiny",
    "convnextv2_tiny", "regnety_004", "regnety_032", "densenet121", "vit_small_patch16_224", "vit_base_patch16_224",
    "vit_small_patch14_dinov2", "deit3_small_patch16_224", "swin_tiny_patch4_window7_224", "mit_b0", "mit_b2",
)  # fmt: skip
_METAVAR = 60  # characters of the words that may follow a flag, in the help


def table() -> dict[str, list[dict[str, Any]]]:
    """Stage -> its settings in the order of the help, as plain data."""
    return {stage: _stage(stage) for stage in STAGES}


def text() -> str:
    """The content of the file."""
    return json.dumps(table(), indent=1, ensure_ascii=False) + "\n"


def _stage(stage: str) -> list[dict[str, Any]]:
    """The settings of a stage: those of the union of several models that all of them have, then each model's own."""
    model = STAGES[stage]()
    parts = model.parts.values()
    shared = [name for name in _order(model) if all(name in part.model_fields for part in parts)]
    rows = [_row(stage, model, name, model.find_group(name)) for name in shared]
    for title, part in model.parts.items():
        rows += [_row(stage, part, name, title) for name in _order(part) if name not in shared]
    return rows


def _order(model: type[Settings]) -> list[str]:
    named = [name for names in model.groups.values() for name in names if name in model.model_fields]
    return [*named, *(name for name in model.model_fields if name not in named)]


def _row(stage: str, model: type[Settings], name: str, group: str) -> dict[str, Any]:
    field = model.model_fields[name]
    kind, metavar = _kind(field.annotation)
    notes = {title: part.notes[name] for title, part in model.parts.items() if name in part.notes}
    if not model.parts and name in model.notes:
        notes = {"": model.notes[name]}
    return {
        "stage": stage, "name": name, "group": group, "kind": kind, "metavar": metavar,
        "nullable": NoneType in _parts(field.annotation), "default": shown_default(field),
        "choices": _choices(stage, name, field.annotation), "description": field.description or "", "notes": notes,
    }  # fmt: skip


def _parts(annotation: Any) -> list[Any]:
    """The alternatives of a type, without their limits."""
    if get_origin(annotation) is Annotated:
        return _parts(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [part for alternative in get_args(annotation) for part in _parts(alternative)]
    return [annotation]


def _kind(annotation: Any) -> tuple[str, str]:
    """How the text of a flag is read, and what stands for it in the help."""
    parts = [part for part in _parts(annotation) if part is not NoneType]
    words = [str(value) for part in parts if get_origin(part) is Literal for value in get_args(part)]
    for part in parts:
        origin, inner = get_origin(part), get_args(part)
        if part is bool:
            return "bool", ""
        if origin in (tuple, list):
            letter = "NAME" if inner[0] is str else "N"
            repeated = len(inner) if origin is tuple and inner[-1] is not Ellipsis else 0
            return ("names" if inner[0] is str else "list"), ",".join([letter] * repeated) or f"{letter},..."
        if origin is dict and get_origin(inner[1]) is dict:
            return "conditions", "NAME:OTHER=V1,V2"
        if origin is dict and get_origin(inner[1]) is list:
            return "lists", "NAME=V1,V2"
        if origin is dict:
            return "mapping", "NAME=VALUE,..."
        if part in (int, float):
            return "yaml", "|".join(["N" if part is int else "NUMBER", *words])
    return "text", _wrap_choices(words) if words else "TEXT"


def _wrap_choices(words: list[str]) -> str:
    """The words that may stand there; of many only the first ones, as the flag's line has no more room."""
    shown = "|".join(words)
    return shown if len(shown) <= _METAVAR else "|".join([*words[:3], "..."])


def _choices(stage: str, name: str, annotation: Any) -> list[str]:
    """Words that completion offers."""
    words = [
        str(value) for part in _parts(annotation) if get_origin(part) is Literal for value in get_args(part)
    ]
    if stage != "train" or words:
        return words
    from pupila.learning.models.nets import NETS
    from pupila.learning.models.segment import ARCHITECTURES
    from pupila.learning.models.settings import CHECKPOINTS, PUPILA_SAM

    if name not in ("model", "encoder"):
        return []
    names = {"model": (*NETS, *ARCHITECTURES, PUPILA_SAM, *CHECKPOINTS, *USUAL), "encoder": USUAL}.get(name)
    return sorted({"auto", *names}) if names else []


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
