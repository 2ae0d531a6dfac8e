"""Lists of class names beside masks, as other tools write them: CVAT's labelmap.txt, CamVid's codes.txt, and others.

Such a file may be about something else, so it counts only where it fits the masks' values.
"""

import re
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from pupila.artifacts.dataset.formats.tables.class_files import (
    Pairs,
    build_pairs,
    parse_classes,
    read_class_file,
)
from pupila.artifacts.dataset.formats.tables.text_tables import list_lines
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.vocabulary import IGNORE, IMAGE_SUFFIXES
from pupila.imaging.masks.label_map import BACKGROUND, NO_DATA, LabelMap

CLASS_LISTS = ("labelmap.txt", "label_colors.txt", "dataset.json", "id2label.json", "codes.txt", "class_names.txt",
               "obj_class_to_machine_color.json", "labels.txt", "classes.txt")  # fmt: skip
_RGB = r"(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})"
_COLOUR_LAST = re.compile(rf"(?:\d+[\s:,]+)?(\D.*?)[\s:,;]+{_RGB}(?:[\s:,;].*)?")
_COLOUR_FIRST = re.compile(rf"{_RGB}[\s:,;]+(\S.*)")
_NUMBER_FIRST = re.compile(r"(\d{1,5})\s*[\s:,;=]\s*(\D.*)")
_NUMBER_LAST = re.compile(r"(\D.*?)\s*[:,;=\t]\s*(\d{1,5})")
_LABELME = ["__ignore__", "_background_"]  # the first lines of labelme's labels.txt
_MOST_BYTES = 100_000
_LONGEST = 80  # characters of a class name


def read_mask_classes(root: str, masks: list[str], above: str | None = None) -> LabelMap | None:
    """The label map from a class file, or from a list of class names, of masks; None where there is none.

    Args:
        root: folder of the data.
        masks: paths of masks below it; class files lie in their folders, one above, or in the root.
        above: a folder that the user named, around the root.

    Raises:
        PupilaError: a class file names no valid classes.
    """
    top = [files.join(root, name) for name in files.list_folders(root)]
    if (given := read_class_file(root, *top)) is not None:
        return given
    inner = {mask.rpartition("/")[0] or "." for mask in masks}
    inner |= {str(PurePosixPath(folder).parent) for folder in inner}
    folders = [
        root,
        *top,
        *(files.join(root, name) for name in sorted(inner - {"."}) if not name.startswith(("/", ".."))),
    ]
    for folder in dict.fromkeys([*folders, *([above] if above else [])]):
        present = {name.lower(): name for name in files.list_files(folder)}
        for name in CLASS_LISTS:
            if name in present and (classes := _read_list(files.join(folder, present[name]))):
                return replace(classes, source=files.relative(files.join(folder, present[name]), root))
    return None


def fit_classes(label_map: LabelMap, counts: dict[int, int], coloured: bool) -> LabelMap | None:
    """The label map of a list of names for the values of the masks; None where the list does not fit them.

    Args:
        label_map: of the list; names without values are numbered from 0.
        counts: stored value to pixels, over all masks.
        coloured: whether these are colours.
    """
    stored = {value for value in counts if value != NO_DATA}
    if label_map.colour:
        known = sum(counts[value] for value in stored & {*label_map.values})
        return label_map if coloured and 2 * known > sum(counts.values()) else None
    if coloured:
        return None
    inner = stored - {IGNORE}
    if inner <= {*label_map.values} - {IGNORE} and (len(inner) > 1 or IGNORE not in stored):
        return label_map  # of 0 and 255 alone, 255 is the foreground
    if label_map.listed:
        return None
    names, values = label_map.names, sorted(inner)
    background = names[0].strip().lower() in BACKGROUND
    if values and not background and values[-1] == len(names) and values[0] in (0, 1):
        if values[0]:  # numbered from 1
            return replace(label_map, values=(*range(1, len(names) + 1), IGNORE))
        return replace(LabelMap.plain(["background", *names]), source=label_map.source)
    if len(names) == 2 and len(stored) == 2 and 0 in stored:
        return replace(label_map, values=(0, max(stored)), indices=(0, 1), nearest=True)
    return None


def _read_list(uri: str) -> LabelMap | None:
    """The label map of a list of class names; None where the file is something else."""
    try:
        pairs, listed = _read_json(uri) if uri.endswith(".json") else _read_text(uri)
        return replace(build_pairs(pairs, uri), listed=listed) if len(pairs) > 1 else None
    except (PupilaError, OSError):
        return None


def _read_json(uri: str) -> tuple[Pairs, bool]:
    """The labels of nnU-Net's dataset.json, by name or by number, or of Hugging Face's id2label.json."""
    content = files.read_json(uri)
    if levels := _grey_levels(content):
        return levels, True
    numbered = isinstance(content, dict) and bool(content) and all(str(key).isdigit() for key in content)
    labels = content if numbered else content.get("labels") if isinstance(content, dict) else None
    if not isinstance(labels, dict) or any(isinstance(value, list) for value in labels.values()):
        return [], True
    return parse_classes(labels, uri), True


def _grey_levels(content: Any) -> Pairs:
    """The names of Supervisely's `{"sky": [1, 1, 1]}` with the levels that these greys are; what has none is 0."""
    if not isinstance(content, dict) or not content:
        return []
    if not all(isinstance(grey, list) and len(grey) == 3 and len({*grey}) == 1 for grey in content.values()):
        return []
    pairs = [(str(name), grey[0]) for name, grey in content.items()]
    return pairs if 0 in dict(pairs).values() else [("background", 0), *pairs]


def _read_text(uri: str) -> tuple[Pairs, bool]:
    """The names with their colours or numbers, and whether the file gives these."""
    data = files.read_bytes(uri)
    if len(data) > _MOST_BYTES:
        return [], False
    lines = [line for line in list_lines(data) if not line.startswith("#")]
    for parse in (_parse_colour, _parse_number):
        pairs = [parse(line) for line in lines]
        known = [pair for pair in pairs if pair]
        if len(known) > 1 and len(known) >= len(lines) - (pairs[0] is None):  # the first line may be a header
            return known, True
    names = [re.sub(r":+$", "", line) for line in lines]
    if names[:2] == _LABELME:  # its numbers begin at -1
        names = names[1:]
    plain = all(len(name) <= _LONGEST and files.suffix(name) not in IMAGE_SUFFIXES and "/" not in name
                for name in names) and len({*names}) == len(names)  # fmt: skip
    return [(name, number) for number, name in enumerate(names)] if plain else [], False


def _parse_colour(line: str) -> tuple[str, Any] | None:
    """`road:250,50,83::`, `128 64 128 road`, `road 128 64 128`."""
    if match := _COLOUR_LAST.fullmatch(line):
        return match[1].strip(), list(match.groups()[1:])
    if match := _COLOUR_FIRST.fullmatch(line):
        return match[4].strip(), list(match.groups()[:3])
    return None


def _parse_number(line: str) -> tuple[str, Any] | None:
    """`1: road`, `1 road`, `road,1`."""
    if match := _NUMBER_FIRST.fullmatch(line):
        return match[2].strip(), match[1]
    if match := _NUMBER_LAST.fullmatch(line):
        return match[1].strip(), match[2]
    return None
