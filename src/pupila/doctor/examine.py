"""Examining a data set: every check in turn, the gravest faults first."""

from collections.abc import Callable

from pupila.dataset.manifest import Dataset
from pupila.doctor import copies, labels, masks, pairing, pictures, shortcuts
from pupila.doctor.answers import disagreeing
from pupila.doctor.faults import Fault, fault
from pupila.vocabulary import ERROR, SEVERITIES


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
    pictures.exif_rotated,
    pictures.one_colour,
    pictures.extreme_aspect,
    pictures.tiny,
    pictures.many_frames,
    pictures.sixteen_bit,
    pictures.transparent,
    pictures.grey_and_colour,
    copies.duplicates,
    copies.leaking_split,
    labels.single_class,
    labels.small_class,
    labels.class_name_variants,
    labels.unknown_split,
    labels.class_missing_from_split,
)
CHECKS_OF: dict[str, Checks] = {
    "classify": (copies.conflicting_labels, labels.unlabelled, shortcuts.predicts_label),
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
