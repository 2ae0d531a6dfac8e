"""Suspected label errors: labels that contradict the out-of-fold predictions of a run, reviewed blind."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pupila.artifacts.dataset.labelling.history import read_settled_history
from pupila.artifacts.dataset.labels import Label
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.run.folder import read_run
from pupila.artifacts.run.out_of_fold import read_out_of_fold
from pupila.artifacts.web.local import run_local
from pupila.core import files
from pupila.core.json_text import dump_json
from pupila.core.messages import say, say_count
from pupila.core.vocabulary import PATCH_FILE, SUSPECTS_FILE
from pupila.stages.label.review.app import make_review_app
from pupila.stages.label.review.ranking import Ranking, Suspect, rank_run, read_suspects
from pupila.stages.label.review.review_task import Answer, ReviewTask
from pupila.stages.label.review.sample import ReviewItem
from pupila.stages.label.review.session import Review, ReviewContext, read_answers
from pupila.stages.label.review.tasks import review_task

PURPOSE = "suspect"
PATCH_SCHEMA = 2  # of each line of label-patch.jsonl; 1 had `by` for `annotator`, and no `schema`


@dataclass(frozen=True, slots=True)
class SuspectReview:
    """A ranking, and the answers of a reviewer."""

    task: ReviewTask
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
        confirmed = sum(self.task.confirms(answer, label) for label, answer in answered)
        unsure = sum(answer.target is None and not answer.rejected for _, answer in answered)
        return {
            "answered": len(answered),
            "confirmed": confirmed,
            "corrected": len(answered) - confirmed - unsure,
            "unsure": unsure,
        }


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
    ranking = read_suspects(uri, run) if files.exists(uri) else None
    if ranking is None or ranking.predictions_hash != predictions.hash:
        ranking = rank_run(data, run, predictions)
        files.write_json(uri, ranking.as_dict())
    task = review_task(data)
    rows = {digest: row for row, digest in enumerate(data.images["sha256"])}
    items = _shuffle_items([suspect for suspect in ranking.suspects if suspect.sha256 in rows][:limit], rows)
    if page is not None and items:
        context = ReviewContext(data.home, reviewer, PURPOSE, ranking.history_rows)
        review = Review(items, task, context, lambda item, label: _append_patch(patch, item, label))
        title = say_count(
            "{n} suspected label",
            "{n} suspected labels",
            len(items),
        )
        if review.current is not None:
            run_local(lambda stop: make_review_app(review, data, title, stop), *page)
    given = read_answers(read_settled_history(data), ranking.history_rows, PURPOSE)
    return SuspectReview(task, ranking, len(items), given, uri, patch)


def _shuffle_items(suspects: Sequence[Suspect], rows: dict[str, int]) -> list[ReviewItem]:
    """The items in an order that does not reveal the rank."""
    items = [
        ReviewItem(rows[suspect.sha256], suspect.image, suspect.sha256, None, suspect.label)
        for suspect in suspects
    ]
    return sorted(items, key=lambda item: files.sha256(item.sha256.encode()))


def _append_patch(patch: str, item: ReviewItem, label: Label) -> None:
    """Append the label before and after the review; the last line of an image counts."""
    line = {
        "schema": PATCH_SCHEMA, "image": item.image, "sha256": item.sha256, "before": item.label, "after": label.target,
        "annotator": label.labeller, "time": label.time, "note": label.note,
    }  # fmt: skip
    files.append(patch, dump_json(line).encode() + b"\n")


def sentences(review: SuspectReview, run: str) -> list[str]:
    """The ranking and the answers in sentences."""
    ranking = review.ranking
    if not ranking.suspects:
        return [
            say_count(
                "The predictions of the run contradict none of {n} label.",
                "The predictions of the run contradict none of {n} labels.",
                ranking.checked,
            )
        ]
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
            "Reviewed {labels}: {corrected} corrected, {confirmed} confirmed, {unsure} unsure.",
            **counts,
            labels=say_count("{n} label", "{n} labels", counts["answered"]),
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
