"""YOLO segmentation: `data.yaml`, folders of images, and a text file of polygons for each image."""

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from pupila.artifacts.dataset.formats.class_files import build_label_map, read_class_file
from pupila.artifacts.dataset.formats.file_finder import list_images
from pupila.artifacts.dataset.formats.listing import Listing, Oddity, as_rows
from pupila.artifacts.dataset.formats.place import Place
from pupila.artifacts.dataset.reading import ReadSettings
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count
from pupila.core.settings import load_as_written, read_config
from pupila.core.vocabulary import IGNORE, SPLIT_WORDS
from pupila.imaging.masks.label_map import BACKGROUND, LabelMap

_BOX = 5  # numbers of a line: class, centre, width and height
_NOTHING: tuple[Any, ...] = ("", "null", "~", [])  # as YAML writes no value
YAML_FILES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")


def read(place: Place, _settings: ReadSettings) -> Listing | None:
    """The images in the folders or lists that `data.yaml` names."""
    path = place.path
    uri = next(filter(None, map(_find_yaml, place.folders)), None) if place.is_folder else path
    if uri is None or not uri.lower().endswith((".yaml", ".yml")):
        return None
    root = uri.rpartition("/")[0] or "."
    notes = place.describe_root(root)
    config = read_config(uri, load_as_written)
    splits = {
        key: config[key] for key in config if str(key).lower() in SPLIT_WORDS and config[key] not in _NOTHING
    }
    if "names" not in config or not splits:
        return None
    entries, columns, oddities = _images(root, str(config.get("path") or ""), splits)
    labels = [str(label) for label in columns["target"]]
    find_entry = files.entry_finder(root)
    without = [label for label in labels if find_entry(label) is None]
    if not labels or len(without) == len(labels):
        raise PupilaError(
            say("No labelled images at the paths in {path}", path=uri),
            actual=listing([f"{key}: {value}" for key, value in splits.items()]),
            expected=say("images/NAME.jpg beside labels/NAME.txt"), remedy="docs/reference/dataset.md",
        )  # fmt: skip
    if _are_boxes(root, sorted({*labels} - {*without})):
        raise PupilaError(
            say("The labels in {path} are boxes, not masks", path=path), actual=labels[0],
            expected=say("the class and polygon of each object, at least seven numbers a line"),
            remedy=say("export the labels for segmentation"),
        )  # fmt: skip
    if without:
        notes += [say_count("{n} image has no label file and counts as background.",
                            "{n} images have no label file and count as background.", len(without))]  # fmt: skip
    label_map = _build_label_map(config["names"], root, uri)
    rows = as_rows(entries, columns)
    return Listing(
        say("YOLO segmentation"), root, rows, place.home, oddities, notes, target="mask", label_map=label_map
    )


def _find_yaml(root: str) -> str | None:
    return next((files.join(root, n) for n in YAML_FILES if files.exists(files.join(root, n))), None)


def _images(
    root: str, base: str, splits: Mapping[str, object]
) -> tuple[list[files.FileEntry], dict[str, list[str | None]], list[Oddity]]:
    """All images of all splits, with their label files and splits, and the oddities."""
    by_path: dict[str, tuple[files.FileEntry, str]] = {}
    oddities = []
    for key, value in splits.items():
        for location in value if isinstance(value, list) else [value]:
            uri = _resolve_location(root, base, str(location))
            if uri is None:
                oddities.append(
                    Oddity(f"{key}: {location}", "row-without-image", say("no such folder or list"))
                )
                continue
            entries, more = _list_split(root, uri)
            oddities += more
            for entry in entries:
                by_path.setdefault(entry.path, (entry, SPLIT_WORDS[str(key).lower()]))
    several = len({split for _, split in by_path.values()}) > 1
    columns: dict[str, list[str | None]] = {
        "target": [_label_file(path) for path in by_path],
        "given_split": [split if several else None for _, split in by_path.values()],
    }
    return [entry for entry, _ in by_path.values()], columns, oddities


def _resolve_location(root: str, base: str, named: str) -> str | None:
    """The folder or list: exports may name folders of another machine, or one level off."""
    plain = named.replace("\\", "/")
    bare = plain.removeprefix("./")
    while bare.startswith("../"):
        bare = bare.removeprefix("../")
    tries = [files.join(root, files.join(base, plain) if base else plain)]
    tries += [files.join(root, candidate) for candidate in (plain, bare)]
    existing = next((uri for uri in tries if files.exists(uri)), None)
    return existing if existing is None or files.is_remote(existing) else files.normalize_path(existing)


def _list_split(root: str, uri: str) -> tuple[list[files.FileEntry], list[Oddity]]:
    """The images of a folder, or of a text file with one image path per line; paths are relative to the root."""
    if files.is_folder(uri):
        images, others = list_images(uri)
        below = files.relative(uri, root)
        prefix = "" if below == "." else f"{below}/"
        oddities = [
            Oddity(f"{prefix}{o.subject}", o.code, o.reason) for o in others
            if not (o.code == "other-file" and o.subject.lower().endswith((".txt", ".cache")))
        ]  # fmt: skip
        return [files.FileEntry(f"{prefix}{e.path}", e.size, e.modified) for e in images], oddities
    home = uri.rpartition("/")[0]
    entries, oddities, find_entry = [], [], files.entry_finder(root)
    for line in files.read_bytes(uri).decode("utf-8-sig").splitlines():
        if path := line.strip().replace("\\", "/"):
            tries = [files.relative(files.join(base, path.removeprefix("./")), root) for base in (home, root)]
            entry = next((e for candidate in tries if (e := find_entry(candidate))), None)
            entries += [entry] if entry else []
            oddities += [] if entry else [Oddity(path, "row-without-image", say("no such file"))]
    return entries, oddities


def _label_file(image: str) -> str:
    """The path of an image's label file: the last `images` in it becomes `labels`."""
    parts = str(PurePosixPath(image).with_suffix(".txt")).split("/")
    last = max((n for n, part in enumerate(parts[:-1]) if part.lower() == "images"), default=None)
    if last is not None:
        parts[last] = {"images": "labels", "Images": "Labels", "IMAGES": "LABELS"}.get(parts[last], "labels")
    return "/".join(parts)


def _are_boxes(root: str, labels: Iterable[str]) -> bool:
    """Whether the label files contain boxes only; reading stops at the first polygon."""
    boxes = False
    for label in labels:
        with contextlib.suppress(OSError):  # reported when the masks are read
            for line in files.read_bytes(files.join(root, label)).splitlines():
                if len(words := line.split()) > _BOX:
                    return False
                boxes |= bool(words)
    return boxes


def _build_label_map(raw_names: Any, root: str, uri: str) -> LabelMap:
    """The label map of drawn masks: stored value 0 is background, k + 1 is class k."""
    try:
        items = raw_names.items() if isinstance(raw_names, dict) else enumerate(raw_names)
        names = {int(k): str(v) for k, v in items}
    except (TypeError, ValueError) as fault:
        raise PupilaError(
            say("Can't read the names in {path}", path=uri), actual=repr(raw_names)[:60],
            expected=say("a list of names, or NUMBER: NAME"),
        ) from fault  # fmt: skip
    classes = build_label_map([names[k] for k in sorted(names)], read_class_file(root)).names
    background = next((n for n, name in enumerate(classes) if name.strip().lower() in BACKGROUND), IGNORE)
    indices = [classes.index(names[k]) if names[k] in classes else IGNORE for k in sorted(names)]
    return LabelMap(classes, (0, *(k + 1 for k in sorted(names)), IGNORE), (background, *indices, IGNORE))
