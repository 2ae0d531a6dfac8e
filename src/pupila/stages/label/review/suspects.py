"""Suspected label errors: labels that contradict the out-of-fold predictions of a run, reviewed blind."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from pupila.artifacts.dataset.labels import Label, current_labels, read_history
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.run.folder import read_run
from pupila.artifacts.run.out_of_fold import OutOfFold, compute_mask_ious, read_out_of_fold
from pupila.artifacts.web.local import run_local
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count
from pupila.core.vocabulary import PATCH_FILE, SUSPECTS_FILE
from pupila.imaging.images.decode import Array
from pupila.stages.label.review.app import make_review_app
from pupila.stages.label.review.sample import ReviewItem
from pupila.stages.label.review.session import Answer, Review, ReviewContext, read_answers
from pupila.tasks.classify import softmax

PURPOSE = "suspect"
SUSPECTS_SCHEMA = 2  # of suspects.json; 1 had `answers` for `predictions_hash`, and no `checked`
PATCH_SCHEMA = 2  # of each line of label-patch.jsonl; 1 had `by` for `annotator`, and no `schema`
LOW_IOU_SHARE = 0.5  # of the median IoU of the run; masks below it are suspected


@dataclass(frozen=True, slots=True)
class Suspect:
    """A suspected label error."""

    image: str
    sha256: str
    label: str  # the target in force
    prediction: str | None  # class that the run predicts; None for masks
    label_quality: float  # predicted probability of the label; for masks the IoU with the predicted mask


@dataclass(frozen=True, slots=True)
class Ranking:
    """The labels of a data set, checked against the predictions of a run."""

    checked: int  # labels with a prediction, not confirmed by an annotator
    estimated_errors: int | None  # estimated number of wrong labels; None for masks
    suspects: list[Suspect]  # the lowest label quality first


@dataclass(frozen=True, slots=True)
class SuspectReview:
    """A ranking, and the answers of a reviewer."""

    ranking: Ranking
    selected: int  # suspects under review
    answers: dict[str, Answer]  # by the hash of the image
    file: str
    patch: str

    def counts(self) -> dict[str, int]:
        """The answers by result."""
        label_of = {suspect.sha256: suspect.label for suspect in self.ranking.suspects}
        answered = [
            (label_of[digest], answer) for digest, answer in self.answers.items() if digest in label_of
        ]
        confirmed = sum(answer.target == label for label, answer in answered)
        unsure = sum(answer.target is None and not answer.rejected for _, answer in answered)
        return {
            "answered": len(answered),
            "confirmed": confirmed,
            "corrected": len(answered) - confirmed - unsure,
            "unsure": unsure,
        }


def rank_suspects(data: Dataset, predictions: OutOfFold, confirmed: frozenset[str]) -> Ranking:
    """Rank the labels that contradict the predictions.

    Args:
        data: the data set.
        predictions: out-of-fold predictions of a run.
        confirmed: hashes of images with a label of an annotator, which are left out.

    Raises:
        PupilaError: the run predicts something else, such as masks instead of classes.
    """
    digests = data.images["sha256"]
    places = [place for place, row in enumerate(predictions.rows) if digests[row] not in confirmed]
    predictions = OutOfFold(
        [predictions.rows[place] for place in places], predictions.frame[places], predictions.hash
    )
    if not places:
        return Ranking(0, 0, [])
    required = ["mask"] if data.label_map is not None else [f"logit:{name}" for name in data.classes]
    if missing := [name for name in required if name not in predictions.frame.columns]:
        raise PupilaError(
            say("The run predicts other targets than the data have"),
            actual=listing(predictions.frame.columns, 8), expected=listing(missing),
            remedy=say("use a run that was trained on these classes or masks"),
        )  # fmt: skip
    error_count, candidates = (
        _rank_masks(data, predictions) if data.label_map is not None else _rank_classes(data, predictions)
    )
    images, targets = data.images["image"], data.images["target"]
    by_digest: dict[str, Suspect] = {}  # duplicate files are one item
    for place, prediction, label_quality in candidates:
        row = predictions.rows[place]
        suspect = Suspect(images[row], digests[row], targets[row], prediction, label_quality)
        by_digest.setdefault(suspect.sha256, suspect)
    return Ranking(len(places), error_count, list(by_digest.values()))


# Position among the predictions, predicted class, and label quality.
_Candidates = list[tuple[int, str | None, float]]


def _rank_masks(data: Dataset, predictions: OutOfFold) -> tuple[None, _Candidates]:
    fits = compute_mask_ious(data, predictions)
    order = np.argsort(fits, kind="stable")
    low = order[fits[order] < LOW_IOU_SHARE * np.median(fits)]
    return None, [(int(place), None, float(fits[place])) for place in low]


def _rank_classes(data: Dataset, predictions: OutOfFold) -> tuple[int, _Candidates]:
    names = data.classes
    logits = predictions.frame.select([f"logit:{name}" for name in names]).to_numpy()
    numbers = np.array([names.index(target) for target in data.images["target"][predictions.rows]])
    probabilities = softmax(logits)
    best = probabilities.argmax(axis=1)
    return estimate_label_errors(numbers, probabilities), [
        (place, names[best[place]], float(probabilities[place, numbers[place]]))
        for place in rank_by_self_confidence(numbers, probabilities)
    ]


def rank_by_self_confidence(labels: Array, probabilities: Array) -> list[int]:
    """The positions of labels that the model contradicts, in ascending order of the predicted probability of the label.

    Args:
        labels: (N,) given class numbers.
        probabilities: (N, C) of a model that was not trained on these images.

    Source: self-confidence of Northcutt, Jiang and Chuang 2021 (arXiv:1911.00068). Their cut-off by confident learning
        is used in `estimate_label_errors` only: it misses many of few errors, and here a reviewer checks each label.
    """
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    order = np.argsort(probabilities[wrong, labels[wrong]], kind="stable")
    return [int(place) for place in wrong[order]]


def estimate_label_errors(labels: Array, probabilities: Array) -> int:
    """The estimated number of wrong labels, by confident learning (cleanlab); see `rank_by_self_confidence`."""
    from cleanlab.count import num_label_issues

    return int(num_label_issues(labels, probabilities)) if len(np.unique(labels)) > 1 else 0


def review_suspects(
    data: Dataset, run: str, limit: int, reviewer: str, page: tuple[int, Callable[[str], None]] | None
) -> SuspectReview:
    """Rank the labels, and run a blind review of the first suspects until all are answered or Ctrl-C.

    A review with the same predictions resumes.

    Args:
        data: the data set.
        run: folder of the run.
        limit: suspects to review, at most.
        reviewer: name for the history; empty: the user of this machine.
        page: port (0 takes a free one) and a function that receives the address of the page; None: no review.

    Raises:
        PupilaError: see `read_out_of_fold` and `rank_suspects`; or a `suspects.json` of an old schema.
    """
    uri, patch = files.join(data.home, SUSPECTS_FILE), files.join(data.home, PATCH_FILE)
    predictions = read_out_of_fold(read_run(run), data)
    content = _read_ranking(uri, run) if files.exists(uri) else {}
    if content.get("predictions_hash") != predictions.hash:
        content = _make_ranking(data, run, predictions)
        files.write_json(uri, content)
    suspects = [Suspect(**suspect) for suspect in content["suspects"]]
    ranking = Ranking(content["checked"], content["estimated_errors"], suspects)
    rows = {digest: row for row, digest in enumerate(data.images["sha256"])}
    items = _shuffle_items([suspect for suspect in suspects if suspect.sha256 in rows][:limit], rows)
    if page is not None and items:
        classes = [] if data.label_map is not None else data.classes
        context = ReviewContext(data.home, reviewer, PURPOSE, content["history_rows"])
        review = Review(items, classes, context, lambda item, label: _append_patch(patch, item, label))
        title = say("{n} suspected labels", n=len(items))
        if review.current is not None:
            run_local(lambda stop: make_review_app(review, data, title, stop), *page)
    given = read_answers(read_history(data.home), content["history_rows"], PURPOSE)
    return SuspectReview(ranking, len(items), given, uri, patch)


def _read_ranking(uri: str, run: str) -> dict[str, Any]:
    """A `suspects.json` of the current schema."""
    content: dict[str, Any] = files.read_json(uri)
    if content.get("schema") != SUSPECTS_SCHEMA:
        command = f"pupila label suspects DATA --with {run}"
        raise PupilaError(
            say("Can't read the suspects {path}", path=uri), actual=f"schema {content.get('schema', 1)}",
            expected=f"schema {SUSPECTS_SCHEMA}", remedy=say("delete the file and run: {command}", command=command),
        )  # fmt: skip
    return content


def _make_ranking(data: Dataset, run: str, predictions: OutOfFold) -> dict[str, Any]:
    labels = read_history(data.home)
    confirmed = current_labels(labels).filter(pl.col("annotator"))["sha256"].to_list()
    ranking = rank_suspects(data, predictions, frozenset(confirmed))
    return {
        "schema": SUSPECTS_SCHEMA,
        "run": run,
        "predictions_hash": predictions.hash,
        "history_rows": labels.height,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        **asdict(ranking),
    }


def _shuffle_items(suspects: Sequence[Suspect], rows: dict[str, int]) -> list[ReviewItem]:
    """The items in an order that does not reveal the rank."""
    items = [
        ReviewItem(rows[suspect.sha256], suspect.image, suspect.sha256, PURPOSE, suspect.label)
        for suspect in suspects
    ]
    return sorted(items, key=lambda item: files.sha256(item.sha256.encode()))


def _append_patch(patch: str, item: ReviewItem, label: Label) -> None:
    """Append the label before and after the review; the last line of an image counts."""
    line = {
        "schema": PATCH_SCHEMA, "image": item.image, "sha256": item.sha256, "before": item.label, "after": label.target,
        "annotator": label.labeller, "time": label.time, "note": label.note,
    }  # fmt: skip
    files.append(patch, json.dumps(line, ensure_ascii=False).encode() + b"\n")


def sentences(review: SuspectReview, run: str) -> list[str]:
    """The ranking and the answers in sentences."""
    ranking = review.ranking
    if not ranking.suspects:
        return [say("The predictions of the run contradict none of {n} labels.", n=ranking.checked)]
    lines = [say_count("The predictions of the run contradict one of {total} labels.",
                      "The predictions of the run contradict {n} of {total} labels.", len(ranking.suspects),
                      total=ranking.checked)]  # fmt: skip
    if ranking.estimated_errors is not None:
        lines.append(
            say_count(
                "Estimated number of label errors: one (confident learning).",
                "Estimated number of label errors: {n} (confident learning).",
                ranking.estimated_errors,
            )
        )
    counts = review.counts()
    if not counts["answered"]:
        return lines
    lines.append(
        say(
            "Reviewed {answered} labels: {corrected} corrected, {confirmed} confirmed, {unsure} unsure.",
            **counts,
        )
    )
    if counts["answered"] < review.selected:
        lines.append(
            say_count(
                "One label is left to review; run the same command to resume.",
                "{n} labels are left to review; run the same command to resume.",
                review.selected - counts["answered"],
            )
        )
    elif counts["corrected"]:
        commands = f"pupila train DATA --out NEW; pupila evaluate NEW DATA --against {run}"
        lines.append(say("Next, train again and compare: {commands}", commands=commands))
    return lines
