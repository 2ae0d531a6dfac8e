"""Labels that a run's answers to unseen images speak against: ranked, then confirmed or mended by a person, blind."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from pupila import files
from pupila.dataset.kept import Kept, mask_fits, read_kept
from pupila.dataset.labels import Label, history, in_force
from pupila.dataset.manifest import Dataset
from pupila.images.decode import Array
from pupila.label.app import review_app
from pupila.label.review import Answer, Review, Whose, answers
from pupila.label.sample import Question
from pupila.messages import say, say_count
from pupila.tasks.classify import softmax
from pupila.vocabulary import PATCH_FILE, SCHEMA_VERSION, SUSPECTS_FILE
from pupila.web.local import run_local

WHY = "suspect"
FAR_BELOW = 0.5  # of the run's median IoU, under which a mask is suspected


@dataclass(frozen=True, slots=True)
class Suspect:
    """A label that is probably wrong."""

    image: str
    sha256: str
    label: str  # the target in force
    answer: str | None  # of the run; None of masks
    sure: float  # the run's probability of the label; of masks the IoU with its answer


@dataclass(frozen=True, slots=True)
class Suspected:
    """What was ranked and what the person said of it."""

    judged: int  # labels that the run answered to and no person had confirmed
    suspects: list[Suspect]  # the gravest first
    asked: int
    answers: dict[str, Answer]  # by the hash of the picture
    file: str
    patch: str

    def counts(self) -> dict[str, int]:
        """Of what the person answered."""
        given = {one.sha256: one.label for one in self.suspects}
        told = [(given[digest], answer) for digest, answer in self.answers.items() if digest in given]
        kept = sum(answer.target == label for label, answer in told)
        unsure = sum(answer.target is None and not answer.rejected for _, answer in told)
        return {
            "answered": len(told),
            "confirmed": kept,
            "mended": len(told) - kept - unsure,
            "unsure": unsure,
        }


def suspects(data: Dataset, kept: Kept, confirmed: frozenset[str]) -> tuple[int, list[Suspect]]:
    """The labels that the run's answers speak against, the gravest first, and how many labels were looked at.

    Args:
        data: the data set.
        kept: the run's answers.
        confirmed: hashes of pictures that a person answered already: they are left out.
    """
    digests = data.images["sha256"]
    places = [place for place, row in enumerate(kept.rows) if digests[row] not in confirmed]
    kept = Kept([kept.rows[place] for place in places], kept.frame[places], kept.hash)
    if not places:
        return 0, []
    images, targets = data.images["image"], data.images["target"]
    if data.legend is not None:
        fits = mask_fits(data, kept)
        order = np.argsort(fits, kind="stable")
        low = order[fits[order] < FAR_BELOW * np.median(fits)]
        found: list[tuple[int, str | None, float]] = [(int(place), None, float(fits[place])) for place in low]
    else:
        found = _classes(data, kept)
    return len(places), [
        Suspect(images[row := kept.rows[place]], digests[row], targets[row], answer, sure)
        for place, answer, sure in found
    ]


def _classes(data: Dataset, kept: Kept) -> list[tuple[int, str | None, float]]:
    names = data.classes
    logits = kept.frame.select([f"logit:{name}" for name in names]).to_numpy()
    numbers = np.array([names.index(target) for target in data.images["target"][kept.rows]])
    probabilities = softmax(logits)
    best = probabilities.argmax(axis=1)
    return [
        (place, names[best[place]], float(probabilities[place, numbers[place]]))
        for place in ranked(numbers, probabilities)
    ]


def ranked(labels: Array, probabilities: Array) -> list[int]:
    """The places of labels that are probably wrong, the gravest first.

    Args:
        labels: (N,) class numbers as given.
        probabilities: (N, C) of a model that had not learned from those images.

    Source: confident learning, Northcutt, Jiang and Chuang 2021 (arXiv:1911.00068), by cleanlab: how many, by the rate
        at which each class is taken for each other; which, by the probability of the label.
    """
    from cleanlab.filter import find_label_issues

    if len(np.unique(labels)) < 2:
        return []
    found = find_label_issues(
        labels,
        probabilities,
        filter_by="prune_by_noise_rate",
        return_indices_ranked_by="self_confidence",
        n_jobs=1,
    )
    return [int(place) for place in found]


def review_suspects(
    data: Dataset, run: str, limit: int, whose: str, page: tuple[int, Callable[[str], None]] | None
) -> Suspected:
    """Rank the labels, and ask a person about the gravest until all are answered or Ctrl-C.

    A ranking by the same answers that was begun goes on.

    Args:
        data: the data set.
        run: folder of the run.
        limit: labels that are asked about, at most.
        whose: name of the person; by default the user's of this machine.
        page: port (0 takes a free one) and what is given the page's address; None asks nothing.

    Raises:
        PupilaError: see `read_kept`.
    """
    uri, patch = files.join(data.home, SUSPECTS_FILE), files.join(data.home, PATCH_FILE)
    kept = read_kept(run, data)
    told = files.read_json(uri) if files.exists(uri) else {}
    if told.get("answers") != kept.hash:
        told = _ranking(data, run, kept)
        files.write_json(uri, told)
    found = [Suspect(**one) for one in told["suspects"]]
    rows = {digest: row for row, digest in enumerate(data.images["sha256"])}
    asked = _questions([one for one in found if one.sha256 in rows][:limit], rows)
    if page is not None and asked:
        classes = [] if data.legend is not None else data.classes
        by = Whose(data.home, whose, WHY, told["rows"])
        review = Review(asked, classes, by, lambda question, label: _note(patch, question, label))
        title = say("{n} suspected labels", n=len(asked))
        if review.current is not None:
            run_local(lambda stop: review_app(review, data, title, stop), *page)
    given = answers(history(data.home), told["rows"], WHY)
    return Suspected(told["judged"], found, len(asked), given, uri, patch)


def _ranking(data: Dataset, run: str, kept: Kept) -> dict[str, Any]:
    told = history(data.home)
    confirmed = in_force(told).filter(pl.col("person"))["sha256"].to_list()
    judged, found = suspects(data, kept, frozenset(confirmed))
    return {
        "schema": SCHEMA_VERSION,
        "run": run,
        "answers": kept.hash,
        "rows": told.height,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "judged": judged,
        "suspects": [asdict(one) for one in found],
    }


def _questions(found: Sequence[Suspect], rows: dict[str, int]) -> list[Question]:
    """In an order that does not tell the rank."""
    asked = [Question(rows[one.sha256], one.image, one.sha256, WHY, one.label) for one in found]
    return sorted(asked, key=lambda one: files.sha256(one.sha256.encode()))


def _note(patch: str, question: Question, label: Label) -> None:
    """A line of the patch: what the label was and is; the last line of a picture counts."""
    line = {
        "image": question.image, "sha256": question.sha256, "before": question.said, "after": label.target,
        "by": label.labeller, "time": label.time, "note": label.note,
    }  # fmt: skip
    before = files.read_bytes(patch) if files.exists(patch) else b""
    files.write_bytes(patch, before + json.dumps(line, ensure_ascii=False).encode() + b"\n")


def sentences(found: Suspected, run: str) -> list[str]:
    """What came of it."""
    if not found.suspects:
        return [say("The run's answers speak against none of {n} labels.", n=found.judged)]
    told = [say_count("The run's answers speak against one of {judged} labels.",
                      "The run's answers speak against {n} of {judged} labels.", len(found.suspects),
                      judged=found.judged)]  # fmt: skip
    counts = found.counts()
    if not counts["answered"]:
        return told
    told.append(
        say(
            "Of {answered} that were looked at {mended} were wrong, {confirmed} right, {unsure} unsure.",
            **counts,
        )
    )
    if counts["answered"] < found.asked:
        told.append(say("{n} are left: the same command goes on.", n=found.asked - counts["answered"]))
    elif counts["mended"]:
        told.append(say("Train anew and compare: pupila train DATA --out NEW; pupila evaluate NEW DATA --against {run}",
                        run=run))  # fmt: skip
    return told
