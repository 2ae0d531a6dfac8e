"""Drawn data sets whose groups stand in the file names only: a scheme of names, and a background for each group."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

SIDE = 48
CLASSES = ("bolt", "gear", "nut", "pin")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass
class Scheme:
    """Image paths, and the group and the class of each."""

    name: str
    paths: list[str] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    classes: list[int] = field(default_factory=list)

    def add(self, path: str, group: int, label: int) -> None:
        """One image; its path without the extension."""
        self.paths.append(f"{path}.png")
        self.groups.append(group)
        self.classes.append(label)

    def write(self, folder: Path, generator: Generator) -> None:
        """Draw every image into the folder."""
        backgrounds = {group: draw_background(generator) for group in dict.fromkeys(self.groups)}
        for path, group, label in zip(self.paths, self.groups, self.classes, strict=True):
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            draw_image(backgrounds[group], label, generator).save(file, compress_level=1)


def draw_background(generator: Generator) -> NDArray[np.uint8]:
    """(SIDE + 8, SIDE + 8, 3) a colour, soft spots, and a texture of stripes."""
    side = SIDE + 8
    colour = generator.uniform(40, 215, 3)
    spots = generator.normal(0, 60, (7, 7, 3)).astype(np.float32)
    soft = np.stack([
        np.asarray(Image.fromarray(spots[..., band]).resize((side, side), Image.Resampling.BICUBIC))
        for band in range(3)
    ], axis=-1)  # fmt: skip
    angle, period = generator.uniform(0, np.pi), generator.uniform(4, 12)
    down, across = np.mgrid[:side, :side]
    stripes = 25 * np.sin((across * np.cos(angle) + down * np.sin(angle)) * 2 * np.pi / period)
    drawn: NDArray[np.uint8] = np.clip(colour + soft + stripes[..., None], 0, 255).astype(np.uint8)
    return drawn


def draw_image(background: NDArray[np.uint8], label: int, generator: Generator) -> Image.Image:
    """The background from a slightly other place and under other light, with the shape of the class."""
    top, left = generator.integers(0, 9, 2)
    view = background[top : top + SIDE, left : left + SIDE].astype(np.float64) * generator.uniform(0.85, 1.1)
    view += generator.normal(0, 6, view.shape)
    image = Image.fromarray(np.clip(view, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    x, y = generator.integers(6, 24, 2).tolist()
    box = (x, y, x + 16, y + 16)
    ink = tuple(generator.integers(0, 255, 3).tolist())
    if label == 0:
        draw.ellipse(box, fill=ink)
    elif label == 1:
        draw.rectangle(box, fill=ink)
    elif label == 2:
        draw.polygon([(x, y + 16), (x + 8, y), (x + 16, y + 16)], fill=ink)
    else:
        draw.line(box, fill=ink, width=4)
    return image.filter(ImageFilter.GaussianBlur(0.5))


def _ids(count: int, generator: Generator) -> list[str]:
    """Names of groups as people give them."""
    kind = int(generator.integers(8))
    numbers = generator.choice(900, count, replace=False) + 100
    words = ["oak", "pine", "Elm", "birch", "ash", "Fir", "yew", "beech", "lime", "hazel", "maple", "rowan"]
    makers: Sequence[Callable[[int], str]] = (
        lambda n: f"{n:08d}",
        lambda n: f"patient{n}",
        lambda n: f"P{n:04d}",
        lambda n: f"{words[n % 12]}-{words[n // 12 % 12]}-{LETTERS[n % 26]}{LETTERS[n // 26 % 26]}",
        lambda n: f"2019{1 + n % 12:02d}{1 + n // 12 % 28:02d}",
        lambda n: f"tile{n}",
        lambda n: f"{LETTERS[n % 8].upper()}{n // 8:02d}",
        lambda n: "".join(f"{(n * 7919 + k * 104729) % 16:x}" for k in range(6)) + f"{n:03x}",
    )
    names = list(dict.fromkeys(makers[kind](int(n)) for n in numbers))
    return names


def draw_scheme(number: int) -> tuple[Scheme, Generator]:
    """One of many schemes of names; equal numbers give the same, with a generator to draw its images."""
    generator = np.random.default_rng(7000 + number)
    scheme = Scheme("")
    maker = (_fields, _fields, _folders, _class_cycle, _companion_cycle, _bursts)[number % 6]
    maker(scheme, generator)
    return scheme, generator


def _sizes(generator: Generator) -> list[int]:
    largest = int(generator.integers(5, 12))
    sizes: list[int] = generator.integers(3, largest, int(generator.integers(12, 24))).tolist()
    return sizes


def _fields(scheme: Scheme, generator: Generator) -> None:
    """An id and a number, in some order, with what else stands in names."""
    sizes = _sizes(generator)
    ids = _ids(len(sizes), generator)
    separator = str(generator.choice(["_", "-", "__", " ", "_"]))
    if any("-" in each for each in ids):
        separator = "_"
    across = bool(generator.integers(2))  # a group has images of several classes
    first = bool(generator.integers(4))  # the id stands before the number
    front = str(generator.choice(["", "", "img", "train", "site", "class"]))
    back = str(generator.choice(["", "", "raw", "eye"]))
    padded = int(generator.choice([0, 3, 4]))
    running = 0 if generator.integers(3) == 0 else None  # numbers count through all groups
    folders = front != "class"
    scheme.name = f"fields {separator!r} across={across} first={first} {front} {back} {ids[0]}"
    for group, (name, size) in enumerate(zip(ids, sizes, strict=False)):
        own = int(generator.integers(3))
        for place in range(size):
            label = int(generator.integers(3)) if across else own
            count = place + 1
            if running is not None:
                running += 1
                count = running
            parts = [name, f"{count:0{padded}d}" if padded else str(count)]
            parts = parts if first else parts[::-1]
            head = {"": [], "img": ["img"], "train": [str(generator.choice(["train", "test"]))],
                    "site": ["site" + "AB"[group % 2]], "class": [CLASSES[label]]}[front]  # fmt: skip
            tail = {"": [], "raw": ["raw"], "eye": [str(generator.choice(["left", "right"]))]}[back]
            folder = f"{CLASSES[label]}/" if folders else ""
            scheme.add(folder + separator.join([*head, *parts, *tail]), group, label)


def _folders(scheme: Scheme, generator: Generator) -> None:
    """A folder for each group, within the classes or around them."""
    sizes = _sizes(generator)
    ids = _ids(len(sizes), generator)
    inside = bool(generator.integers(2))
    scheme.name = f"folders inside={inside} {ids[0]}"
    for group, (name, size) in enumerate(zip(ids, sizes, strict=False)):
        own = int(generator.integers(3))
        for place in range(size):
            label = own if inside else place % 3
            path = f"{CLASSES[label]}/{name}" if inside else f"{name}/{CLASSES[label]}"
            scheme.add(f"{path}/{place:03d}", group, label)


def _class_cycle(scheme: Scheme, generator: Generator) -> None:
    """A running number; each person shows every class once, some one class less."""
    count, number = int(generator.integers(14, 26)), int(generator.integers(1, 3000))
    prefix = str(generator.choice(["IMG_", "DSC0", "P", "photo-"]))
    scheme.name = f"class cycle {prefix}"
    for group in range(count):
        for label in range(4):
            number += 1
            if generator.integers(20) == 0 and label in (1, 2):
                continue
            scheme.add(f"{CLASSES[label]}/{prefix}{number:05d}", group, label)


def _companion_cycle(scheme: Scheme, generator: Generator) -> None:
    """A number that counts through each group beside a running one."""
    number = int(generator.integers(1, 3000))
    scheme.name = "companion cycle"
    for group, size in enumerate(_sizes(generator)):
        own = int(generator.integers(3))
        for place in range(size):
            number += int(generator.integers(1, 4))
            scheme.add(f"{CLASSES[own]}/view{place + 1}_no{number}", group, own)
        number += int(generator.integers(1, 4))


def _bursts(scheme: Scheme, generator: Generator) -> None:
    """Runs of numbers with gaps between them."""
    number = int(generator.integers(1, 3000))
    prefix = str(generator.choice(["IMG_", "DSCF", "frame"]))
    step = int(generator.choice([1, 1, 5]))
    scheme.name = f"bursts {prefix} step={step}"
    for group, size in enumerate(_sizes(generator)):
        own = int(generator.integers(3))
        across = bool(generator.integers(2))
        for _ in range(size):
            number += step
            scheme.add(f"{CLASSES[int(generator.integers(3)) if across else own]}/{prefix}{number:06d}", group,
                       own)  # fmt: skip
        number += step * int(generator.integers(15, 200))


def draw_videos(changes: bool) -> Scheme:
    """Frames of three series, which change slowly from one background to the next, or jump between three of them."""
    scheme = Scheme("videos")
    for frame in range(40):
        for video in range(3):
            background = (video, frame // 10) if changes else (video, (frame * 7) % 3)
            scheme.add(f"{CLASSES[frame % 2]}/Seq{video:02d}VD_f{frame * 30:05d}", 10 * background[0] + background[1],
                       frame % 2)  # fmt: skip
    return scheme
