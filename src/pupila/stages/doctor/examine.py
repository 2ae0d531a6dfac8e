"""Examining a data set: every check in turn, the gravest faults first."""

from collections.abc import Callable

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.vocabulary import ERROR, SEVERITIES
from pupila.stages.doctor import duplicates, images, labels, masks, pairing, shortcuts
from pupila.stages.doctor.faults import Fault, fault
from pupila.stages.doctor.predictions import disagreeing


def set_aside(data: Dataset) -> list[Fault]:
    """What the layout's reader and the decoder met: files, rows and folders that could not be taken as they are."""
    faults: list[Fault] = []
    for (code,), rows in data.set_aside.group_by("code", maintain_order=True):
        told = [
            f"{subject} ({reason})" if reason else subject
            for subject, reason in rows.select("subject", "reason").iter_rows()
        ]
        faults += fault(str(code), told)
    return faults


Checks = tuple[Callable[[Dataset], list[Fault]], ...]

CHECKS: Checks = (
    set_aside,
    images.exif_rotated,
    images.one_colour,
    images.extreme_aspect,
    images.tiny,
    images.many_frames,
    images.sixteen_bit,
    images.transparent,
    images.grey_and_colour,
    duplicates.duplicates,
    duplicates.leaking_split,
    labels.single_class,
    labels.small_class,
    labels.class_name_variants,
    labels.unknown_split,
    labels.class_missing_from_split,
)
CHECKS_OF: dict[str, Checks] = {
    "classify": (duplicates.conflicting_labels, labels.unlabelled, shortcuts.predicts_label),
    "segment": (
        masks.other_size,
        masks.between_values,
        masks.unknown_values,
        masks.misread_values,
        masks.of_one_class,
        masks.unlabelled_pixels,
        pairing.exif_of_one,
        pairing.labelled_differently,
        pairing.belonging,
    ),
}  # of data sets with that task


def examine(data: Dataset, run: str | None = None) -> list[Fault]:
    """All faults of the data set, errors first.

    Args:
        data: the data set.
        run: folder of a run whose answers to unseen images are held against the masks.

    Raises:
        PupilaError: the run has no answers to masks of these data.
    """
    held = [] if run is None else disagreeing(data, run)
    checks = (*CHECKS, *(CHECKS_OF[data.task.name] if data.task else ()))
    faults = [*held, *(found for check in checks for found in check(data))]
    return sorted(faults, key=lambda found: SEVERITIES.index(found.severity))


def spoils_training(faults: list[Fault]) -> bool:
    """Whether a model trained on these data could not be trusted."""
    return any(found.severity == ERROR for found in faults)
