"""Reads the file of --config: one NAME: VALUE per line, each read as its flag is."""

from collections.abc import Callable, Mapping
from typing import Any

import yaml

from pupila.cli.flag import Flag
from pupila.cli.values import read_number
from pupila.core.settings import read_config, refuse_duplicates


def read_flags_file(path: str, flags: Mapping[str, Flag]) -> dict[str, Any]:
    """The settings in a YAML file; a name that no flag has is kept as it is written.

    Args:
        path: the file; an empty one holds no settings.
        flags: setting -> flag.

    Raises:
        PupilaError: it can't be read, is no YAML mapping, or names a setting twice.
    """
    return read_config(path, _loader(flags))


def _loader(flags: Mapping[str, Flag]) -> Callable[[bytes], Any]:
    def load(content: bytes) -> Any:
        loader = yaml.SafeLoader(content)
        node = loader.get_single_node()
        if node is None:
            return {}
        if not isinstance(node, yaml.MappingNode):
            return loader.construct_document(node)
        refuse_duplicates(node)
        loader.flatten_mapping(node)
        values = {}
        for key, value in node.value:
            name = str(key.value).replace("-", "_")
            flag = flags.get(name)
            values[name if flag else str(key.value)] = (
                _read(value, flag, loader) if flag else loader.construct_object(value, deep=True)
            )
        return values

    return load


def _read(node: yaml.Node, flag: Flag, loader: yaml.SafeLoader) -> Any:
    """The value of one setting: text stays as it is written, and numbers are read as those of flags."""
    if isinstance(node, yaml.SequenceNode) and flag.kind in ("names", "list"):
        return [
            _read_item(item, flag)
            if isinstance(item, yaml.ScalarNode)
            else loader.construct_object(item, deep=True)
            for item in node.value
        ]
    if not isinstance(node, yaml.ScalarNode) or (node.style is None and node.tag == "tag:yaml.org,2002:null"):
        return loader.construct_object(node, deep=True)
    try:
        return flag.value(node.value)
    except ValueError:  # the settings model says what was expected
        return node.value


def _read_item(node: yaml.ScalarNode, flag: Flag) -> Any:
    return node.value if flag.kind == "names" else read_number(node.value)
