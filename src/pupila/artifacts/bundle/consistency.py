"""What must hold between the fields of `bundle.json`: values that predict nonsense, or fail in a prediction."""

import math
import unicodedata
from collections.abc import Iterator
from itertools import chain

from pupila.artifacts.bundle.architecture import Head
from pupila.artifacts.bundle.schema import BundleInfo
from pupila.core import files
from pupila.core.messages import integer, say
from pupila.imaging.images.preprocess import Preprocessing
from pupila.tasks import TASKS
from pupila.tasks.task import PostProcessing

MAX_CLASSES = 100_000
MAX_NAME = 1000  # characters of the name of a class
MAX_SIDE = 8192  # of the input, pixels: 0.8 GB of float32
MAX_RESIZED = 4 * MAX_SIDE  # side of the resized image that a centre crop is cut from, pixels
TEMPERATURES = 1e-3, 1e3  # those that calibration selects lie within 0.05 and 20
TOLERANCES = 1e-6, 0.01  # of a golden prediction; below, the rounding of two processors differs by more
_MOST_THRESHOLD = 1 + 1e-9  # a class that no image reaches is tuned to the next number above 1
MAX_GOLDEN = 32  # images, each of which is predicted at every load
_UNPRINTABLE = {"Cc", "Cs", "Zl", "Zp"}  # Unicode's categories: controls, lone surrogates, ends of lines


def find_faults(info: BundleInfo) -> list[str]:
    """A clause for each value that can't be, with its field."""
    return [*chain(
        _of_classes(info.classes), _of_calibration(info), _of_post_processing(info.post_processing, info),
        _of_preprocessing(info.preprocessing), _of_head(info.head, len(info.classes)), _of_members(info),
        _of_golden(info), _of_files(info.files),
    )]  # fmt: skip


def _of_classes(classes: list[str]) -> Iterator[str]:
    if len(classes) > MAX_CLASSES:
        yield say("classes: more than {n}", n=integer(MAX_CLASSES))
        return
    if empty := [number for number, name in enumerate(classes) if not name]:
        yield say("classes: no name for class {number}", number=empty[0])
    if len(set(classes)) < len(classes):
        yield say("classes: '{name}' twice", name=next(name for name in classes if classes.count(name) > 1))
    for name in classes:
        if len(name) > MAX_NAME:
            yield say("classes: a name of {n} characters", n=integer(len(name)))
        elif not name.isprintable() and any(unicodedata.category(letter) in _UNPRINTABLE for letter in name):
            yield say("classes: control characters in {name}", name=ascii(name))


def _of_calibration(info: BundleInfo) -> Iterator[str]:
    yield from _outside("temperature", info.temperature, *TEMPERATURES)
    yield from _outside("golden_tolerance", info.golden_tolerance, *TOLERANCES)
    if info.parameters < 0:
        yield _below("parameters", info.parameters, 0)


def _of_post_processing(given: PostProcessing, info: BundleInfo) -> Iterator[str]:
    classes, place, task = info.classes, "post_processing", TASKS.get(info.task)
    prompted = task is not None and task.takes_prompts
    shares = {"abstain_below": given.abstain_below, "smallest_region": given.smallest_region,
              "largest_hole": given.largest_hole, "smooth": given.smooth}  # fmt: skip
    for name, share in shares.items():
        yield from _outside(f"{place}.{name}", share, 0, 1)
    if given.threshold is not None:  # a mask for a prompt compares its logarithm
        lowest, highest = (1e-9, 1 - 1e-9) if prompted else (0, _MOST_THRESHOLD)
        yield from _outside(f"{place}.threshold", given.threshold, lowest, highest)
    for name, values in (("biases", given.biases), ("thresholds", given.thresholds)):
        if len(values) not in (0, len(classes)):
            yield say("{field}: {n} values for {classes} classes", field=f"{place}.{name}", n=len(values),
                      classes=len(classes))  # fmt: skip
    for value in given.thresholds:
        yield from _outside(f"{place}.thresholds", value, 0, _MOST_THRESHOLD)
    for value in given.biases:
        yield from _outside(f"{place}.biases", value, -1e6, 1e6)
    # A mask for a prompt has no class, and tuning calls its foreground "object", whatever the data call it.
    if not prompted and given.positive is not None and (given.positive not in classes or len(classes) != 2):
        yield say("{field}: '{name}' is none of two classes", field=f"{place}.positive", name=given.positive)
    known = set(classes)
    for name in given.shared_threshold:
        if name not in known:
            yield say("{field}: '{name}' is no class", field=f"{place}.shared_threshold", name=name)


def _of_preprocessing(spec: Preprocessing) -> Iterator[str]:
    for name, side in (("height", spec.height), ("width", spec.width)):
        yield from _outside(f"preprocessing.{name}", side, 1, MAX_SIDE)
    for value in spec.mean:
        yield from _outside("preprocessing.mean", value, -1e3, 1e3)
    for value in spec.std:
        yield from _outside("preprocessing.std", value, 1e-6, 1e6)
    if spec.view == "tile" and spec.overlap >= min(spec.height, spec.width):
        yield say("preprocessing.overlap: {overlap} pixels of tiles of {side}", overlap=integer(spec.overlap),
                  side=integer(min(spec.height, spec.width)))  # fmt: skip
    if not max(spec.height, spec.width) / spec.crop_share <= MAX_RESIZED:
        yield _below("preprocessing.crop_share", spec.crop_share, max(spec.height, spec.width) / MAX_RESIZED)


def _of_head(head: Head | None, classes: int) -> Iterator[str]:
    if head is None:
        return
    if not head.widths or min(head.widths) < 1 or head.widths[-1] != classes:
        yield say("head.widths: {widths} for {n} classes", widths=str(head.widths[-3:]), n=classes)
    yield from _outside("head.dropout", head.dropout, 0, 1)
    if standard := head.standardisation:
        if len(standard.mean) != len(standard.std):
            yield say(
                "head.standardisation: {n} means and {m} deviations",
                n=len(standard.mean),
                m=len(standard.std),
            )
        for value in standard.std:
            yield from _outside("head.standardisation.std", value, 1e-12, 1e12)


def _of_members(info: BundleInfo) -> Iterator[str]:
    """One file of weights for all, or one for each."""
    names = {member.weights_file for member in info.members}
    if info.members and len(names) not in (1, len(info.members)):
        yield say("members: {n} files of weights for {m} members", n=len(names), m=len(info.members))
    for member in info.members:
        yield from _of_head(member.head, len(info.classes))


def _of_golden(info: BundleInfo) -> Iterator[str]:
    if len(info.golden) > MAX_GOLDEN:
        yield say("golden: more than {n} images", n=MAX_GOLDEN)
    for image, prediction in info.golden.items():
        if isinstance(prediction, list):  # of a promptable bundle, or of one from before the names were in it
            if not prediction:
                yield say("golden: no prediction for {image}", image=image)
            continue
        if list(prediction) != info.classes:
            yield say("golden: {image} has the classes {classes}, not those of the bundle in their order", image=image,
                      classes=", ".join(prediction)[:MAX_NAME])  # fmt: skip
        elif len({len(values) for values in prediction.values()}) != 1:
            yield say("golden: {image} has more numbers for some classes", image=image)


def _of_files(listed: dict[str, str]) -> Iterator[str]:
    """Names that lead out of the folder, that not every disk can hold, or that some disks take for one file."""
    for name in listed:
        parts = name.split("/")
        if (
            "\\" in name
            or ":" in name
            or {"", ".", ".."} & set(parts)
            or files.is_hidden(name)
            or len(parts) > 4
        ):
            yield say("files: {name} is no name of a file in the bundle", name=name or "''")
    names = [name.casefold() for name in listed]
    if len(set(names)) < len(names):
        yield say("files: {name} twice", name=next(name for name in names if names.count(name) > 1))


def _outside(field: str, value: float, low: float, high: float) -> Iterator[str]:
    if not low <= value <= high:
        yield say("{field}: {value} is not within {low} and {high}", field=field, value=f"{value:g}",
                  low=f"{low:g}", high=f"{high:g}") if math.isfinite(value) else say(
                      "{field}: {value} is no number", field=field, value=f"{value}")  # fmt: skip


def _below(field: str, value: float, low: float) -> str:
    return say("{field}: {value} is below {low}", field=field, value=f"{value:g}", low=f"{low:g}")
