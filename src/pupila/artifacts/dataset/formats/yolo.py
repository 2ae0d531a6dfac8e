"""YOLO's segmentation: `data.yaml`, folders of images, and a text file of outlines for each image."""

import contextlib
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from pupila.artifacts.dataset.formats.class_files import class_legend, drawn_legend
from pupila.artifacts.dataset.formats.file_finder import sort_out, unwrapped
from pupila.artifacts.dataset.formats.listing import Listing, Oddity, as_rows
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count
from pupila.core.settings import read_config
from pupila.core.vocabulary import IGNORE, SPLIT_WORDS
from pupila.imaging.masks.label_map import BACKGROUND, Legend

_BOX = 5  # numbers of a line: class, centre, width and height
YAML_FILES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")


def read(path: str) -> Listing | None:
    """The images that the folders or lists named in `data.yaml` hold."""
    if files.is_folder(path):
        root, notes = path.rstrip("/") or "/", list[str]()
        if (uri := _yaml_in(root)) is None:
            root, notes = unwrapped(root)
            uri = _yaml_in(root)
    else:
        root, notes, uri = path.rpartition("/")[0] or ".", [], path
    if uri is None or not uri.lower().endswith((".yaml", ".yml")):
        return None
    told = read_config(uri)
    splits = {key: told[key] for key in told if str(key).lower() in SPLIT_WORDS and told[key]}
    if "names" not in told or not splits:
        return None
    entries, columns, oddities = _images(root, told, splits)
    labels = [str(label) for label in columns["target"]]
    there = files.lookup(root)
    without = [label for label in labels if there(label) is None]
    if not labels or len(without) == len(labels):
        raise PupilaError(
            say("No images with labels where {path} says", path=uri),
            found=listing([f"{key}: {value}" for key, value in splits.items()]),
            wanted=say("images/NAME.jpg beside labels/NAME.txt"), remedy="docs/reference/dataset.md",
        )  # fmt: skip
    if _are_boxes(root, sorted({*labels} - {*without})):
        raise PupilaError(
            say("The labels in {path} are boxes, not masks", path=path), found=labels[0],
            wanted=say("class and outline of each object, a line of seven numbers or more"),
            remedy=say("export them anew for segmentation"),
        )  # fmt: skip
    if without:
        notes += [say_count("{n} image has no label file and counts as background.",
                            "{n} images have no label file and count as background.", len(without))]  # fmt: skip
    legend = _legend(told["names"], root, uri)
    rows = as_rows(entries, columns)
    home = path if files.is_folder(path) else root
    return Listing(say("YOLO outlines"), root, rows, home, oddities, notes, masks=True, legend=legend)


def _yaml_in(root: str) -> str | None:
    return next((files.join(root, n) for n in YAML_FILES if files.exists(files.join(root, n))), None)


def _images(
    root: str, told: dict[str, Any], splits: dict[str, Any]
) -> tuple[list[files.FileEntry], dict[str, list[str | None]], list[Oddity]]:
    """All images of all splits, the paths of their label files and their splits, and what was odd."""
    found: dict[str, tuple[files.FileEntry, str]] = {}
    oddities = []
    for key, value in splits.items():
        for one in value if isinstance(value, list) else [value]:
            place = _place(root, str(told.get("path") or ""), str(one))
            if place is None:
                oddities.append(Oddity(f"{key}: {one}", "row-without-image", say("no such folder or list")))
                continue
            entries, odd = _listed(root, place)
            oddities += odd
            for entry in entries:
                found.setdefault(entry.path, (entry, SPLIT_WORDS[str(key).lower()]))
    several = len({split for _, split in found.values()}) > 1
    columns: dict[str, list[str | None]] = {
        "target": [_label(path) for path in found],
        "given_split": [split if several else None for _, split in found.values()],
    }
    return [entry for entry, _ in found.values()], columns, oddities


def _place(root: str, base: str, told: str) -> str | None:
    """Where the folder or list lies: exports name folders of another machine, or beside where they really are."""
    plain = told.replace("\\", "/")
    bare = plain.removeprefix("./")
    while bare.startswith("../"):
        bare = bare.removeprefix("../")
    tries = [files.join(root, files.join(base, plain) if base else plain)]
    tries += [files.join(root, one) for one in (plain, bare)]
    return next(
        (files.normal(uri) if not files.is_remote(uri) else uri for uri in tries if files.exists(uri)), None
    )


def _listed(root: str, place: str) -> tuple[list[files.FileEntry], list[Oddity]]:
    """The images of a folder, or of a text file with an image's path a line; paths are relative to the root."""
    if files.is_folder(place):
        images, odd = sort_out(place)
        below = files.relative(place, root)
        under = "" if below == "." else f"{below}/"
        oddities = [
            Oddity(f"{under}{o.subject}", o.code, o.reason) for o in odd
            if not (o.code == "other-file" and o.subject.lower().endswith((".txt", ".cache")))
        ]  # fmt: skip
        return [files.FileEntry(f"{under}{e.path}", e.size, e.modified) for e in images], oddities
    home = place.rpartition("/")[0]
    entries, oddities, there = [], [], files.lookup(root)
    for line in files.read_bytes(place).decode("utf-8-sig").splitlines():
        if told := line.strip().replace("\\", "/"):
            tries = [files.relative(files.join(base, told.removeprefix("./")), root) for base in (home, root)]
            entry = next((e for one in tries if (e := there(one))), None)
            entries += [entry] if entry else []
            oddities += [] if entry else [Oddity(told, "row-without-image", say("no such file"))]
    return entries, oddities


def _label(image: str) -> str:
    """The path of the text file of an image: the last `images` in it becomes `labels`."""
    parts = str(PurePosixPath(image).with_suffix(".txt")).split("/")
    at = max((n for n, part in enumerate(parts[:-1]) if part.lower() == "images"), default=None)
    if at is not None:
        parts[at] = {"images": "labels", "Images": "Labels", "IMAGES": "LABELS"}.get(parts[at], "labels")
    return "/".join(parts)


def _are_boxes(root: str, labels: Iterable[str]) -> bool:
    """Whether the label files hold lines, and all of them as long as a box; read until one is longer."""
    several = False
    for label in labels:
        with contextlib.suppress(OSError):  # told with the masks
            for line in files.read_bytes(files.join(root, label)).splitlines():
                if len(words := line.split()) > _BOX:
                    return False
                several |= bool(words)
    return several


def _legend(told: Any, root: str, uri: str) -> Legend:
    """Stored values as they are drawn, 0 around everything and k + 1 for class k, and what they mean."""
    try:
        names = {int(k): str(v) for k, v in (told.items() if isinstance(told, dict) else enumerate(told))}
    except (TypeError, ValueError) as fault:
        raise PupilaError(
            say("Can't read the names in {path}", path=uri), found=repr(told)[:60],
            wanted=say("a list, or NUMBER: NAME"),
        ) from fault  # fmt: skip
    classes = drawn_legend([names[k] for k in sorted(names)], class_legend(root)).names
    around = next((n for n, name in enumerate(classes) if name.strip().lower() in BACKGROUND), IGNORE)
    indices = [classes.index(names[k]) if names[k] in classes else IGNORE for k in sorted(names)]
    return Legend(classes, (0, *(k + 1 for k in sorted(names)), IGNORE), (around, *indices, IGNORE))
