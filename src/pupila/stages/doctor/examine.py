"""Run every check on a data set, and sort the faults by severity."""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.fingerprint import Fault
from pupila.artifacts.run.folder import Run
from pupila.core.vocabulary import ERROR, SEVERITIES
from pupila.stages.doctor import duplicates, images, labels, masks, multilabel, pairing, shortcuts, splits
from pupila.stages.doctor.faults import fault
from pupila.stages.doctor.label_predictions import labels_against_predictions
from pupila.stages.doctor.mask_predictions import masks_against_predictions
from pupila.stages.doctor.predictions import Comparison, compare_with_run
from pupila.stages.doctor.unread_labels import find_label_files, unread_labels
from pupila.tasks.task import Target


def skipped_files(data: Dataset) -> list[Fault]:
    """Files, rows and folders that the reader or the decoder could not use as they are."""
    label_files = find_label_files(data)
    faults = unread_labels(label_files)
    others = data.skipped.filter(
        (pl.col("code") != "other-file") | ~pl.col("subject").is_in(list(label_files))
    )
    for (code,), rows in others.group_by("code", maintain_order=True):
        examples = [
            f"{subject} ({reason})" if reason else subject
            for subject, reason in rows.select("subject", "reason").iter_rows()
        ]
        faults += fault(str(code), examples)
    return faults


Checks = tuple[Callable[[Dataset], list[Fault]], ...]


@dataclass(frozen=True, slots=True)
class TargetChecks:
    """What is checked of the targets of one kind."""

    checks: Checks
    against_run: Comparison | None  # how they are compared with a run's predictions; None: they are not


CHECKS: Checks = (
    skipped_files,
    images.exif_rotated,
    images.single_colour,
    images.extreme_aspect_ratio,
    images.tiny,
    images.multi_frame,
    images.sixteen_bit,
    images.transparent,
    images.mixed_colour_modes,
    duplicates.duplicates,
    duplicates.sequences,
    labels.class_name_variants,
    splits.check_split,
)
CHECKS_OF: dict[Target, TargetChecks] = {
    "class": TargetChecks(
        (
            labels.single_class,
            labels.small_class,
            duplicates.conflicting_labels,
            labels.unlabelled_images,
            shortcuts.predicts_label,
        ),
        against_run=None,  # `pupila label suspects` ranks them
    ),
    "classes": TargetChecks(
        (
            multilabel.constant_classes,
            multilabel.small_classes,
            multilabel.inseparable_classes,
            multilabel.unknown_labels,
            multilabel.label_counts,
            multilabel.conflicting_labels,
            multilabel.shortcuts_to_classes,
        ),
        labels_against_predictions,
    ),
    "mask": TargetChecks(
        (
            labels.single_class,
            labels.small_class,
            masks.size_mismatch,
            masks.intermediate_values,
            masks.unknown_values,
            masks.value_mismatch,
            masks.single_class_masks,
            masks.unlabelled_pixels,
            pairing.exif_mismatch,
            pairing.conflicting_masks,
            pairing.mismatched_masks,
        ),
        masks_against_predictions,
    ),
}  # of data with these targets
NO_CHECKS = TargetChecks((), None)  # of data without labels


def examine(data: Dataset, run: Run | None = None) -> list[Fault]:
    """All faults of the data set, errors first.

    Args:
        data: the data set.
        run: its out-of-fold predictions are compared with the masks, or with several labels per image.

    Raises:
        PupilaError: the run has no out-of-fold predictions for these targets.
    """
    own = CHECKS_OF[data.task.target] if data.task else NO_CHECKS
    from_run = [] if run is None else compare_with_run(data, run, own.against_run)
    faults = [*from_run, *(item for check in (*CHECKS, *own.checks) for item in check(data))]
    return sorted(faults, key=lambda item: SEVERITIES.index(item.severity))


def has_errors(faults: list[Fault]) -> bool:
    """Whether a model trained on these data could not be trusted."""
    return any(item.severity == ERROR for item in faults)
