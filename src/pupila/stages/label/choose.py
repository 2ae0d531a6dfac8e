"""Which pictures are asked, and which are passed over and why."""

from collections import Counter
from dataclasses import dataclass

import polars as pl

from pupila.artifacts.dataset.labels import history, in_force
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.messages import say_count
from pupila.stages.label.labellers.labeller import Labeller


@dataclass(frozen=True, slots=True)
class Chosen:
    """The images to ask, and how many were passed over and why."""

    rows: list[int]  # one for each distinct picture
    by_person: int = 0
    given: int = 0  # labels that came with the data
    before: int = 0  # that the same labeller answered before, asked the same


def choose(data: Dataset, labeller: Labeller, everything: bool = False, limit: int | None = None) -> Chosen:
    """The images that the labeller is to be asked.

    Left out are pictures that it answered before and, if no person stands behind it, those that a person or the data
    labelled.

    Args:
        data: open.
        labeller: who is asked.
        everything: also ask what a person or the data labelled.
        limit: most pictures.
    """
    told = history(data.home)
    persons = set(in_force(told).filter("person")["sha256"])
    own = told.filter((pl.col("labeller") == labeller.name) & (pl.col("note") == labeller.note))
    said = dict(own.select("sha256", "target").iter_rows())
    rows: list[int] = []
    seen: set[str] = set()
    counts: Counter[str] = Counter()
    digests, targets, came = (data.images[name].to_list() for name in ("sha256", "target", "given_target"))
    for row in labeller.rows(data):
        sha = digests[row]
        if sha in seen:
            continue
        seen.add(sha)
        person = sha in persons
        given = targets[row] is not None and came[row] is not None and not person
        lost = (
            data.legend is not None and targets[row] is None and said.get(sha) is not None
        )  # the mask was deleted
        if person and not (labeller.person or everything):
            counts["by_person"] += 1
        elif given and not (labeller.person or everything):
            counts["given"] += 1
        elif sha in said and not lost and labeller.repeats(row, said[sha]):
            counts["before"] += 1
        else:
            rows.append(row)
    return Chosen(rows[:limit], **counts)


def passed_over(chosen: Chosen) -> list[str]:
    """Which pictures are not asked, and why."""
    lines = []
    if chosen.by_person:
        lines.append(say_count("A person labelled one picture, which is left alone.",
                               "A person labelled {n} pictures, which are left alone.", chosen.by_person))  # fmt: skip
    if chosen.given:
        lines.append(say_count("The data came with a label of one picture, which is left alone (--all asks, too).",
                               "The data came with labels of {n} pictures, which are left alone (--all asks, too).",
                               chosen.given))  # fmt: skip
    if chosen.before:
        lines.append(say_count("One picture was answered before, asked the same.",
                               "{n} pictures were answered before, asked the same.", chosen.before))  # fmt: skip
    return lines
