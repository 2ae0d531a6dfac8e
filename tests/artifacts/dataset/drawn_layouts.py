"""Folders as people lay them out, drawn with their ground truth: splits, classes, masks, wrappers, rubbish."""

import zlib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from pupila.artifacts.dataset.formats import FORMATS
from pupila.artifacts.dataset.formats.listing import Listing
from pupila.artifacts.dataset.formats.place import Place
from pupila.artifacts.dataset.reading import ReadSettings
from pupila.core.errors import PupilaError
from tests.pictures import encoded, photo

RIGHT, QUESTION, DOUBTED, WRONG = "right", "question", "doubted", "wrong"
_WORDS = ["apple", "Pear", "oak tree", "rust", "healthy", "melanoma", "forest", "sea", "street", "cat", "Dog",
          "train_station", "test_tube", "with_mask", "no_mask", "glacier", "b", "target", "scratch", "ok"]  # fmt: skip
_NUMBERED = ["{n}", "class_{n}", "digit_{n}", "n0144{n:04d}", "{n:02d}", "grade{n}", "Class {n}"]
_RECORDS = [
    "patient_{n:03d}",
    "Seq{n:02d}",
    "video{n}",
    "scene_{n}",
    "subject-{n}",
    "case{n:04d}",
    "2021-03-{n:02d}",
]
_STEMS = ["{n:03d}", "{folder}_{n}", "IMG_{n:04d}", "{folder}.{n}", "{key}", "photo ({n})"]
_SPLITS = [
    ("train", "test"),
    ("train", "val", "test"),
    ("Training", "Testing"),
    ("train", "valid"),
    ("TRAIN", "TEST"),
]
_AFFIXED = ["{}_set", "seg_{}", "{}2017", "asl-{}", "{}_data", "my_{}_images"]
_PARTS = [
    ("fold_a", "fold_b"),
    ("Dataset", "Examples"),
    ("2019", "2020"),
    ("north", "south", "west"),
    ("set1", "set2"),
]
_ORDERS = ["none", "none", "usual", "usual", "affixed", "parts", "class first", "unlabelled test"]
_WRAPPERS = ["archive", "data", "dataset", "my-project-main", "Images", "input", "v2", "train"]
_PAIRS = [("images", "masks"), ("imgs", "labels"), ("Image", "Mask"), ("img_dir", "ann_dir"), ("input", "target"),
          ("x", "y"), ("Original", "Ground Truth"), ("imagesTr", "labelsTr"), ("photos", "segmentation"), ("a", "b"),
          ("JPEGImages", "SegmentationClass"), ("frames", "gt"), ("rgb", "annotations"),
          ("train", "train_masks")]  # fmt: skip
_ENDS = ["", "", "", "_mask", "_gt", "_segmentation", "-label"]
_RUBBISH = ["README.md", "LICENSE", "screenshots", "docs", "csv", "@eaDir", "#recycle", "__MACOSX", "Thumbs.db",
            "$RECYCLE.BIN", ".ipynb_checkpoints", "lost+found", "code"]  # fmt: skip


@dataclass
class Layout:
    """One drawn folder."""

    kind: str  # "classes", "masks", "records" or "flat"
    how: str  # what was drawn, in words
    glance: bool  # whether a person sees at a glance what it is
    files: dict[str, bytes] = field(default_factory=dict, repr=False)
    targets: dict[str, str | None] = field(default_factory=dict)  # image to class or mask
    splits: dict[str, str | None] = field(default_factory=dict)  # image to split


@cache
def _picture(number: int) -> bytes:
    return encoded(photo(number, 20, 16))


@cache
def _mask(number: int) -> bytes:
    levels = np.zeros((16, 20), dtype=np.uint8)
    levels[2 + number % 5 : 12, 3 : 9 + number % 8] = 255
    return encoded(levels)


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    """A drawn folder and its ground truth."""
    kind = draw(st.sampled_from(["classes", "classes", "classes", "masks", "masks", "records", "flat"]))
    layout = {"classes": _draw_classes, "masks": _draw_masks, "records": _draw_records, "flat": _draw_flat}[
        kind
    ](draw)
    wrappers = draw(st.lists(st.sampled_from(_WRAPPERS), max_size=2))
    if kind == "flat":
        wrappers = []
    above = "".join(f"{name}/" for name in wrappers)
    wrapped = Layout(
        kind, f"{layout.how}; wrappers {wrappers}", layout.glance,
        {above + name: content for name, content in layout.files.items()},
        {above + image: above + target if kind == "masks" and target else target
         for image, target in layout.targets.items()},
        {above + image: split for image, split in layout.splits.items()},
    )  # fmt: skip
    if kind != "flat":
        for place in {"", above}:
            _add_rubbish(draw, wrapped, place)
    return wrapped


def _stems(draw: st.DrawFn, folder: str, count: int) -> list[str]:
    form = draw(st.sampled_from(_STEMS))
    return [
        form.format(
            n=n + 1,
            folder=folder.replace("/", " "),
            key=f"{(n * 7919 + zlib.crc32(folder.encode()) % 104729) % 0xFFFFFF:06x}",
        )
        for n in range(count)
    ]


def _add(layout: Layout, path: str, target: str | None, split: str | None) -> None:
    layout.files[path] = _picture(len(layout.files) % 40)
    layout.targets[path], layout.splits[path] = target, split


def _draw_classes(draw: st.DrawFn) -> Layout:
    count = draw(st.integers(2, 6))
    if draw(st.booleans()):
        names = draw(st.lists(st.sampled_from(_WORDS), min_size=count, max_size=count, unique=True))
    else:
        form = draw(st.sampled_from(_NUMBERED))
        names = [form.format(n=n) for n in range(count)]
    order = draw(
        st.sampled_from(
            ["none", "none", "usual", "usual", "affixed", "parts", "class first", "unlabelled test"]
        )
    )
    tops: dict[str, str | None] = {"": None}
    if order in ("usual", "class first", "unlabelled test"):
        tops = {word: _split(word) for word in draw(st.sampled_from(_SPLITS))}
    elif order == "affixed":
        form = draw(st.sampled_from(_AFFIXED))
        tops = {form.format(word): _split(word) for word in draw(st.sampled_from(_SPLITS))}
    elif order == "parts":
        tops = dict.fromkeys(draw(st.sampled_from(_PARTS)))
    doubled = order == "affixed" and draw(st.booleans())
    layout = Layout("classes", f"{order}, {names}", order != "parts")
    for number, (top, split) in enumerate(tops.items()):
        for name in names:
            folder = {"": name}.get(top, f"{name}/{top}" if order == "class first" else f"{top}/{name}")
            if doubled:
                folder = f"{top}/{folder}"
            if order == "unlabelled test" and number == len(tops) - 1:
                folder = top
            target = None if folder == top else name
            for stem in _stems(draw, folder, draw(st.integers(2, 4))):
                _add(layout, f"{folder}/{stem}.png", target, split)
    return layout


def _split(word: str) -> str:
    return {"v": "validation", "t": "test"}.get(word[0].lower() if word.lower()[:2] != "tr" else "", "train")


def _draw_masks(draw: st.DrawFn) -> Layout:
    images, masks = draw(st.sampled_from(_PAIRS))
    order = draw(st.sampled_from(["none", "none", "split above", "split below"]))
    order = "none" if images == "train" else order  # no split lies around or in a folder of its name
    words = draw(st.sampled_from(_SPLITS)) if order != "none" else ("",)
    end, count = draw(st.sampled_from(_ENDS)), draw(st.integers(4, 6))
    layout = Layout(
        "masks", f"{images}, {masks}, {order}, {end!r}", (images, masks) not in [("x", "y"), ("a", "b")]
    )
    for word in words:
        for number, stem in enumerate(_stems(draw, word or "s", count)):
            first = "/".join(
                part for part in ((word, images) if order == "split above" else (images, word)) if part
            )
            second = "/".join(
                part for part in ((word, masks) if order == "split above" else (masks, word)) if part
            )
            _add(layout, f"{first}/{stem}.png", f"{second}/{stem}{end}.png", _split(word) if word else None)
            layout.files[f"{second}/{stem}{end}.png"] = _mask(number)
    return layout


def _draw_records(draw: st.DrawFn) -> Layout:
    form = draw(st.sampled_from(_RECORDS))
    layout = Layout("records", form, False)
    for n in range(1, draw(st.integers(4, 12))):
        for stem in _stems(draw, "s", draw(st.integers(1, 4))):
            _add(layout, f"{form.format(n=n)}/{stem}.png", None, None)
    return layout


def _draw_flat(draw: st.DrawFn) -> Layout:
    folder = draw(st.sampled_from(["", "images/"]))
    layout = Layout("flat", folder, True)
    for stem in _stems(draw, "s", draw(st.integers(3, 9))):
        _add(layout, f"{folder}{stem}.png", None, None)
    return layout


def _add_rubbish(draw: st.DrawFn, layout: Layout, above: str) -> None:
    for kind in draw(st.lists(st.sampled_from(_RUBBISH), max_size=3, unique=True)):
        if kind == "csv":
            layout.files[f"{above}sizes.csv"] = b"year,price\n2001,3.5\n2002,4.5\n"
        elif kind == "code":
            layout.files[f"{above}src/model.py"] = b"print(1)\n"
        elif kind == "screenshots":
            layout.files[f"{above}README.md"] = b"# Data\n"
            layout.files[f"{above}screenshot.png"] = _picture(77)
        elif kind == "docs":
            layout.files[f"{above}docs/index.md"] = b"# Data\n"
            layout.files[f"{above}docs/figure.png"] = _picture(78)
        elif kind in ("README.md", "LICENSE", "Thumbs.db"):
            layout.files[f"{above}{kind}"] = b"text\n"
        else:
            some = next(iter(layout.targets)).rpartition("/")[2]
            layout.files[f"{above}{kind}/{some}"] = _picture(79)


def read_drawn(layout: Layout, folder: Path) -> tuple[str, str]:
    """(RIGHT, QUESTION, DOUBTED or WRONG; what was read or asked) of the layout, written into the folder."""
    for name, content in layout.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    place, settings = Place(folder.as_posix()), ReadSettings()
    try:
        listing = next(result for read in FORMATS.values() if (result := read(place, settings)) is not None)
    except PupilaError as fault:
        return QUESTION, str(fault)
    problem = _compare(layout, listing, folder)
    if not problem:
        return RIGHT, ""
    return DOUBTED if listing.doubt else WRONG, problem


def _compare(layout: Layout, listing: Listing, folder: Path) -> str:
    """The first difference from the ground truth; empty where there is none."""
    inner = Path(listing.root).relative_to(folder).as_posix()
    above = "" if inner == "." else f"{inner}/"
    rows = {
        above + image: (above + target if target and listing.target == "mask" else target, split)
        for image, target, split in listing.rows.select("image", "target", "given_split").iter_rows()
    }
    if (listing.target == "mask") != (layout.kind == "masks") and any(target for target, _ in rows.values()):
        return f"read as {listing.layout}"
    one_split = (
        len({split for _, split in rows.values()}) == 1
    )  # a lone `train` around all of them is no split
    for image, target in layout.targets.items():
        if one_split and image in rows and layout.splits[image] is None:
            rows[image] = (rows[image][0], None)
        if image not in rows:
            return f"{image} is missing"
        if rows[image] != (target, layout.splits[image]):
            return f"{image}: {rows[image]} instead of {(target, layout.splits[image])}"
    strays = [image for image in rows if image not in layout.targets and rows[image][0] is not None]
    return f"{strays[0]} is no data" if strays else ""
