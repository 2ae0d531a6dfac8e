"""Label images, review labels, and exchange them with Label Studio."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

from pupila.api.data import open_with
from pupila.api.inputs import Data, ModelInput, Path, path_text
from pupila.api.options import AuditOptions, LabelOptions, QueueOptions, ReadOptions
from pupila.core.extras import public

if TYPE_CHECKING:
    from pupila.artifacts.dataset.manifest import Dataset
    from pupila.stages.label.review.audit import AuditResult
    from pupila.stages.label.review.queue import QueueResult
    from pupila.stages.label.review.queue_file import Queue
    from pupila.stages.label.review.suspects import SuspectReview
    from pupila.stages.label.run import LabellingJob, LabellingResult
    from pupila.stages.label.studio.annotations import ImportResult
    from pupila.stages.label.studio.export import ExportResult


@public
def label(
    data: Data,
    *,
    with_: str,
    limit: int | None = None,
    everything: bool = False,
    **settings: Unpack[LabelOptions],
) -> "LabellingResult":
    """Label images, and append the labels to the history.

    Args:
        data: whatever `pupila.open` takes.
        with_: vlm:MODEL, roboflow:PROJECT/VERSION, bundle:FOLDER or csv:FILE.
        limit: most images to label.
        everything: also let a model label what an annotator or the data labelled; their labels stay in force.
        settings: of the labeller; and `task`, what the labels are, where the data are not open yet.

    Raises:
        PupilaError: the labeller can't label these data, or it fails; labels up to then are in the history.
    """
    return plan_labelling(data, with_=with_, limit=limit, everything=everything, **settings).run()


@public
def plan_labelling(
    data: Data,
    *,
    with_: str,
    limit: int | None = None,
    everything: bool = False,
    **settings: Unpack[LabelOptions],
) -> "LabellingJob":
    """The plan of `label` without running it: the labeller, the images and the cost."""
    from pupila.stages.label.choose import select_images
    from pupila.stages.label.labellers.catalogue import create_labeller
    from pupila.stages.label.run import LabellingJob

    read, own = _split_settings(settings)
    opened = open_with(data, read)
    labeller = create_labeller(with_, own, opened)
    return LabellingJob(opened, labeller, select_images(opened, labeller, everything, limit))


@dataclass(frozen=True, slots=True)
class Review:
    """A review on a local page."""

    annotator: str = ""  # name for the history; empty: the user of this machine
    port: int = 0  # of the page; 0 takes a free one
    on_address: Callable[[str], None] = print  # receives the address of the page
    report_only: bool = False  # report the answers so far instead of asking for more


@public
def audit_labels(data: Data, *, review: Review, **settings: Unpack[AuditOptions]) -> "AuditResult":
    """Review a sample of machine labels blind, on a local page, and estimate how many are correct.

    Args:
        data: whatever `pupila.open` takes.
        review: who reviews, and where.
        settings: of the audit; and, where the data are not open yet, how their images are read.

    Raises:
        PupilaError: see `pupila.stages.label.review.audit.audit`.
    """
    from pupila.stages.label.review.audit import AuditSettings, audit

    read, own = _split_settings(settings)
    parsed = AuditSettings.parse(own, "label-audit")
    port = None if review.report_only else review.port
    opened = open_with(data, read)
    result = audit(opened, parsed, review.annotator, port, review.on_address)
    if port is not None:
        _record_labels(opened)
    return result


@public
def review_suspects(
    data: Data, *, run: ModelInput, limit: int = 50, review: Review, **read: Unpack[ReadOptions]
) -> "SuspectReview":
    """Rank labels that contradict a run's out-of-fold predictions, and review them blind on a local page.

    Args:
        data: whatever `pupila.open` takes.
        run: a run or its folder.
        limit: most labels to review.
        review: who reviews, and where.
        read: how the images are read, where the data are not open yet.

    Raises:
        PupilaError: see `pupila.stages.label.review.suspects.review_suspects`.
    """
    from pupila.artifacts.run.folder import find_path
    from pupila.stages.label.review import suspects

    page = None if review.report_only else (review.port, review.on_address)
    opened = open_with(data, read)
    result = suspects.review_suspects(opened, find_path(run), limit, review.annotator, page)
    if page is not None:
        _record_labels(opened)
    return result


@public
def review_queue(
    data: Data,
    *,
    log: Path,
    bundle: ModelInput | None = None,
    review: Review,
    on_chosen: "Callable[[Queue], None]" = lambda queue: None,
    **settings: Unpack[QueueOptions],
) -> "QueueResult":
    """Review images of a service on a local page, add them to the data set, and estimate the live accuracy.

    Args:
        data: whatever `pupila.open` takes.
        log: folder of the service's log, with stored images.
        bundle: that predicted them, whose reference tells how unlike an image is; None: the log's images are compared.
        review: who reviews, and where.
        on_chosen: receives the queue, whose images are in the data set by then, before the review.
        settings: how images are chosen; and, where the data are not open yet, how their images are read.

    Raises:
        PupilaError: see `pupila.stages.label.review.queue.make_queue`.
    """
    from pupila.artifacts.dataset.versions.labelled import reopen
    from pupila.artifacts.run.source import parse_predicting
    from pupila.stages.label.review import queue

    read, own = _split_settings(settings)
    parsed = queue.QueueSettings.parse(own, "label-queue")
    opened = open_with(data, read)
    known = None if bundle is None else parse_predicting(bundle).bundle
    chosen = queue.make_queue(opened, path_text(log), known, parsed)
    on_chosen(chosen)
    opened = reopen(opened)
    page = None if review.report_only else (review.port, review.on_address)
    result = queue.review_queue(opened, chosen, review.annotator, page, parsed.extra_classes)
    if page is not None:
        _record_labels(opened)
    return result


@public
def export_labels(
    data: Data,
    *,
    out: Path,
    embed: bool = False,
    prefix: str | None = None,
    without_label: bool = False,
    **read: Unpack[ReadOptions],
) -> "ExportResult":
    """Write tasks for Label Studio, with the present labels as predictions.

    Args:
        data: whatever `pupila.open` takes.
        out: file of the tasks; `<out>.xml` holds the labelling configuration.
        embed: whether the images are in the file, instead of being served by Label Studio.
        prefix: path of the data below Label Studio's document root; None: the name of the folder.
        without_label: only images that were rejected, uncertain or never labelled.
        read: how the images are read, where the data are not open yet.
    """
    from pupila.stages.label.studio.export import ExportOptions, export_tasks

    return export_tasks(open_with(data, read), path_text(out), ExportOptions(embed, prefix, without_label))


@public
def import_labels(data: Data, file: Path, **read: Unpack[ReadOptions]) -> "ImportResult":
    """Import the labels and masks that annotators made in Label Studio.

    Args:
        data: whatever `pupila.open` takes.
        file: Label Studio's export as JSON, JSON-MIN or CSV.
        read: how the images are read, where the data are not open yet.

    Raises:
        PupilaError: see `pupila.stages.label.studio.annotations.import_annotations`.
    """
    from pupila.stages.label.studio.annotations import import_annotations

    opened = open_with(data, read)
    result = import_annotations(opened, path_text(file))
    if result.labels:
        _record_labels(opened)
    return result


def _record_labels(data: "Dataset") -> None:
    """Record the version with the new labels; why it could not be recorded is printed."""
    from pupila.artifacts.dataset.versions.labelled import record_labels

    for sentence in record_labels(data):
        print(sentence, file=sys.stderr, flush=True)


def _split_settings(settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings that say how data are read, and the others."""
    from pupila.artifacts.dataset.reading import ReadSettings

    read = {name: value for name, value in settings.items() if name in ReadSettings.model_fields}
    return read, {name: value for name, value in settings.items() if name not in read}
