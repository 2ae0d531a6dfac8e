"""The queue of a service's images: chosen, added to the data set, reviewed, and the live accuracy estimated."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from pydantic import Field, NonNegativeInt, PositiveInt

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.bundle.reference import find_reference
from pupila.artifacts.dataset.added import AddedImage, add_images, added_path
from pupila.artifacts.dataset.labelling.history import read_settled_history
from pupila.artifacts.dataset.labels import current_labels, hold_labels, require_history
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.predictions.log import PredictionRecord
from pupila.artifacts.web.local import run_local
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count
from pupila.core.settings import Settings
from pupila.core.vocabulary import QUEUE_FILE
from pupila.imaging.images.decode import Array
from pupila.imaging.images.signatures import find_suffix
from pupila.stages.label.review.app import make_review_app
from pupila.stages.label.review.live_accuracy import measure_live_accuracy
from pupila.stages.label.review.queue_choice import Choice, QueueSizes, choose_images, measure_unlikeness
from pupila.stages.label.review.queue_file import (
    EarlierQueue,
    LiveAccuracy,
    Proposal,
    Queue,
    QueueItem,
    read_queue,
)
from pupila.stages.label.review.queue_log import LoggedImage, ServiceLog, read_log, require_stored
from pupila.stages.label.review.review_task import Answer, LogLabels, ReviewTask
from pupila.stages.label.review.sample import RANDOM, ReviewItem, hash_order
from pupila.stages.label.review.session import Review, ReviewContext
from pupila.stages.label.review.tasks import review_task

PURPOSE = "queue"


class QueueSettings(Settings):
    """Which images of a log are reviewed."""

    limit: PositiveInt = Field(default=100, description="images to review, at most")
    random_share: float = Field(
        default=0.2, gt=0, le=1, description="share of them that are drawn at random, for the live accuracy"
    )
    seed: NonNegativeInt = Field(default=0, description="seed of the random part")
    extra_classes: tuple[str, ...] = Field(default=(), description="additional classes to choose from")
    again: bool = Field(default=False, description="choose again from the log as it is now")


@dataclass(frozen=True, slots=True)
class QueueResult:
    """A queue, and the answers of reviewers so far."""

    queue: Queue
    answers: dict[str, Answer]  # by the hash of the image
    live: list[LiveAccuracy]  # by model version
    missing: int  # images of the queue that are no longer in the data set
    file: str

    def as_dict(self) -> dict[str, object]:
        """The result as plain data."""
        parts = [item.part for item in self.queue.items]
        return {
            "log": self.queue.log, "images": self.queue.images, "stored": self.queue.stored,
            "items": {part: parts.count(part) for part in dict.fromkeys(parts)},
            "answered": len(self.answers), "live": [each.model_dump(mode="json") for each in self.live],
            "previous": [each.model_dump(mode="json") for each in self.queue.previous],
        }  # fmt: skip


def make_queue(data: Dataset, log_folder: str, bundle: Bundle | None, settings: QueueSettings) -> Queue:
    """The queue beside the data; a new one is chosen, its images added to the data set, and then it is written.

    Args:
        data: the data set.
        log_folder: of a service.
        bundle: whose reference tells how unlike an image is; None: the images of the log are compared.
        settings: an unfinished queue is resumed, unless they say otherwise.

    Raises:
        PupilaError: data without labels or with masks, no log, or one without image files.
    """
    labels = _require_log_labels(data)
    require_history(data.home)
    log_folder = files.absolute(log_folder)
    with hold_labels(data.home):
        uri = files.join(data.home, QUEUE_FILE)
        old = read_queue(uri) if files.exists(uri) else None
        if old is not None and not settings.again and old.log == log_folder:
            _check_resumed(settings, old)
            return old
        queue = _choose_queue(data, log_folder, bundle, settings, labels)
        if old is not None:
            live = _measure(data, old, _make_task(data, old))
            earlier = EarlierQueue(log=old.log, time=old.time, live=live)
            queue = queue.model_copy(update={"previous": [*old.previous, earlier]})
        files.write_json(uri, queue.as_dict())
    return queue


def _choose_queue(
    data: Dataset, log_folder: str, bundle: Bundle | None, settings: QueueSettings, labels: LogLabels
) -> Queue:
    """A new queue, whose images are added to the data set."""
    log = read_log(log_folder)
    require_stored(log)
    history = read_settled_history(data)
    choices = _choose(data, log, bundle, settings, labels)
    new = _add_new(data, log, choices)
    return Queue(
        log=log_folder, limit=settings.limit, random_share=settings.random_share, seed=settings.seed,
        time=datetime.now(UTC).isoformat(timespec="seconds"), history_rows=history.height, images=log.images,
        stored=len(log.stored), added=len(new), first=log.period[0], last=log.period[1],
        items=[_describe(data, choice, new, labels) for choice in choices],
    )  # fmt: skip


def _check_resumed(settings: QueueSettings, old: Queue) -> None:
    """Refuse settings that would have no effect; those of the queue itself may be given again.

    Raises:
        PupilaError: some differ from the queue's.
    """
    names = [name for name in ("limit", "random_share", "seed")
             if name in settings.model_fields_set and getattr(settings, name) != getattr(old, name)]  # fmt: skip
    if names:
        raise PupilaError(
            say("The queue was chosen with other settings"),
            actual=listing([f"{name} {getattr(settings, name)}" for name in names]),
            expected=listing([f"{name} {getattr(old, name)}" for name in names]),
            remedy=say("leave them out, or add --again to choose again"),
        )  # fmt: skip


def _require_log_labels(data: Dataset) -> LogLabels:
    """How the targets of a log are read for these data.

    Raises:
        PupilaError: a log has none, as of masks.
    """
    labels = review_task(data).log_labels
    if labels is None:
        raise PupilaError(
            say("The log of a service has no masks to review"), actual=data.layout,
            expected=say("a data set of classes"),
            remedy=say("copy the stored images into the data set, then: {command}",
                       command="pupila label export DATA --without-label"),
        )  # fmt: skip
    return labels


def _choose(
    data: Dataset, log: ServiceLog, bundle: Bundle | None, settings: QueueSettings, labels: LogLabels
) -> list[Choice]:
    images = list(log.stored.values())
    by_annotator = set(current_labels(read_settled_history(data)).filter("annotator")["sha256"])
    labelled = by_annotator | set(data.images.filter(data.images["target"].is_not_null())["sha256"])
    random = min(settings.limit, max(1, round(settings.random_share * settings.limit)))
    sizes = QueueSizes(random, settings.limit - random, settings.seed)
    return choose_images(
        images, sizes, labelled, lambda image: _is_corrected(image, labels), _find_unlikeness(images, bundle)
    )


def _find_unlikeness(images: list[LoggedImage], bundle: Bundle | None) -> Array:
    """(N,) how unlike the reference each is, or the other images of the log that the same model predicted."""
    result = np.full(len(images), np.nan)
    reference = None if bundle is None else find_reference(bundle)
    versions = [image.record.model_version for image in images]
    for version in dict.fromkeys(versions):
        rows = np.array([n for n, own in enumerate(versions) if own == version])
        known = reference is not None and bundle is not None and version == bundle.hash
        embeddings = [images[n].record.embedding for n in rows]
        result[rows] = measure_unlikeness(
            embeddings, reference.observations.embedding if known and reference else None
        )
    return result


def _is_corrected(image: LoggedImage, labels: LogLabels) -> bool:
    predicted = _read_predicted(image.record, labels)
    return any(
        proposal.correct is False or proposal.label not in (None, predicted)
        for proposal in _read_proposals(image, labels)
    )


def _read_predicted(record: PredictionRecord, labels: LogLabels) -> str:
    return labels.predicted(record.predicted, list(record.outputs))


def _read_proposals(image: LoggedImage, labels: LogLabels) -> list[Proposal]:
    """What feedback says of the last prediction, also where it is about another one."""
    predicted = _read_predicted(image.record, labels)
    proposals = []
    for statement, record in image.feedback.values():
        about, correct, label = _read_predicted(record, labels), statement.correct, None
        if statement.label is not None:
            label = labels.feedback(statement.label, list(record.outputs))
        # Of another prediction: "correct" names the target, "wrong" does not tell whether this one is.
        if about != predicted:
            label = about if label is None and correct else label
            correct = None
        if correct is not None or label is not None:
            proposals.append(Proposal(who=statement.who, correct=correct, label=label))
    return proposals


def _add_new(data: Dataset, log: ServiceLog, choices: list[Choice]) -> dict[str, str]:
    """Add the images that the data set does not have; their paths by hash."""
    present = set(data.images["sha256"])
    now = datetime.now(UTC).isoformat(timespec="seconds")
    added = []
    for image, part in choices:
        digest = image.record.image
        content = None if digest in present else log.read(digest)
        if content is None:
            continue
        path = added_path(digest, find_suffix(content))
        group, at_random = image.record.group, part == RANDOM
        added.append(
            (AddedImage(image=path, sha256=digest, group=group, at_random=at_random, time=now), content)
        )
    add_images(data.home, added)
    return {image.sha256: image.image for image, _ in added}


def _describe(data: Dataset, choice: Choice, new: dict[str, str], labels: LogLabels) -> QueueItem:
    image, part = choice
    digest = image.record.image
    known = dict(data.images.select("sha256", "image").iter_rows())
    return QueueItem(
        image=new.get(digest) or known.get(digest, ""), sha256=digest, part=part,
        model_version=image.record.model_version, label=_read_predicted(image.record, labels),
        earlier={version: _read_predicted(record, labels) for version, record in image.by_model.items()
                 if version != image.record.model_version},
        confidence=image.record.confidence, group=image.record.group,
        proposals=_read_proposals(image, labels) if part == "corrected" else [],
    )  # fmt: skip


def review_queue(
    data: Dataset,
    queue: Queue,
    reviewer: str,
    page: tuple[int, Callable[[str], None]] | None,
    further: tuple[str, ...] = (),
) -> QueueResult:
    """Review the queue until all of its images have an annotator's label or Ctrl-C, then estimate the live accuracy.

    Args:
        data: opened after the images of the queue were added.
        queue: see `make_queue`.
        reviewer: name for the history; empty: the user of this machine.
        page: port (0 takes a free one) and a function that receives the address of the page; None: no review.
        further: classes to choose from besides those of the data and the queue.
    """
    task, rows = _make_task(data, queue, further), _number_rows(data)
    present = [item for item in queue.items if item.sha256 in rows]
    if page is not None:
        before = _read_labels(data, queue, queue.history_rows)
        items = [_make_item(item, rows[item.sha256], task) for item in present if item.sha256 not in before]
        items.sort(key=lambda item: hash_order(queue.seed, "order", item.sha256))
        review = Review(items, task, ReviewContext(data.home, reviewer, PURPOSE, queue.history_rows))
        if review.current is not None:
            title = say_count("{n} image of a service", "{n} images of a service", len(items))
            run_local(lambda stop: make_review_app(review, data, title, stop), *page)
    missing = len(queue.items) - len(present)
    live = _measure(data, queue, task)
    return QueueResult(queue, _read_labels(data, queue), live, missing, files.join(data.home, QUEUE_FILE))


def _make_task(data: Dataset, queue: Queue, further: tuple[str, ...] = ()) -> ReviewTask:
    targets = [item.label for item in queue.items]
    targets += [own.label for item in queue.items for own in item.proposals if own.label is not None]
    return review_task(data, targets, further)


def _number_rows(data: Dataset) -> dict[str, int]:
    """The first row of each image, by its hash."""
    return {digest: row for row, digest in reversed(list(enumerate(data.images["sha256"])))}


def _measure(data: Dataset, queue: Queue, task: ReviewTask) -> list[LiveAccuracy]:
    """From the answers so far."""
    rows = _number_rows(data)
    present = [item for item in queue.items if item.sha256 in rows]
    return measure_live_accuracy(present, _read_labels(data, queue), rows, data.components(), task)


def _read_labels(data: Dataset, queue: Queue, rows: int | None = None) -> dict[str, Answer]:
    """The labels of annotators in force for images of the queue, those from other reviews too.

    Args:
        data: the data set.
        queue: of images.
        rows: of the history that count; None: all.
    """
    expected = {item.sha256 for item in queue.items}
    history = read_settled_history(data)
    labels = current_labels(history if rows is None else history.head(rows)).filter("annotator")
    columns = labels.select("sha256", "target", "labeller", "time")
    return {
        digest: Answer(target, False, labeller, time)
        for digest, target, labeller, time in columns.iter_rows() if digest in expected
    }  # fmt: skip


def _make_item(item: QueueItem, row: int, task: ReviewTask) -> ReviewItem:
    part = RANDOM if item.part == RANDOM else None
    hint = "; ".join(_describe_proposal(proposal, task) for proposal in item.proposals)
    return ReviewItem(row, item.image, item.sha256, part, item.label, "", item.confidence, hint)


def _describe_proposal(proposal: Proposal, task: ReviewTask) -> str:
    if proposal.label is not None:
        content = task.describe(proposal.label)
    else:
        content = say("the prediction is correct") if proposal.correct else say("the prediction is wrong")
    if not proposal.who:
        return say("Feedback: {label}", label=content)
    return say("Feedback of {who}: {label}", who=proposal.who, label=content)


def describe_parts(queue: Queue) -> str:
    """How many images each part has."""
    words = {"random": say("at random"), "uncertain": say("uncertain"), "drifted": say("unlike the others"),
             "corrected": say("corrected by feedback")}  # fmt: skip
    counts = [item.part for item in queue.items]
    return listing([f"{words[part]} {counts.count(part)}" for part in words if part in counts])
