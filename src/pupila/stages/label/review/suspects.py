"""Labels that a run's answers to unseen images speak against: ranked, then confirmed or mended by a person, blind."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from pupila.artifacts.dataset.labels import Label, history, in_force
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.run.out_of_fold import Kept, mask_fits, read_kept
from pupila.artifacts.web.local import run_local
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count
from pupila.core.vocabulary import PATCH_FILE, SCHEMA_VERSION, SUSPECTS_FILE
from pupila.imaging.images.decode import Array
from pupila.stages.label.review.app import review_app
from pupila.stages.label.review.sample import Question
from pupila.stages.label.review.session import Answer, Review, Whose, answers
from pupila.tasks.classify import softmax

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
class Ranking:
    """What a run's answers say of the labels."""

    judged: int  # labels that were looked at
    estimated: int | None  # about so many are wrong; None of masks
    suspects: list[Suspect]  # the gravest first


@dataclass(frozen=True, slots=True)
class Suspected:
    """What was ranked and what the person said of it."""

    ranking: Ranking  # of labels that the run answered to and no person had confirmed
    asked: int
    answers: dict[str, Answer]  # by the hash of the picture
    file: str
    patch: str

    def counts(self) -> dict[str, int]:
        """Of what the person answered."""
        given = {one.sha256: one.label for one in self.ranking.suspects}
        told = [(given[digest], answer) for digest, answer in self.answers.items() if digest in given]
        kept = sum(answer.target == label for label, answer in told)
        unsure = sum(answer.target is None and not answer.rejected for _, answer in told)
        return {
            "answered": len(told),
            "confirmed": kept,
            "mended": len(told) - kept - unsure,
            "unsure": unsure,
        }


def suspects(data: Dataset, kept: Kept, confirmed: frozenset[str]) -> Ranking:
    """The labels that the run's answers speak against.

    Args:
        data: the data set.
        kept: the run's answers.
        confirmed: hashes of pictures that a person answered already: they are left out.

    Raises:
        PupilaError: the run answered something else, such as masks for classes.
    """
    digests = data.images["sha256"]
    places = [place for place, row in enumerate(kept.rows) if digests[row] not in confirmed]
    kept = Kept([kept.rows[place] for place in places], kept.frame[places], kept.hash)
    if not places:
        return Ranking(0, 0, [])
    wanted = ["mask"] if data.legend is not None else [f"logit:{name}" for name in data.classes]
    if missing := [name for name in wanted if name not in kept.frame.columns]:
        raise PupilaError(
            say("The run answered something else"), found=listing(kept.frame.columns, 8), wanted=listing(missing),
            remedy=say("a run of these classes, or of these masks"),
        )  # fmt: skip
    about, found = _masks(data, kept) if data.legend is not None else _classes(data, kept)
    images, targets = data.images["image"], data.images["target"]
    one_each: dict[str, Suspect] = {}  # an answer is of the bytes, so equal files are one question
    for place, answer, sure in found:
        row = kept.rows[place]
        suspect = Suspect(images[row], digests[row], targets[row], answer, sure)
        one_each.setdefault(suspect.sha256, suspect)
    return Ranking(len(places), about, list(one_each.values()))


# Place among the run's answers, the answer, and how sure it is of the label.
Found = list[tuple[int, str | None, float]]


def _masks(data: Dataset, kept: Kept) -> tuple[None, Found]:
    fits = mask_fits(data, kept)
    order = np.argsort(fits, kind="stable")
    low = order[fits[order] < FAR_BELOW * np.median(fits)]
    return None, [(int(place), None, float(fits[place])) for place in low]


def _classes(data: Dataset, kept: Kept) -> tuple[int, Found]:
    names = data.classes
    logits = kept.frame.select([f"logit:{name}" for name in names]).to_numpy()
    numbers = np.array([names.index(target) for target in data.images["target"][kept.rows]])
    probabilities = softmax(logits)
    best = probabilities.argmax(axis=1)
    return estimated(numbers, probabilities), [
        (place, names[best[place]], float(probabilities[place, numbers[place]]))
        for place in ranked(numbers, probabilities)
    ]


def ranked(labels: Array, probabilities: Array) -> list[int]:
    """The places of labels that the model contradicts, the gravest first: by the probability of the label.

    Args:
        labels: (N,) class numbers as given.
        probabilities: (N, C) of a model that had not learned from those images.

    Source: Northcutt, Jiang and Chuang 2021 (arXiv:1911.00068), whose self-confidence this is. Their cut, by confident
        learning, is left to `estimated`: of few errors it leaves many out, and here a person looks at each.
    """
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    order = np.argsort(probabilities[wrong, labels[wrong]], kind="stable")
    return [int(place) for place in wrong[order]]


def estimated(labels: Array, probabilities: Array) -> int:
    """About how many labels are wrong, by cleanlab's confident learning; see `ranked`."""
    from cleanlab.count import num_label_issues

    return int(num_label_issues(labels, probabilities)) if len(np.unique(labels)) > 1 else 0


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
        PupilaError: see `read_kept` and `suspects`.
    """
    uri, patch = files.join(data.home, SUSPECTS_FILE), files.join(data.home, PATCH_FILE)
    kept = read_kept(run, data)
    told = files.read_json(uri) if files.exists(uri) else {}
    if told.get("answers") != kept.hash:
        told = _ranking(data, run, kept)
        files.write_json(uri, told)
    found = [Suspect(**one) for one in told["suspects"]]
    ranking = Ranking(told["judged"], told["estimated"], found)
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
    return Suspected(ranking, len(asked), given, uri, patch)


def _ranking(data: Dataset, run: str, kept: Kept) -> dict[str, Any]:
    told = history(data.home)
    confirmed = in_force(told).filter(pl.col("person"))["sha256"].to_list()
    found = suspects(data, kept, frozenset(confirmed))
    return {
        "schema": SCHEMA_VERSION,
        "run": run,
        "answers": kept.hash,
        "rows": told.height,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        **asdict(found),
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
    files.append(patch, json.dumps(line, ensure_ascii=False).encode() + b"\n")


def sentences(found: Suspected, run: str) -> list[str]:
    """What came of it."""
    ranking = found.ranking
    if not ranking.suspects:
        return [say("The run's answers speak against none of {n} labels.", n=ranking.judged)]
    told = [say_count("The run's answers speak against one of {judged} labels.",
                      "The run's answers speak against {n} of {judged} labels.", len(ranking.suspects),
                      judged=ranking.judged)]  # fmt: skip
    if ranking.estimated is not None:
        told.append(
            say(
                "About {n} labels are wrong, by how surely each class is taken for each other.",
                n=ranking.estimated,
            )
        )
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
