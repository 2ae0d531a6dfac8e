"""Checks for shortcuts: does the folder, a column or a file property alone predict the label?

Each property alone is the input of a small decision tree, scored by cross-validation (duplicates and groups kept in one
fold). What the tree predicts better than chance, a network can learn as well, for the wrong reason.
"""

from dataclasses import dataclass
from math import sqrt
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.fingerprint import Fault
from pupila.core.messages import number, say
from pupila.core.vocabulary import ERROR, WARNING
from pupila.stages.doctor.faults import fault

MIN_IMAGES = 30  # labelled, and
MIN_IMAGES_PER_CLASS = 10  # of each class that is considered; with fewer, chance looks like a shortcut
FOLDS = 5
ERROR_SKILL = 0.5  # skill (0 is chance, 1 is perfect) that is an error
WARNING_SKILL = 0.25  # skill that is a warning
_SEED = 0
_MAX_VALUES = 40  # of a category; the rarer values count as one
_DAY = 86_400 * 10**9  # nanoseconds
_ALIASES = ("label", "class", "category", "target")


Examples = dict[str, list[tuple[float, str]]]  # code of the fault -> (skill, example) of each shortcut


@dataclass(frozen=True, slots=True)
class Property:
    """What is known about every file without its pixels."""

    name: str  # as shown to the user
    code: str  # the fault if it predicts the label
    values: NDArray[Any]  # (N,) float, or text


@dataclass(frozen=True, slots=True)
class Labelled:
    """The labelled images that a property is tested on."""

    rows: NDArray[Any]  # (N,) bool, K of them true
    targets: NDArray[Any]  # (K,) class names
    together: NDArray[Any]  # (K,) component numbers; the images of a component are in one fold
    folds: list[tuple[NDArray[Any], NDArray[Any]]]  # rows of 0..K-1 to fit on, and rows to predict


def predicts_label(data: Dataset) -> list[Fault]:
    """Folders, columns and file properties that predict the label."""
    counts = {name: n for name, n in data.class_counts().items() if n >= MIN_IMAGES_PER_CLASS}
    if len(counts) < 2 or sum(counts.values()) < MIN_IMAGES:
        return []
    rows = data.images["target"].is_in(list(counts)).fill_null(False).to_numpy()
    examples: Examples = {}
    find_shortcuts(
        list_properties(data), label_rows(rows, data.images["target"].to_numpy()[rows], data.components()), examples
    )  # fmt: skip
    return list_shortcuts(examples)


def label_rows(rows: NDArray[Any], targets: NDArray[Any], components: NDArray[Any]) -> Labelled:
    """The labelled images with the folds that they are predicted in.

    Args:
        rows: (N,) bool, K of them true.
        targets: (K,) class names.
        components: (N,) component numbers.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    together = components[rows]
    folds = StratifiedGroupKFold(n_splits=FOLDS, shuffle=True, random_state=_SEED)
    codes = np.unique(targets.astype(str), return_inverse=True)[1]
    return Labelled(rows, targets, together, list(folds.split(codes, codes, together)))


def find_shortcuts(properties: list[Property], labelled: Labelled, examples: Examples, of: str = "") -> None:
    """Add what predicts the targets of these images to the examples.

    Args:
        properties: of all images.
        labelled: the images.
        examples: of each fault so far, changed in place.
        of: what is predicted, where it is not the label itself.
    """
    for known in properties:
        values = known.values[labelled.rows]
        if len(set(values.tolist())) < 2 or _is_alias(known, values, labelled.targets):
            continue
        if known.values.dtype == object and _is_grouping(values, labelled.targets):
            if (0.0, known.name) not in (groupings := examples.setdefault("possible-groups", [])):
                groupings.append((0.0, known.name))
            continue
        skill, low = measure_skill(values, labelled)
        if low >= WARNING_SKILL:
            figures = {"name": known.name, "skill": number(skill, 2), "of": of}
            example = (
                say("{name} -> {of} (skill {skill}; 0 is chance, 1 is perfect)", **figures)
                if of
                else say("{name} (skill {skill}; 0 is chance, 1 is perfect)", **figures)
            )
            examples.setdefault(known.code, []).append((skill, example))


def list_shortcuts(examples: Examples) -> list[Fault]:
    """The faults, each with its strongest examples first."""
    faults: list[Fault] = []
    for code, hits in examples.items():
        worst = max(hits)[0]
        severity = None if code == "possible-groups" else (ERROR if worst >= ERROR_SKILL else WARNING)
        faults += fault(code, [example for _, example in sorted(hits, reverse=True)], severity)
    return faults


def measure_skill(values: NDArray[Any], labelled: Labelled) -> tuple[float, float]:
    """How well a property alone predicts the class of an image that the tree was not fitted on.

    Args:
        values: (K,) the property.
        labelled: the K images.

    Returns:
        (skill, its lower 95 % bound); skill is balanced accuracy rescaled so that 0 is chance and 1 is perfect.
    """
    from sklearn.tree import DecisionTreeClassifier

    names, codes = np.unique(labelled.targets.astype(str), return_inverse=True)
    together = labelled.together
    features = _features(values)
    predictions = np.full(len(codes), -1)
    for train_rows, test_rows in labelled.folds:
        tree = DecisionTreeClassifier(
            max_leaf_nodes=16, min_samples_leaf=5, class_weight="balanced", random_state=_SEED
        )
        predictions[test_rows] = tree.fit(features[train_rows], codes[train_rows]).predict(
            features[test_rows]
        )
    recalls = [float((predictions[codes == c] == c).mean()) for c in range(len(names))]
    sizes = [len(set(together[codes == c].tolist())) for c in range(len(names))]
    spread = sqrt(sum(r * (1 - r) / n for r, n in zip(recalls, sizes, strict=True))) / len(names)
    chance = 1 / len(names)
    balanced = float(np.mean(recalls))
    return (balanced - chance) / (1 - chance), (balanced - 1.96 * spread - chance) / (1 - chance)


def list_properties(data: Dataset) -> list[Property]:
    """What is known about the files and their rows in the table."""
    images = data.images
    width, height = images["width"].cast(pl.Float64).to_numpy(), images["height"].cast(pl.Float64).to_numpy()
    file = "property-predicts-label"
    known = [
        Property(say("width"), file, width),
        Property(say("height"), file, height),
        Property(say("aspect ratio"), file, np.round(width / height, 3)),
        Property(say("file size"), file, images["bytes"].cast(pl.Float64).to_numpy()),
        Property(say("format"), file, _text(images["format"])),
        Property(say("colour mode"), file, _text(images["mode"])),
        Property(say("EXIF orientation"), file, _text(images["orientation"].cast(pl.String))),
        Property(say("camera"), file, _text(images["camera"])),
        Property(say("date taken"), file, _days(images["taken"])),
        Property(say("file date"), file, (images["modified"] // _DAY).cast(pl.Float64).to_numpy()),
    ]
    if "subfolder" in images.columns:
        known.append(Property(say("subfolder"), "folder-predicts-label", _text(images["subfolder"])))
    else:
        folders = [PurePosixPath(image).parent.as_posix() for image in images["image"]]
        known.append(Property(say("folder"), "folder-predicts-label", np.array(folders, dtype=object)))
    return known + [
        Property(say("column {name}", name=name), "column-predicts-label", _column(images[name]))
        for name in data.own_columns
    ]


def _text(column: pl.Series) -> NDArray[Any]:
    return np.array([str(value or "") for value in column], dtype=object)


def _column(column: pl.Series) -> NDArray[Any]:
    """Numbers as float where all cells are numbers, else text."""
    numbers = column.cast(pl.Float64, strict=False)
    if numbers.null_count() == column.null_count() < len(column) and column.n_unique() > _MAX_VALUES:
        return numbers.fill_null(-1.0).to_numpy()
    return _text(column)


def _days(column: pl.Series) -> NDArray[Any]:
    """Days since 1970 of EXIF times; -1 for none."""
    days = column.str.slice(0, 10).str.to_date("%Y:%m:%d", strict=False).cast(pl.Int32)
    return days.cast(pl.Float64).fill_null(-1.0).to_numpy()


def _is_alias(known: Property, values: NDArray[Any], targets: NDArray[Any]) -> bool:
    """The label under another name: folders named like the classes, or a column `class_id` that maps one to one."""
    if known.values.dtype != object:
        return False
    one_to_one = len(set(zip(values, targets, strict=True))) == len(set(values)) == len(set(targets))
    leaf = {PurePosixPath(value).name.casefold() for value in values}
    same_words = leaf == {str(target).strip().casefold() for target in targets}
    return same_words or (one_to_one and any(word in known.name.lower() for word in _ALIASES))


def _is_grouping(values: NDArray[Any], targets: NDArray[Any]) -> bool:
    """Many values, several per class and several images per value: products or patients, not a shortcut."""
    distinct = set(values.tolist())
    pure = len(set(zip(values, targets, strict=True))) <= 1.05 * len(distinct)
    return pure and len(distinct) >= 3 * len(set(targets)) and len(values) >= 2 * len(distinct)


def _features(values: NDArray[Any]) -> NDArray[np.float64]:
    """(N, F): a number as it is; text as one-hot columns of its most frequent values."""
    if values.dtype != object:
        return values.astype(np.float64).reshape(-1, 1)
    names, counts = np.unique(values.astype(str), return_counts=True)
    frequent = names[np.argsort(-counts, kind="stable")][:_MAX_VALUES]
    return np.asarray(values.astype(str)[:, None] == frequent[None, :], dtype=np.float64)
