"""Images of the real data sets as samples of a task: class, group and, for mask tasks, the mask."""

import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.accuracy.written import BACKGROUND, Array
from benchmarks.measure import real_data


@dataclass(frozen=True, slots=True)
class Sample:
    """An image before the split of its task."""

    content: bytes  # an encoded image file
    suffix: str  # of its name, with the dot
    label: str  # its class, empty in mask tasks
    group: str  # images of one group stay in one split
    mask: bytes = b""  # a PNG of grey values, empty in class tasks


class MissingData(Exception):
    """The data set of a task is not on this machine."""


def folder(name: str) -> Path:
    """The folder of a real data set.

    Raises:
        MissingData: it is absent.
    """
    path = real_data(name)
    if path is None:
        raise MissingData(name)
    return path


def encode_png(pixels: Array) -> bytes:
    """A PNG file of (H, W) or (H, W, 3) uint8."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def _class_images(name: str) -> Iterator[tuple[Path, str]]:
    for path in sorted(folder(name).glob("*/*")):
        if path.suffix.lower() in {".jpg", ".jpeg", ".png"}:
            yield path, path.parent.name


def read_classes(name: str, group: Callable[[Path], str], rename: Callable[[Path], str]) -> list[Sample]:
    """All images of a folder per class; an image whose `rename` is empty is left out."""
    rows = [(path, rename(path)) for path, _ in _class_images(name)]
    return [
        Sample(path.read_bytes(), path.suffix.lower(), label, group(path)) for path, label in rows if label
    ]


def name_class(path: Path) -> str:
    """The class as its folder names it."""
    return path.parent.name


def group_image(path: Path) -> str:
    """Each image for itself; exact copies are one group."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def ants_bees() -> list[Sample]:
    return read_classes("ants_bees", group_image, name_class)


def brain_mri() -> list[Sample]:
    return read_classes("brain_mri", group_image, name_class)


def sign_digits(classes: str = "0123456789") -> list[Sample]:
    """Groups are people: runs of ten consecutive numbers, a class each."""
    people: dict[Path, str] = {}
    paths = sorted((p for p, _ in _class_images("sign_digits")), key=_number)
    hands, previous = 0, ("", -1)
    for path in paths:
        current = (path.parent.name, _number(path))
        if current[0] <= previous[0] or current[1] - previous[1] > 5:
            hands += 1
        people[path], previous = f"person {hands}", current
    return read_classes(
        "sign_digits", people.__getitem__, lambda p: p.parent.name if p.parent.name in classes else ""
    )


def _number(path: Path) -> int:
    return int(re.findall(r"\d+", path.stem)[-1])


def magnetic_tile(rename: Callable[[Path], str] = name_class) -> list[Sample]:
    """Groups are tiles: six exposures that are numbered one after the other."""
    tiles: dict[Path, str] = {}
    tile, previous = 0, 0
    for path in sorted((p for p, _ in _class_images("magnetic_tile")), key=_number):
        exposure = int(re.findall(r"exp(\d+)", path.stem)[0])
        tile += exposure <= previous  # a new tile begins where the exposure does not rise
        tiles[path], previous = f"tile {tile}", exposure
    return read_classes("magnetic_tile", tiles.__getitem__, rename)


def grocery_packages(rename: Callable[[Path], str] = name_class) -> list[Sample]:
    return read_classes("grocery_packages", name_product, rename)


def name_product(path: Path) -> str:
    """The product, which is the group: `<split>__<product>_<n>.jpg`."""
    return path.stem.partition("__")[2].rpartition("_")[0]


def name_package(path: Path) -> str:
    """Juice, milk or yoghurt; empty for other packages."""
    product = name_product(path)
    if "Sour" in product:
        return ""
    if product.startswith(("Tropicana", "Bravo", "God-Morgon")):
        return "juice"
    return "milk" if product.endswith("Milk") else "yoghurt"


def sklearn_digits() -> list[Sample]:
    """Digits of 8 x 8 pixels, enlarged eight times."""
    from sklearn.datasets import load_digits

    data = load_digits()
    pixels = (data.images / 16 * 255).round().astype(np.uint8).repeat(8, axis=1).repeat(8, axis=2)
    return [
        Sample(encode_png(image), ".png", str(label), f"digit {place}")
        for place, (image, label) in enumerate(zip(pixels, data.target, strict=True))
    ]


def read_masks(name: str, group: Callable[[str], str] = str) -> list[Sample]:
    """Images and masks of the same stem."""
    home = folder(name)
    paths = sorted((home / "images").iterdir())
    return [
        Sample(
            path.read_bytes(),
            path.suffix.lower(),
            "",
            group(path.stem),
            (home / "masks" / f"{path.stem}.png").read_bytes(),
        )
        for path in paths
    ]


def mask_values(name: str) -> dict[int, str]:
    """Grey value in the masks of a data set -> class."""
    path = folder(name) / "classes.json"
    if not path.exists():
        return {0: BACKGROUND, 255: "crack"}
    return {int(value): label for value, label in json.loads(path.read_text()).items()}


def flood_area() -> list[Sample]:
    """Photos that show the same scene are one group."""
    groups = json.loads((folder("flood_area") / "duplicate_groups.json").read_text())
    scene = {str(stem): f"scene {number}" for number, stems in enumerate(groups) for stem in stems}
    return read_masks("flood_area", lambda stem: scene.get(stem, stem))


def dubai_aerial() -> list[Sample]:
    return read_masks("dubai_aerial", lambda stem: stem.partition("_")[0])


def crackforest() -> list[Sample]:
    return read_masks("crackforest")


def dsb2018_nuclei() -> list[Sample]:
    return read_masks("dsb2018_nuclei")


def label_by_share(samples: list[Sample], least: float, most: float) -> list[Sample]:
    """Images of a set of two classes, labelled by the share of foreground: "little" or "much"; others are left out."""
    rows = []
    for sample in samples:
        share = float((_mask(sample) > 0).mean())
        if not least < share < most:
            label = "little" if share <= least else "much"
            rows.append(Sample(sample.content, sample.suffix, label, sample.group))
    return rows


def cut_patches(samples: list[Sample], size: int, label: Callable[[Array], str]) -> list[Sample]:
    """Square patches, labelled by their part of the mask; a patch whose label is empty is left out."""
    patches = []
    for sample in samples:
        mask, image = _mask(sample), np.asarray(Image.open(io.BytesIO(sample.content)).convert("RGB"))
        for top in range(0, mask.shape[0] - size + 1, size):
            for left in range(0, mask.shape[1] - size + 1, size):
                area = np.s_[top : top + size, left : left + size]
                if name := label(mask[area]):
                    patches.append(Sample(encode_png(image[area]), ".png", name, sample.group))
    return patches


def _mask(sample: Sample) -> Array:
    return np.asarray(Image.open(io.BytesIO(sample.mask)))


def crack_patches() -> list[Sample]:
    """Patches of roads with a crack or without."""

    def label(mask: Array) -> str:
        share = (mask > 0).mean()
        return "crack" if share > 0.01 else "intact" if share == 0 else ""

    return cut_patches(crackforest(), 160, label)


def dubai_patches() -> list[Sample]:
    """Patches that are mostly land or mostly water: other classes hardly occur in some of the eight tiles."""
    values = mask_values("dubai_aerial")

    def label(mask: Array) -> str:
        value, count = np.unique(mask, return_counts=True)
        name = values[int(value[count.argmax()])].partition(" ")[0]
        return name if count.max() / mask.size > 0.6 and name in {"land", "water"} else ""

    return cut_patches(dubai_aerial(), 128, label)
