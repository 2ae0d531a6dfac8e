"""YAML with the lines of its values, in the core types of YAML 1.2: `on` and `22:22` are texts; a key occurs once."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from pupila.core.messages import say
from pupila.stages.deploy.checks.result import Fault

_MOST_VALUES = 100_000  # of one file
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_INTEGER = re.compile(r"[-+]?(0|[1-9]\d*)")
_NUMBER = re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?")
_MERGE, _STANDARD = "<<", "tag:yaml.org,2002:"
_WITHOUT_PREFIX = ("Ref", "Condition")  # tags of CloudFormation whose long form has no `Fn::`


class UnreadableYaml(Exception):
    """A file that can't be read; its argument is the fault."""

    @property
    def fault(self) -> Fault:
        """What is wrong with the file."""
        fault: Fault = self.args[0]
        return fault


class LinedDict(dict[str, Any]):
    """A mapping that knows the lines of its keys, from 1."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}

    def find_line(self, key: str) -> int:
        """The line of a key; of the mapping, where it has no such key."""
        return self.lines.get(key, self.line)


class LinedList(list[Any]):
    """A sequence that knows the lines of its items, from 1."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: list[int] = []


def read_yaml(folder: Path, name: str, tags: bool = False) -> LinedDict:
    """The mapping in a file.

    Args:
        folder: with the file.
        name: of the file.
        tags: whether CloudFormation's tags are read: `!Ref X` as `{"Ref": "X"}`, `!Sub X` as `{"Fn::Sub": "X"}`.

    Raises:
        UnreadableYaml: no YAML, no mapping, a key that occurs twice, or a tag where none is allowed.
    """
    path = folder / name
    if not path.is_file():  # a pipe would never end
        raise UnreadableYaml(Fault(name, "", say("It is no regular file")))
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    except (OSError, UnicodeDecodeError) as fault:
        raise UnreadableYaml(
            Fault(name, "", say("The file can't be read: {reason}", reason=str(fault)))
        ) from fault
    except yaml.YAMLError as fault:
        mark = getattr(fault, "problem_mark", None)
        problem = getattr(fault, "problem", None) or str(fault)
        line = "" if mark is None else str(mark.line + 1)
        raise UnreadableYaml(
            Fault(name, line, say("The file is no YAML: {reason}", reason=problem))
        ) from fault
    content = None if node is None else _Builder(name, tags).build(node)
    if not isinstance(content, LinedDict):
        raise UnreadableYaml(Fault(name, "", say("The file has no mapping of names to values")))
    return content


def read_each(folder: Path, names: list[str], faults: list[Fault]) -> Iterator[tuple[str, LinedDict]]:
    """The files that can be read, with their names; what is wrong with the others is added to the faults."""
    for name in names:
        try:
            yield name, read_yaml(folder, name)
        except UnreadableYaml as unreadable:
            faults.append(unreadable.fault)


def walk_values(value: Any, line: int) -> Iterator[tuple[str, Any, int]]:
    """The key, value and line of every scalar below a value; an item of a list has the key of the list."""
    if isinstance(value, LinedDict):
        for key, item in value.items():
            if isinstance(item, LinedDict | LinedList):
                yield from ((own or key, *rest) for own, *rest in walk_values(item, value.find_line(key)))
            else:
                yield key, item, value.find_line(key)
    elif isinstance(value, LinedList):
        for item, at in zip(value, value.lines, strict=True):
            yield from walk_values(item, at)
    else:
        yield "", value, line


class _Builder:
    """Builds values from the nodes of a file."""

    def __init__(self, name: str, tags: bool) -> None:
        self._name, self._tags = name, tags
        self._built = 0  # values

    def build(self, node: yaml.Node) -> Any:
        self._built += 1
        if self._built > _MOST_VALUES:
            raise self._fault(
                node, say("The file has more than {most} values, aliases counted", most=_MOST_VALUES)
            )
        value = self._build_plain(node)
        if node.tag.startswith(_STANDARD):
            return value
        if not self._tags or not node.tag.startswith("!") or node.tag == "!":
            raise self._fault(node, say("Unexpected tag {tag}", tag=node.tag))
        tag = node.tag[1:]
        long = LinedDict(_line(node))
        long[tag if tag in _WITHOUT_PREFIX else f"Fn::{tag}"] = (
            value.split(".", 1) if tag == "GetAtt" and isinstance(value, str) else value
        )
        return long

    def _build_plain(self, node: yaml.Node) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self._build_mapping(node)
        if isinstance(node, yaml.SequenceNode):
            items = LinedList(_line(node))
            items.extend(self.build(item) for item in node.value)
            items.lines = [_line(item) for item in node.value]
            return items
        quoted = isinstance(node, yaml.ScalarNode) and node.style
        return node.value if quoted or not node.tag.startswith(_STANDARD) else _parse(node.value)

    def _build_mapping(self, node: yaml.MappingNode) -> LinedDict:
        mapping, merged = LinedDict(_line(node)), LinedDict(_line(node))
        for key_node, value_node in node.value:
            key, value = str(key_node.value), self.build(value_node)
            if key == _MERGE:
                for other in value if isinstance(value, list) else [value]:
                    if not isinstance(other, dict):
                        raise self._fault(key_node, say("<< takes a mapping"))
                    merged.update({name: item for name, item in other.items() if name not in merged})
                continue
            if key in mapping:
                raise self._fault(key_node, say("The key {key} occurs twice", key=key))
            mapping[key], mapping.lines[key] = value, _line(key_node)
        for key, value in merged.items():
            if key not in mapping:
                mapping[key], mapping.lines[key] = value, _line(node)
        return mapping

    def _fault(self, node: yaml.Node, problem: str) -> UnreadableYaml:
        return UnreadableYaml(Fault(self._name, str(_line(node)), problem))


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _parse(text: str) -> Any:
    """A scalar without quotes."""
    lower = text.lower()
    if lower in _WORDS and text in (lower, lower.upper(), lower.capitalize()):
        return _WORDS[lower]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) and not re.fullmatch(r"[-+]?0\d+", text) else text
