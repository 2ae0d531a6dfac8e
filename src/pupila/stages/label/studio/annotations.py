"""Imports the annotations of a Label Studio export into the label history."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from pupila.artifacts.dataset.formats.tools.studio_tasks import COMMENTS
from pupila.artifacts.dataset.labels import Label, append_labels, read_history, require_history
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count
from pupila.stages.label.studio.formats import import_format
from pupila.stages.label.studio.items import Annotation, ImageFinder, Item, read_items, read_regions
from pupila.stages.label.studio.studio_format import StudioFormat, UnusableAnnotation

NOTE = "label-studio"


@dataclass(slots=True)
class ImportResult:
    """The result of an import."""

    labels: int = 0  # rows added to the history
    already_imported: int = 0  # annotations of an earlier import
    unsure: int = 0  # of the labels: submitted without a choice
    masks: int = 0  # of the labels
    skipped: Counter[str] = field(default_factory=Counter)  # count per reason
    unread: Counter[str] = field(
        default_factory=Counter
    )  # results of other types in what was added, per type
    shared: int = 0  # images with annotations of several annotators


def import_annotations(data: Dataset, path: str) -> ImportResult:
    """Add the annotations of an export to the history, each as a label of its annotator, and write their masks.

    Args:
        data: the data set.
        path: of the export; annotations of an earlier import are not added again.

    Raises:
        PupilaError: not a native export; no image of the data set; or classes that the masks do not have.
    """
    require_history(data.home)
    items, finder, result = read_items(path), ImageFinder(data), ImportResult()
    rows = [finder.find_row(item) for item in items]
    matches = [(row, item) for row, item in zip(rows, items, strict=True) if row is not None]
    if not matches:
        raise PupilaError(
            say("The tasks contain no image of the data set"),
            actual=listing([f"{item.address[:80]} ({finder.explain(item)})" for item in items], 3),
            expected=data.root,
        )
    for row, item in zip(rows, items, strict=True):
        if row is None:
            result.skipped[say("no image of the data set ({reason})", reason=finder.explain(item))] += 1
    if passed := sum(item.passed for item in items):
        result.skipped[say("its task has a ground truth, which counts")] += passed
    result.shared = sum(item.is_shared for _, item in matches)
    studio = import_format(data, list(read_regions(item for _, item in matches)))
    history = read_history(data.home)
    before = set(
        history.select("sha256", "labeller", "time").iter_rows()
    )  # the note is left out: every export has another file name
    labels: list[Label] = []
    for row, annotation in _order_annotations(matches):
        if (data.images["sha256"][row], _labeller(annotation), annotation.time) in before:
            result.already_imported += 1
            continue
        try:
            labels.append(_make_label(data, row, annotation, studio, path))
            result.unread += annotation.unread
        except UnusableAnnotation as fault:
            result.skipped[str(fault)] += 1
    append_labels(data.home, labels)
    result.labels, result.unsure = len(labels), sum(label.target is None for label in labels)
    result.masks = result.labels - result.unsure if studio.target == "mask" else 0
    return result


def _order_annotations(matches: list[tuple[int, Item]]) -> Iterator[tuple[int, Annotation]]:
    """The annotations in the order of their time, with their row."""
    annotations = [
        (annotation.time, row, annotation) for row, item in matches for annotation in item.annotations
    ]
    return ((row, annotation) for _, row, annotation in sorted(annotations, key=lambda entry: entry[:2]))


def _make_label(data: Dataset, row: int, annotation: Annotation, studio: StudioFormat, path: str) -> Label:
    if annotation.unread.keys() - COMMENTS and not any(map(studio.fits_target, annotation.regions)):
        raise UnusableAnnotation(
            say("only results of other types: {types}", types=listing(list(annotation.unread)))
        )
    image, digest = data.images.select("image", "sha256").row(row)
    return Label(
        image, digest, _labeller(annotation), True, studio.read_target(row, annotation), annotation.time,
        seconds=annotation.seconds, note=f"{NOTE}: {files.absolute(path).rpartition('/')[2]}",
    )  # fmt: skip


def _labeller(annotation: Annotation) -> str:
    return f"annotator:{annotation.annotator}"


def sentences(result: ImportResult) -> list[str]:
    """The result in sentences."""
    lines = [say_count("Added one label (masks: {masks}, unsure: {unsure}).",
                       "Added {n} labels (masks: {masks}, unsure: {unsure}).", result.labels, masks=result.masks,
                       unsure=result.unsure)]  # fmt: skip
    if result.already_imported:
        lines.append(
            say_count(
                "One annotation was imported before.",
                "{n} annotations were imported before.",
                result.already_imported,
            )
        )
    if result.shared:
        lines.append(
            say_count(
                "One image has annotations of several annotators: the latest counts.",
                "{n} images have annotations of several annotators: the latest counts.",
                result.shared,
            )
        )
    if result.unread:
        kinds = listing([f"{n} x {kind}" for kind, n in result.unread.most_common()])
        lines.append(say("Results of these annotations that are not read: {kinds}.", kinds=kinds))
    lines += [
        say_count("Skipped one annotation: {reason}.", "Skipped {n} annotations: {reason}.", n, reason=reason)
        for reason, n in result.skipped.most_common()
    ]
    return lines
