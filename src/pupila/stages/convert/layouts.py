"""How data of one kind of target are written in the layouts of other tools."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from pupila.artifacts.dataset.manifest import Dataset
from pupila.stages.convert.item import Item

# Writes the items, whose images are there already, below the folder: (items, class names, folder). It gives sentences
# for the user on what the layout can't say.
LayoutWriter = Callable[[Iterable[Any], tuple[str, ...], str], list[str]]


@dataclass(frozen=True, slots=True)
class TargetLayouts:
    """The layouts for one kind of target."""

    read_item: Callable[[Dataset, int, Item], Item]  # a row's item with its target
    writers: dict[str, LayoutWriter]  # by the name that a user gives
    finish: Callable[
        [tuple[str, ...], str], None
    ]  # writes what all these layouts need: (class names, folder)
    with_palette: dict[str, LayoutWriter] = field(default_factory=dict)  # writers that give masks a palette
