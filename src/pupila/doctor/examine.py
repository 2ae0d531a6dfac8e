"""Examining a data set: every check in turn, the gravest faults first."""

from collections.abc import Callable

from pupila.dataset.manifest import Dataset
from pupila.doctor import copies, labels, pictures, shortcuts
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


CHECKS: tuple[Callable[[Dataset], list[Fault]], ...] = (
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
    copies.conflicting_labels,
    copies.leaking_split,
    labels.single_class,
    labels.small_class,
    labels.class_name_variants,
    labels.unlabelled,
    labels.unknown_split,
    labels.class_missing_from_split,
    shortcuts.predicts_label,
)


def examine(data: Dataset) -> list[Fault]:
    """All faults of the data set, errors first."""
    faults = [found for check in CHECKS for found in check(data)]
    return sorted(faults, key=lambda found: SEVERITIES.index(found.severity))


def spoils_training(faults: list[Fault]) -> bool:
    """Whether a model trained on these data could not be trusted."""
    return any(found.severity == ERROR for found in faults)
