"""Writes the typed keyword arguments of the Python functions, `options.py` and `train_options.py`, from the settings.

An editor completes them and a type checker checks them (PEP 692); at run time the models check them. Run
`python -m pupila.cli.write_options` after a setting was added, renamed or reworded; a test refuses a file that is not
up to date.
"""

import textwrap
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from pupila.cli.stages import COMMANDS, LAYOUT, STAGES
from pupila.core.settings import COMMON, EXPERT, Settings

# Module -> its classes; "": all others.
MODULES = {
    "api.options": ("",),
    "api.train_options": ("TrainOptions",),
    "experiments.options": ("SweepOptions",),
}
# The class -> what it is for, the classes that it extends, and its stages; `stage.field` is one field of a stage.
OPTIONS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "BandOptions": ("How the bands of TIFFs become colours.", (), ("predict",)),
    "LayoutOptions": ("How a data set is laid out.", (), LAYOUT),
    "ReadOptions": ("How the images of a data set are read.", ("LayoutOptions", "BandOptions"), ("read",)),
    "SplitOptions": ("How a data set is split, and how its images are read.", ("ReadOptions",), ("split",)),
    "TrainOptions": ("How a model is trained, on which folds, and how images are read.",
                     ("LayoutOptions", "BandOptions"),
                     tuple(entry for entry in COMMANDS["train"] if entry != "predict")),
    "SweepOptions": ("How a sweep is run, and the settings that its cells share.", ("TrainOptions",), ("sweep",)),
    "EvaluateOptions": ("What is evaluated besides the metrics.", (), COMMANDS["evaluate"]),
    "CompressOptions": ("How a bundle is compressed, and what that may cost.", (), COMMANDS["compress"]),
    "ExplainOptions": ("How heat maps are made, of which class and of how many images.", (), COMMANDS["explain"]),
    "LabelOptions": ("Settings of the labellers.", ("LayoutOptions",), COMMANDS["label"]),
    "AuditOptions": ("How labels are audited, and how images are read.", ("ReadOptions",), ("label-audit",)),
    "CollectOptions": ("How a site is crawled.", (), ("collect",)),
    "MonitorOptions": ("When an alarm is raised.", (), ("monitor",)),
    "ServeOptions": ("Limits, queue and threads of the service.", (), ("serve",)),
}  # fmt: skip
_HEAD = '''"""Keyword arguments of the functions: every setting with its type, its meaning and its default.

Written by `python -m pupila.cli.write_options` from the models of the settings, which check the values.
"""

'''
_WIDTH, _DOC_WIDTH = 114, 118  # of lines of code, and of a docstring
# Flags that in Python are another function.
ELSEWHERE = {"sweep": ("replay", "test_images", "positives", "chosen")}
_UNSTATED = (None, "''", "[]", "()", "{}")  # defaults that say nothing


def find_file(module: str) -> Path:
    """The file of a module."""
    return Path(__file__).parents[1].joinpath(*module.split(".")).with_suffix(".py")


def find_module(name: str) -> str:
    """The module of a class."""
    return next((module for module, names in MODULES.items() if name in names), "api.options")


def text(module: str) -> str:
    """The content of the file of a module."""
    own = [name for name in OPTIONS if find_module(name) == module]
    parents = sorted({parent for name in own for parent in OPTIONS[name][1]} - set(own))
    content = "".join(map(_class, own))
    typed = [name for name in ("Any", "Literal", "TypedDict") if name in content]
    containers = [name for name in ("Mapping", "Sequence") if f"{name}[" in content]
    sources: dict[str, list[str]] = {}
    for parent in parents:
        sources.setdefault(find_module(parent), []).append(parent)
    imports = "".join(
        f"\nfrom pupila.{source} import {', '.join(names)}\n" for source, names in sorted(sources.items())
    )
    return (
        f"{_HEAD}from collections.abc import {', '.join(containers)}\nfrom typing import {', '.join(typed)}\n"
        f"{imports}{content}"
    )


@dataclass(frozen=True, slots=True)
class Option:
    """One setting of a class of options."""

    kinds: str  # its annotation as text
    meaning: str
    part: str  # the stage and the group that it belongs to


def options(name: str) -> dict[str, Option]:
    """The settings that a class of options adds to those of the classes that it extends.

    Labellers share names: the type is that of all of them together, the meaning that of the first.
    """
    _, parents, stages = OPTIONS[name]
    inherited = [key for parent in parents for key in _all_options(parent)]
    added: dict[str, Option] = {}
    for entry in stages:
        stage, _, single = entry.partition(".")
        model = STAGES[stage]()
        for field_name, field in _order_fields(model).items():
            if single not in ("", field_name) or field_name in (*inherited, *ELSEWHERE.get(stage, ())):
                continue
            part = f"{stage}: {model.find_group(field_name)}"
            option = Option(
                annotation_text(field.annotation), meaning(field, _list_notes(model, field_name)), part
            )
            if (first := added.get(field_name)) is not None:
                kinds = " | ".join(dict.fromkeys(f"{first.kinds} | {option.kinds}".split(" | ")))
                option = Option(kinds, first.meaning, first.part)
            added[field_name] = option
    return added


def _all_options(name: str) -> dict[str, Option]:
    inherited = map(_all_options, OPTIONS[name][1])
    return {key: option for some in (*inherited, options(name)) for key, option in some.items()}


def _order_fields(model: type[Settings]) -> dict[str, FieldInfo]:
    named = [name for names in model.groups.values() for name in names if name in model.model_fields]
    names = list(dict.fromkeys([*named, *model.model_fields]))
    groups = list(dict.fromkeys([COMMON, EXPERT, *map(model.find_group, names)]))
    names.sort(key=lambda name: groups.index(model.find_group(name)))
    return {name: model.model_fields[name] for name in names}


def _list_notes(model: type[Settings], name: str) -> str:
    """What a setting means for each model that this one is the union of."""
    titles: dict[str, list[str]] = {}
    for title, part in model.parts.items():
        if name in part.notes:
            titles.setdefault(part.notes[name], []).append(title)
    return "".join(f"; {', '.join(own)}: {note}" for note, own in titles.items())


def _class(name: str) -> str:
    doc, parents, _ = OPTIONS[name]
    added, part = options(name), ""
    lines = [
        "",
        "",
        f"class {name}({', '.join(parents) or 'TypedDict'}, total=False):",
        f'    """{doc}"""',
        "",
    ]
    for field_name, option in added.items():
        if option.part != part and len({each.part for each in added.values()}) > 1:
            lines.append(f"    # {option.part}")
        part = option.part
        lines += _annotate(field_name, option.kinds)
        lines += textwrap.wrap(
            f'"""{option.meaning}"""',
            _DOC_WIDTH,
            initial_indent=" " * 4,
            subsequent_indent=" " * 4,
            break_on_hyphens=False,
        )
    return "\n".join(lines) + "\n"


def _annotate(name: str, kinds: str) -> list[str]:
    """The lines of a setting's annotation; many choices take several."""
    line = f"    {name}: {kinds}"
    if len(line) <= _WIDTH or not kinds.startswith("Literal["):
        return [line]
    choices = kinds.removeprefix("Literal[").removesuffix("]")
    indent = " " * 8
    wrapped = textwrap.wrap(
        choices, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )
    return [f"    {name}: Literal[", *wrapped, "    ]  # fmt: skip"]


def meaning(field: FieldInfo, notes: str = "") -> str:
    """The description, the notes and the default, as Python writes them."""
    sentence = (field.description or "").replace("\\", "\\\\").replace("null", "None").rstrip(".") + notes
    default = None if field.is_required() else repr(field.get_default(call_default_factory=True))
    return sentence + ("." if default in _UNSTATED else f" [default: {default}].")


def annotation_text(annotation: Any) -> str:
    """The type that a caller sees: limits are left to the model, and any sequence serves as a list or a tuple."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return annotation_text(parts[0])
    if origin in (Union, UnionType):
        return " | ".join(dict.fromkeys(annotation_text(part) for part in parts))
    if origin is Literal:
        return f"Literal[{', '.join(_literal(value) for value in parts)}]"
    if origin in (tuple, list):
        return f"Sequence[{annotation_text(parts[0])}]"
    if origin is dict:
        return f"Mapping[{', '.join(map(annotation_text, parts))}]"
    if annotation is Any:
        return "Any"
    return "None" if annotation is NoneType else str(annotation.__name__)


def _literal(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


if __name__ == "__main__":
    for each in MODULES:
        find_file(each).write_text(text(each), encoding="utf-8")
