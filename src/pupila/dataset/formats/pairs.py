"""Images beside masks of the same stem: `images/` and `masks/`, also below train/val/test, under their usual names."""

import csv
import io
import json
import re
from collections import defaultdict
from pathlib import PurePosixPath
from typing import Any

from pupila import files
from pupila.dataset.formats.folder import sort_out
from pupila.dataset.formats.listing import Listing, Oddity, as_rows
from pupila.errors import PupilaError
from pupila.masks import Legend
from pupila.messages import listing, say
from pupila.vocabulary import IGNORE, SPLIT_WORDS

IMAGE_FOLDERS = {"image", "images", "img", "imgs", "jpegimages"}
MASK_FOLDERS = {"mask", "masks", "segmentationclass", "annotations", "labels"}
CLASS_FILES = ("classes.json", "classes.csv", "class_dict.csv")
# Names of what is no class: pixels without a label.
NO_LABEL = {"unlabeled", "unlabelled", "ignore", "ignored", "void", "unknown", "no label", "nolabel"}
_SUFFIX = re.compile(r"[_\-. ]?(mask|masks|label|labels|gt|seg|segmentation|json)$", re.IGNORECASE)


def read(path: str) -> Listing | None:
    """The images with the masks of their stems, where there are folders for both."""
    if not files.is_folder(path):
        return None
    root = path.rstrip("/") or "/"
    if not any(_kind(name) == "mask" for name in _folder_names(root)):
        return None
    entries, oddities = sort_out(root)
    images = [e for e in entries if _kind_of(e.path) == "image"]
    masks = [e for e in entries if _kind_of(e.path) == "mask"]
    if not images or not masks:
        return None
    by_stem: dict[tuple[str, str], list[str]] = defaultdict(list)
    for mask in masks:
        by_stem[_place(mask.path)].append(mask.path)
    targets: list[str | None] = []
    for image in images:
        found = by_stem.pop(_place(image.path), [])
        targets.append(found[0] if found else None)
        oddities += [
            Oddity(mask, "second-mask", say("{image} has another", image=image.path)) for mask in found[1:]
        ]
        if not found:
            oddities.append(Oddity(image.path, "image-without-mask", ""))
    oddities += [Oddity(mask, "mask-without-image", "") for rest in by_stem.values() for mask in rest]
    if not any(targets):
        raise PupilaError(
            say("No image has a mask of its name in {path}", path=path),
            found=say("{image}, {mask}", image=images[0].path, mask=masks[0].path),
            wanted=say("images/NAME.jpg beside masks/NAME.png"), remedy="docs/dataset.md",
        )  # fmt: skip
    oddities = [o for o in oddities if o.subject not in CLASS_FILES]
    rows = as_rows(images, {"target": targets, "given_split": [_split(e.path) for e in images]})
    return Listing(
        say("images beside masks"), root, rows, path, oddities, masks=True, legend=class_legend(root)
    )  # fmt: skip


def _folder_names(root: str) -> list[str]:
    names = files.folders(root)
    below = [name for name in names if name.lower() in SPLIT_WORDS or _kind(name)]
    return names + [inner for name in below for inner in files.folders(files.join(root, name))]


def _kind(folder: str) -> str:
    name = folder.lower()
    return "image" if name in IMAGE_FOLDERS else "mask" if name in MASK_FOLDERS else ""


def _kind_of(path: str) -> str:
    kinds = [kind for part in path.split("/")[:-1] if (kind := _kind(part))]
    return kinds[-1] if kinds else ""


def _place(path: str) -> tuple[str, str]:
    """(the folders but for those of images and masks, the stem without an ending such as `_mask`), in small letters."""
    *above, name = path.split("/")
    rest = "/".join(part for part in above if not _kind(part))
    stem = PurePosixPath(name).stem
    return rest.lower(), (_SUFFIX.sub("", stem) if _kind_of(path) == "mask" else stem).lower()


def _split(path: str) -> str | None:
    return next((SPLIT_WORDS[p.lower()] for p in path.split("/")[:-1] if p.lower() in SPLIT_WORDS), None)


def class_legend(root: str) -> Legend | None:
    """What a file beside the masks says of their values; None where there is none.

    Raises:
        PupilaError: the file says nothing that can be read.
    """
    for name in CLASS_FILES:
        uri = files.join(root, name)
        if files.exists(uri):
            return _legend(_csv_pairs(uri) if name.endswith(".csv") else _json_pairs(uri), uri)
    return None


Pairs = list[tuple[str, Any]]  # class name, stored value or [red, green, blue]


def _json_pairs(uri: str) -> Pairs:
    told = files.read_json(uri)
    if isinstance(told, list):
        return [(str(one.get("name")), one.get("value", one.get("color", number))) if isinstance(one, dict)
                else (str(one), number) for number, one in enumerate(told)]  # fmt: skip
    if isinstance(told, dict):
        return [(str(value), key) if str(key).lstrip("#").isalnum() and not isinstance(value, list | int)
                else (str(key), value) for key, value in told.items()]  # fmt: skip
    raise _bad_classes(uri, json.dumps(told)[:60])


def _csv_pairs(uri: str) -> Pairs:
    text = files.read_bytes(uri).decode("utf-8-sig")
    rows = [{k.strip().lower(): v for k, v in row.items() if k} for row in csv.DictReader(io.StringIO(text))]
    if rows and {"name", "r", "g", "b"} <= rows[0].keys():
        return [(row["name"], [int(row[c]) for c in "rgb"]) for row in rows]
    if rows and {"name", "value"} <= rows[0].keys():
        return [(row["name"], row["value"]) for row in rows]
    raise _bad_classes(uri, listing(list(rows[0]) if rows else []))


def _legend(pairs: Pairs, uri: str) -> Legend:
    """Names in the order of the file; what has no label is no class."""
    values = [_value(value, uri) for _, value in pairs]
    names = [name for name, _ in pairs if name.strip().lower() not in NO_LABEL]
    numbers = {name: index for index, name in enumerate(dict.fromkeys(names))}
    colour = any(is_colour for _, is_colour in values)
    if len(numbers) < 2:
        raise _bad_classes(uri, listing(list(numbers)))
    stored = tuple(value for value, _ in values)
    indices = tuple(numbers.get(name, IGNORE) for name, _ in pairs)
    soft = colour or (len(stored) == 2 and abs(stored[0] - stored[1]) > 1)
    if not colour and IGNORE not in stored:
        stored, indices = (*stored, IGNORE), (*indices, IGNORE)
    return Legend(tuple(numbers), stored, indices, colour, nearest=soft)


def _value(told: Any, uri: str) -> tuple[int, bool]:
    """(stored value, whether it is a colour)."""
    try:
        if isinstance(told, list | tuple):
            red, green, blue = (int(v) for v in told)
            return red << 16 | green << 8 | blue, True
        if isinstance(told, str) and told.startswith("#"):
            return int(told[1:], 16), True
        return int(told), False
    except (TypeError, ValueError) as fault:
        raise _bad_classes(uri, repr(told)) from fault


def _bad_classes(uri: str, found: str) -> PupilaError:
    return PupilaError(
        say("Can't read the classes in {path}", path=uri), found=found,
        wanted=say('two classes or more, as {{"0": "background", "255": "water"}} or {{"road": [128, 64, 128]}}'),
    )  # fmt: skip
