"""What answers are judged by, and what every evaluation says of the models before it judges them."""

from collections import Counter
from dataclasses import replace
from typing import TypeVar

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import LEAKING, SplitFile
from pupila.artifacts.dataset.test_access import openings, record
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.vocabulary import SCHEMA_VERSION, TRAIN, VALIDATION
from pupila.stages.evaluate.evaluator import Bench, Evaluation, Judged
from pupila.stages.evaluate.predictions import Answers

Found = TypeVar("Found", bound=Answers)


def rows_of(data: Dataset, splits: SplitFile, split: str | None) -> list[int]:
    """Labelled rows of a split; of all but the test split for None."""
    targets = data.images["target"].to_list()
    wanted = (TRAIN, VALIDATION) if split is None else (split,)
    rows = [row for row, a in enumerate(splits.images) if a.split in wanted and targets[row] is not None]
    if not rows:
        raise PupilaError(
            say("No labelled image in the {split} split", split=split or VALIDATION), found="splits.json",
            wanted=say("images to judge by"), remedy="pupila split DATA --replace",
        )  # fmt: skip
    return rows


def bench_of(data: Dataset, splits: SplitFile, rows: list[int]) -> Bench:
    """What answers to the rows are judged by."""
    return Bench(data, rows, np.array([splits.images[row].component for row in rows]))


def head(task: str, data: Dataset, splits: SplitFile) -> Evaluation:
    """What every report says of the data first."""
    return {
        "schema": SCHEMA_VERSION, "task": task, "classes": data.classes, "data_hash": data.hash,
        "splits_hash": splits.hash, "leaking": splits.verdict == LEAKING,
    }  # fmt: skip


def heading(one: Answers, bench: Bench) -> Judged:
    """Whose answers they are, to how many images, and of how many of them it learned."""
    groups = len(set(bench.groups.tolist()))
    return {
        "name": one.name, "version": one.version, "n": len(one.rows), "groups": groups, "seen": int(one.seen.sum()),
    }  # fmt: skip


def named_apart(found: list[Found], paths: list[str]) -> list[Found]:
    """Models whose names are alike are called by their paths."""
    shared = Counter(one.name for one in found)
    return [
        replace(one, name=path) if shared[one.name] > 1 else one
        for one, path in zip(found, paths, strict=True)
    ]


def look(data: Dataset, versions: list[str], paths: list[str]) -> int:
    """Note the look at the sealed test split, and say the how-manieth it is."""
    record(data.home, versions, "pupila evaluate " + " ".join(paths))
    return len({(opening.time, opening.command) for opening in openings(data.home)})
