"""The tasks: which images, which half of the sources, and one split that every method gets.

`write_task("ants_bees", folder)` writes a data set that `pupila train` reads: `images/`, `masks/`, `table.csv` with
group and split, and `splits.json`. Nothing in it depends on a seed, so that it is equal wherever it is written.
"""

import csv
import hashlib
import io
import json
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import pupila
from benchmarks.accuracy import generated, sources
from benchmarks.accuracy.sources import Sample, mask_values
from benchmarks.accuracy.written import BACKGROUND, CLASSES_FILE, SEGMENT, TABLE_FILE, WrittenTask, read_task
from pupila.core.vocabulary import TEST, TRAIN, VALIDATION

DEVELOPMENT: Final = "development"  # on which defaults are chosen
HELD_OUT: Final = "held_out"  # on which they are evaluated once
Half = Literal["development", "held_out"]

HALVES: dict[str, Half] = {
    "ants_bees": DEVELOPMENT, "sign_digits": DEVELOPMENT, "grocery_packages": DEVELOPMENT, "flood_area": DEVELOPMENT,
    "crackforest": DEVELOPMENT, "discs": DEVELOPMENT, "shapes": DEVELOPMENT,
    "brain_mri": HELD_OUT, "magnetic_tile": HELD_OUT, "dubai_aerial": HELD_OUT, "dsb2018_nuclei": HELD_OUT,
    "sklearn_digits": HELD_OUT, "bars": HELD_OUT, "dots": HELD_OUT,
}  # fmt: skip
_TEST_SHARE, _VALIDATION_SHARE = 0.3, 0.15
_MOST_TEST = 400  # images: more would cost time and tell little


@dataclass(frozen=True, slots=True)
class Task:
    """A data set with its split; tasks of one source are one cluster of the comparison."""

    source: str
    read: Callable[[], list[Sample]]
    target: Literal["classify", "segment"] = "classify"
    images: int | None = None  # for training and validation: of each class, or of a mask task in all
    values: Callable[[], dict[int, str]] | None = None  # grey value of a mask -> class
    bayes: float | None = None  # accuracy that no method exceeds in the mean

    @property
    def half(self) -> Half:
        """Whether defaults may be chosen on it."""
        return HALVES[self.source]


def _defects(path: Path) -> str:
    return "free" if path.parent.name == "free" else "defect"


def _mask_task(source: str, read: Callable[[], list[Sample]], images: int | None = None) -> Task:
    return Task(source, read, SEGMENT, images, lambda: mask_values(source))


def _binary(name: str) -> Callable[[], dict[int, str]]:
    return lambda: {0: BACKGROUND, 255: name}


TASKS: dict[str, Task] = {
    # The development half.
    "ants_bees": Task("ants_bees", sources.ants_bees),
    "ants_bees_60": Task("ants_bees", sources.ants_bees, images=60),
    "sign_digits": Task("sign_digits", sources.sign_digits),
    "sign_digits_60": Task("sign_digits", sources.sign_digits, images=60),
    "sign_digits_4567": Task("sign_digits", lambda: sources.sign_digits("4567"), images=60),
    "grocery_plant": Task("grocery_packages", sources.grocery_packages),
    "grocery_plant_60": Task("grocery_packages", sources.grocery_packages, images=60),
    "grocery_packages_200": Task(
        "grocery_packages", lambda: sources.grocery_packages(sources.name_package), images=200
    ),
    "flood_share": Task("flood_area", lambda: sources.label_by_share(sources.flood_area(), 0.3, 0.5)),
    "crack_patches": Task("crackforest", sources.crack_patches),
    "discs_200": Task("discs", generated.discs, images=200, bayes=generated.disc_bayes()),
    "shapes_60": Task("shapes", generated.shapes, images=60, bayes=generated.shape_bayes()),
    "flood_area": _mask_task("flood_area", sources.flood_area),
    "flood_area_60": _mask_task("flood_area", sources.flood_area, 60),
    "crackforest": _mask_task("crackforest", sources.crackforest),
    "disc_masks": Task("discs", generated.disc_masks, SEGMENT, None, _binary("disc")),
    "shape_masks": Task("shapes", generated.shape_masks, SEGMENT, None, lambda: generated.SHAPE_VALUES),
    # The half that is held out.
    "brain_mri": Task("brain_mri", sources.brain_mri),
    "brain_mri_60": Task("brain_mri", sources.brain_mri, images=60),
    "magnetic_tile": Task("magnetic_tile", sources.magnetic_tile),
    "magnetic_tile_60": Task("magnetic_tile", sources.magnetic_tile, images=60),
    "magnetic_defect_200": Task("magnetic_tile", lambda: sources.magnetic_tile(_defects), images=200),
    "dubai_patches_60": Task("dubai_aerial", sources.dubai_patches, images=60),
    "nuclei_share": Task(
        "dsb2018_nuclei", lambda: sources.label_by_share(sources.dsb2018_nuclei(), 0.08, 0.15), images=60
    ),
    "sklearn_digits_60": Task("sklearn_digits", sources.sklearn_digits, images=60),
    "bars_200": Task("bars", generated.bars, images=200, bayes=generated.bar_bayes()),
    "dots_60": Task("dots", generated.dots, images=60, bayes=generated.dot_bayes()),
    "dubai_aerial": _mask_task("dubai_aerial", sources.dubai_aerial),
    "dsb2018_nuclei": _mask_task("dsb2018_nuclei", sources.dsb2018_nuclei, 200),
    "dsb2018_nuclei_60": _mask_task("dsb2018_nuclei", sources.dsb2018_nuclei, 60),
    "bar_masks": Task("bars", generated.bar_masks, SEGMENT, None, _binary("bar")),
    "dot_masks": Task("dots", generated.dot_masks, SEGMENT, None, _binary("dot")),
}


def write_task(name: str, folder: Path) -> WrittenTask:
    """Write the data set of a task, unless it is there.

    Raises:
        MissingData: the data set that it is made from is absent.
    """
    if not (folder / "splits.json").exists():
        with tempfile.TemporaryDirectory() as staging:
            chosen = _choose(name, TASKS[name], Path(staging))
        _write(folder, chosen, TASKS[name])
        pupila.split(folder, seed=0)
    return read_task(folder)


def _choose(name: str, task: Task, staging: Path) -> list[tuple[Sample, str]]:
    """Samples with their split: `pupila split` divides the source, then both parts are reduced to their number."""
    samples = task.read()
    _write(staging, [(sample, "") for sample in samples], task)
    splits = pupila.split(staging, test=_TEST_SHARE, val=_VALIDATION_SHARE, seed=0)
    by_image = {Path(row.image).stem: row for row in splits.images}
    rows = [
        (replace(sample, group=f"{by_image[_stem(n)].component}"), by_image[_stem(n)].split)
        for n, sample in enumerate(samples)
    ]
    order = sorted(range(len(rows)), key=lambda n: hashlib.sha256(f"{name} {n}".encode()).digest())
    counts: Counter[tuple[str, str]] = Counter()
    chosen = []
    for n in order:
        sample, split = rows[n]
        place = (split, sample.label if split != TEST else "")
        if counts[place] < _most(task, split):
            counts[place] += 1
            chosen.append(n)
    return [rows[n] for n in sorted(chosen)]


def _most(task: Task, split: str) -> int:
    """The most images of a split: of each class, but for the test split."""
    if split == TEST:
        return _MOST_TEST
    if task.images is None:
        return 1 << 30
    validation = max(1, round(task.images * _VALIDATION_SHARE / (1 - _TEST_SHARE)))
    return {VALIDATION: validation, TRAIN: task.images - validation}[split]


def _stem(number: int) -> str:
    return f"{number:05d}"


def _write(folder: Path, rows: list[tuple[Sample, str]], task: Task) -> None:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    lines = [["image", "mask" if task.target == SEGMENT else "label", "group", "split"]]
    for number, (sample, split) in enumerate(rows):
        image = f"images/{_stem(number)}{sample.suffix}"
        (folder / image).write_bytes(sample.content)
        target = sample.label
        if task.target == SEGMENT:
            target = f"masks/{_stem(number)}.png"
            (folder / "masks").mkdir(exist_ok=True)
            (folder / target).write_bytes(sample.mask)
        lines.append([image, target, sample.group, split])
    used = 4 if any(split for _, split in rows) else 3
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(line[:used] for line in lines)
    (folder / TABLE_FILE).write_text(stream.getvalue())
    if task.values is not None:
        (folder / CLASSES_FILE).write_text(json.dumps(task.values(), indent=1))
