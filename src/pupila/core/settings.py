"""Settings: small frozen models, all faults in a user's words, did-you-mean, and their description."""

import difflib
import os
from collections.abc import Callable
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, Self, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say

COMMON, EXPERT = "common", "expert"  # groups of the help: what most people set, and what is left
_MOST_LISTED = 30  # names that a sentence lists
_ENDLESS = 2**31  # a limit that nobody reaches is not worth saying
_RANGES = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")  # pydantic's types of errors


class Settings(BaseModel):
    """Settings of a user: every field has a default, and a description that gives the unit."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    # Group of the help -> its fields. What no group names is for experts, or common where nothing is.
    groups: ClassVar[dict[str, tuple[str, ...]]] = {}
    # Field -> what it means for this model alone, such as the value of auto; marked for translation.
    notes: ClassVar[dict[str, str]] = {}
    # Title of a group of the help -> the model with its fields, where this model is the union of several.
    parts: ClassVar[dict[str, "type[Settings]"]] = {}

    @field_validator("*", mode="before")
    @classmethod
    def _read_plainly(cls, value: Any, info: ValidationInfo) -> Any:
        """True is no 1 where a number is expected; a path of Python is its text."""
        if isinstance(value, os.PathLike):
            return os.fspath(value)
        values = value if isinstance(value, list | tuple) else [value]
        if not any(isinstance(item, bool) for item in values):
            return value
        kinds = _kinds(cls.model_fields[str(info.field_name)].annotation)
        if bool not in kinds and kinds & {int, float}:
            raise PydanticCustomError("number_type", "a number is expected")
        return value

    @classmethod
    def parse(cls, overrides: dict[str, Any] | None = None, command: str = "") -> Self:
        """The settings with the overrides applied; all faults are reported at once.

        Args:
            overrides: field name to value; text is read in pydantic's lax mode.
            command: the stage that `pupila settings` describes, for the remedy.

        Raises:
            PupilaError: an unknown field or a bad value.
        """
        try:
            return cls.model_validate(overrides or {})
        except ValidationError as fault:
            raise invalid(command or cls.__name__, cls._explain(fault, {})) from None

    @classmethod
    def faults(cls, values: dict[str, Any], shown: dict[str, str]) -> list[str]:
        """What is wrong with the fields that were given, each by itself; empty where nothing is.

        Args:
            values: field name to value.
            shown: field name to how the user wrote it.
        """
        try:
            cls.model_validate(values)
        except ValidationError as fault:
            return cls._explain(fault, shown, whole=False)
        except PupilaError:  # of the fields together: the stage says it
            pass
        return []

    @classmethod
    def _explain(cls, fault: ValidationError, shown: dict[str, str], whole: bool = True) -> list[str]:
        errors: dict[str, list[Any]] = {}
        for error in fault.errors():
            if error["loc"] or whole:
                errors.setdefault(str(error["loc"][0]) if error["loc"] else "", []).append(error)
        return [_sentence(name, shown.get(name, name), given, cls) for name, given in errors.items()]

    @classmethod
    def find_group(cls, name: str) -> str:
        """The group of the help that a field belongs to."""
        having = [title for title, part in cls.parts.items() if name in part.model_fields]
        if len(having) < len(cls.parts):
            return ", ".join(having)
        named = next((group for group, names in cls.groups.items() if name in names), None)
        return named or (EXPERT if COMMON in cls.groups else COMMON)


def invalid(command: str, faults: list[str], remedy: str = "") -> PupilaError:
    """The one error that names all faults of the settings of a stage.

    Args:
        command: the stage.
        faults: what is wrong, each without a full stop.
        remedy: the corrected settings; empty: the command that lists all of them.
    """
    name = say("training") if command == "train" else command
    return PupilaError(
        say("Invalid {name} settings: {faults}", name=name, faults="; ".join(faults)),
        remedy=remedy or f"pupila settings {command.replace(' ', '-')}",
    )


def shown_default(field: FieldInfo) -> str:
    """The default as YAML; empty where there is none."""
    if field.is_required():
        return ""
    return yaml_text(field.get_default(call_default_factory=True))


def yaml_text(value: Any) -> str:
    """The value of a setting as one line of YAML: `null`, `false`, `{pad_type: same}`."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=_ENDLESS)
    return str(text).removesuffix("\n").removesuffix("\n...")


def _sentence(name: str, written: str, errors: list[Any], model: type[Settings]) -> str:
    """What is wrong with one field, from all errors of pydantic."""
    first = errors[0]
    if first["type"] == "extra_forbidden":
        return unknown_setting(written, list(model.model_fields))
    if first["type"] == "missing" and len(first["loc"]) == 1:
        return say("{name} is missing", name=written)
    if first["type"] in ("value_error", "assertion_error"):  # of our own validators, in our own words
        reason = str(first.get("ctx", {}).get("error", first["msg"]))
        return f"{written}: {reason}" if written else reason
    field = model.model_fields[name]
    within = any(error["type"] in _RANGES and len(error["loc"]) <= 2 for error in errors)
    expected = alternatives(field.annotation, field.metadata, kind=not within)
    if written == name:
        written = f"{name}={first['input']!r}"
    return say("{given} (expected {expected})", given=written, expected=expected)


def alternatives(annotation: Any, metadata: list[Any], kind: bool = True) -> str:
    """What a field takes, in words: "a whole number of 1 or more, or auto".

    Args:
        annotation: type of the field.
        metadata: its limits.
        kind: whether to name the kind of number, too; False: its limits alone.
    """
    words = list(dict.fromkeys(_words(annotation, metadata, kind)))
    if len(words) == 1:
        return words[0]
    first, last = ", ".join(words[:-1]), words[-1]
    if any(" or " in word for word in words):
        return say("{first}, or {last}", first=first, last=last)
    return say("{first} or {last}", first=first, last=last)


def _kinds(annotation: Any) -> set[Any]:
    """All types within an annotation."""
    if get_origin(annotation) is Literal:
        return set()
    parts = get_args(annotation)
    if get_origin(annotation) is Annotated:
        parts = parts[:1]
    return set().union(*map(_kinds, parts)) if parts else {annotation}


def number_type(annotation: Any) -> type[int] | type[float] | None:
    """Whether a field takes whole numbers or others; None where it takes no numbers."""
    kinds = _kinds(annotation)
    return float if float in kinds else int if int in kinds else None


def _words(annotation: Any, metadata: list[Any], kind: bool) -> list[str]:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _words(parts[0], [*metadata, *parts[1:]], kind)
    if origin in (Union, UnionType):
        return [word for part in parts for word in _words(part, metadata, kind)]
    if origin is Literal:
        return [str(value) for value in parts]
    if annotation in (int, float):
        limits = _limits(metadata, annotation is int)
        if not kind and limits:
            return [limits]
        return [say("a whole number") if annotation is int else say("a number")]
    if origin in (tuple, list):
        count = len(parts) if origin is tuple and parts[-1] is not Ellipsis else None
        return [_describe_list(_plain(parts[0]), count)]
    return [{bool: say("true or false"), NoneType: "null", str: say("text")}.get(annotation, "NAME=VALUE")]


def _describe_list(kind: Any, count: int | None) -> str:
    if count is not None:
        return {
            int: say("{n} comma-separated whole numbers", n=count), float: say("{n} comma-separated numbers", n=count),
        }.get(kind, say("{n} comma-separated names", n=count))  # fmt: skip
    return {int: say("comma-separated whole numbers"), float: say("comma-separated numbers")}.get(
        kind, say("comma-separated names")
    )


def _plain(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _limits(metadata: list[Any], whole: bool) -> str:
    """The limits of a number: "1 or more", "0 to 50", "above 0", "at least 0 and below 1"."""
    limits = {
        name: value
        for part in metadata
        for name in ("ge", "gt", "le", "lt")
        if (value := getattr(part, name, None)) is not None and value < _ENDLESS
    }
    if whole and "gt" in limits:  # of whole numbers, above 0 is 1 or more
        limits["ge"] = limits.pop("gt") + 1
    if set(limits) == {"ge", "le"}:
        return say("{low} to {high}", low=limits["ge"], high=limits["le"])
    if set(limits) == {"ge"}:
        return say("{low} or more", low=limits["ge"])
    sentences: dict[str, Callable[[Any], str]] = {
        "ge": lambda low: say("at least {low}", low=low), "gt": lambda low: say("above {low}", low=low),
        "le": lambda high: say("at most {high}", high=high), "lt": lambda high: say("below {high}", high=high),
    }  # fmt: skip
    return ", ".join(sentences[name](value) for name, value in limits.items())


def unknown(problem: str, name: str, known: list[str]) -> str:
    """Adds to the sentence of an unknown name which known one is meant, or which there are, unless they are many.

    Args:
        problem: the sentence without a full stop, such as "Unknown demo shopp".
        name: as the user wrote it.
        known: names that there are.
    """
    close = closest(name, known)
    if close:
        return say("{problem}. Did you mean {name}?", problem=problem, name=close)
    if not known or len(known) > _MOST_LISTED:
        return problem
    return say("{problem}. Choose one of: {names}", problem=problem, names=", ".join(known))


def unknown_setting(written: str, known: list[str], close: str | None = None) -> str:
    """Says that a setting, as the user wrote it, is unknown, and which one is meant.

    Args:
        written: as the user wrote it.
        known: settings that there are.
        close: the one that is meant; None: the one that is spelt most like it.
    """
    close = close or closest(written, known)
    if close:
        return say("{name} is unknown (did you mean {close}?)", name=written, close=close)
    return say("{name} is unknown", name=written)


def closest(name: str, known: list[str]) -> str | None:
    """The known name that is most like this one, if one is."""
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.6)), None)


def yaml_value(text: str) -> Any:
    """What a text means as YAML: a number, a list, a word; empty text stays empty text.

    Raises:
        ValueError: no YAML, with what was expected.
    """
    try:
        return yaml.safe_load(text) if text.strip() else ""
    except yaml.YAMLError as fault:
        raise ValueError(say("a value that YAML can read")) from fault


def read_config(path: str, load: Callable[[bytes], Any] = yaml.safe_load) -> dict[str, Any]:
    """The settings in a YAML file.

    Args:
        path: the file.
        load: reads its content.

    Raises:
        PupilaError: it does not exist, or is no YAML mapping.
    """
    if not files.exists(path):
        raise PupilaError(say("{path} does not exist", path=path))
    try:
        content = load(files.read_bytes(path))
    except OSError as fault:
        raise PupilaError(say("Can't read {path}", path=path), actual=str(fault).splitlines()[0]) from fault
    except yaml.YAMLError as fault:
        raise PupilaError(_describe_yaml_fault(path, fault)) from fault
    if isinstance(content, dict):
        return content
    if content is None:
        raise PupilaError(say("{path} is empty; write one NAME: VALUE per line", path=path))
    if isinstance(content, list):
        raise PupilaError(say("{path} holds a list; write one NAME: VALUE per line", path=path))
    raise PupilaError(say("{path} holds a single value; write one NAME: VALUE per line", path=path))


def refuse_duplicates(node: yaml.Node) -> None:
    """Refuse a mapping that names anything twice, once perhaps with dashes, here or within.

    Raises:
        yaml.YAMLError: it does.
    """
    if isinstance(node, yaml.MappingNode):
        names: set[str] = set()
        for key, _ in node.value:
            name = str(key.value).replace("-", "_")
            if name in names:
                problem = say("{name} is given twice", name=key.value)
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            names.add(name)
    if isinstance(node, yaml.MappingNode | yaml.SequenceNode):
        for inner in node.value:
            refuse_duplicates(inner[1] if isinstance(inner, tuple) else inner)


def load_as_written(content: bytes) -> Any:
    """The YAML with every value as text: names such as no, on, 010 and 12:30 stay what they are.

    Raises:
        yaml.YAMLError: it is not valid, or repeats a list or mapping by its anchor: nested, these grow without bound.
    """
    return yaml.load(content, Loader=_AsWritten)


class _AsWritten(yaml.BaseLoader):
    """Builds nothing but text, lists and dicts."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        repeated = self.check_event(yaml.AliasEvent)
        node = super().compose_node(parent, index)
        if repeated and isinstance(node, yaml.CollectionNode):
            raise yaml.MarkedYAMLError(
                problem="a list or mapping repeated by its anchor", problem_mark=node.start_mark
            )
        return node


def _describe_yaml_fault(path: str, fault: yaml.YAMLError) -> str:
    mark, reason = getattr(fault, "problem_mark", None), getattr(fault, "problem", None)
    if mark is None or not reason:
        return say("{path} is not valid YAML", path=path)
    return say(
        "{path} is not valid YAML (line {line}: {reason})", path=path, line=mark.line + 1, reason=reason
    )
