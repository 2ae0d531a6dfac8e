"""Checks on the split: the one that came with the data, unless `pupila split` wrote another beside them."""

from pupila.artifacts.dataset.leaks import find_leaks
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import Leak
from pupila.artifacts.report.fingerprint import Fault
from pupila.core.messages import say
from pupila.core.vocabulary import SPLITS
from pupila.stages.doctor.faults import fault
from pupila.stages.doctor.groups import read_split, unnamed_groups


def check_split(data: Dataset) -> list[Fault]:
    """Related images in different splits, groups that it does not know, unknown splits, and classes that one lacks."""
    written = read_split(data)
    leaks = _find_given_leaks(data) if written is None else written.leaks
    faults = fault("leaking-split", [
        f"{leak.first} ({leak.splits[0]}) = {leak.second} ({leak.splits[1]})" for leak in leaks
    ]) + unnamed_groups(data, written)  # fmt: skip
    if written is not None and written.settings.ignore_given:  # what came with the data is no longer used
        return faults
    return faults + _unknown_split(data) + _class_missing_from_split(data)


def _find_given_leaks(data: Dataset) -> list[Leak]:
    return find_leaks(data, data.images["group"].to_list(), data.images["given_split"].to_list())


def _unknown_split(data: Dataset) -> list[Fault]:
    """Values of the split column, or folders beside train and test, that are not the name of a split."""
    given = data.images["given_split"].drop_nulls()
    counts = given.filter(~given.is_in(list(SPLITS))).value_counts().sort("given_split")
    return fault("unknown-split", [f"{value} ({count})" for value, count in counts.iter_rows()])


def _class_missing_from_split(data: Dataset) -> list[Fault]:
    """Classes that do not occur in one of the given splits, if that split has labels."""
    examples = []
    occurs_in = data.shares > 0
    for split in SPLITS:
        present = occurs_in[(data.images["given_split"] == split).fill_null(False).to_numpy()].any(axis=0)
        if present.any():
            examples += [say("{name} in {split}", name=n, split=split)
                         for n, occurs in zip(data.classes, present, strict=True) if not occurs]  # fmt: skip
    return fault("class-missing-from-split", examples)
