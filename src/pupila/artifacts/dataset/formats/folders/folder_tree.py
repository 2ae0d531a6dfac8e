"""The folders that hold images, as a tree: where each image lies is read from it, never from the images one by one."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from pupila.core import files


@dataclass(frozen=True, slots=True)
class Held:
    """A folder with images directly in it, and what is known of it so far."""

    path: str  # below the root; "" for the root itself
    images: int
    split: str | None = None
    part: str | None = None  # one of several folders that hold the same classes, under no known split's name


@dataclass(slots=True)
class Node:
    """A folder; merged, several folders that stand for one."""

    name: str
    held: list[Held] = field(default_factory=list)
    children: dict[str, "Node"] = field(default_factory=dict)

    def all_held(self) -> list[Held]:
        """All folders with images in or below it."""
        return self.held + [held for child in self.children.values() for held in child.all_held()]

    @property
    def direct(self) -> int:
        """Images directly in it."""
        return sum(held.images for held in self.held)

    @property
    def total(self) -> int:
        """Images in and below it."""
        return sum(held.images for held in self.all_held())

    def belonging_to(self, split: str | None = None, part: str | None = None) -> "Node":
        """A copy whose folders belong to the split or the part."""
        held = [replace(h, split=split or h.split, part=part or h.part) for h in self.held]
        return Node(
            self.name, held, {name: child.belonging_to(split, part) for name, child in self.children.items()}
        )

    def unwrap(self) -> "Node":
        """The folder below it that holds the data, where lone folders lie around them."""
        node = self
        while not node.held and len(node.children) == 1:
            inner = next(iter(node.children.values()))
            if not inner.children and inner.name.lower() != node.name.lower():
                break
            node = inner
        return node


def build_tree(images: Iterable[files.FileEntry]) -> Node:
    """The tree of all folders with images."""
    root = Node("")
    for folder, count in sorted(Counter(e.path.rpartition("/")[0] for e in images).items()):
        node = root
        for part in folder.split("/") if folder else []:
            node = node.children.setdefault(part, Node(part))
        node.held.append(Held(folder, count))
    return root


def merge(nodes: list[Node]) -> Node:
    """One folder that stands for all of them: folders of one name, whatever their case, are one."""
    merged = Node(nodes[0].name, [held for node in nodes for held in node.held])
    by_name: dict[str, list[Node]] = {}
    for node in nodes:
        for name, child in node.children.items():
            by_name.setdefault(name, []).append(child)
    merged.children = {
        name: some[0] if len(some) == 1 else merge(some) for name, some in sorted(by_name.items())
    }
    return merged
