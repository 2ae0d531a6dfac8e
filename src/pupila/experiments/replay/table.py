"""Reads a table of results: its metrics, and the counts of right and wrong images that they allow."""

import csv
import io
import re
from dataclasses import dataclass

from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import integer, listing, say, say_count

METRICS = ("f1", "accuracy", "precision", "recall")  # the first that is there ranks the rows
_SYNONYMS = {"acc": "accuracy"}
_MEANS = {"macro", "micro", "weighted", "mean", "avg", "average"}  # over classes: they say no counts
_MOST_DECIMALS = 12


@dataclass(frozen=True, slots=True)
class TestSet:
    """The images that every row was evaluated on."""

    images: int
    positives: int | None = None  # of the class that precision, recall and F1 are of

    @property
    def classes(self) -> list[int]:
        """Images of each class, the positives last; of all together where they are unknown."""
        return [self.images] if self.positives is None else [self.images - self.positives, self.positives]


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """One row of a table."""

    number: int  # of the line, from 1, without the header
    name: str  # its other cells
    metrics: dict[str, float]  # 0..1; a cell may be empty
    right: list[tuple[int, ...]]  # images that are right, of each class: every count that rounding allows
    collapsed: bool  # finds none of the positives


def read_table(path: str, test_set: TestSet) -> list[ReplayRow]:
    """The rows of a CSV table.

    Raises:
        PupilaError: no metric is recognised; a figure is no share, or impossible with so many images.
    """
    reader = list(csv.reader(io.StringIO(files.read_bytes(path).decode("utf-8-sig"))))
    lines = [line for line in reader if any(cell.strip() for cell in line)]
    if len(lines) < 2:
        raise PupilaError(
            say("The table has no rows"), actual=path, expected=say("a header and a row for each run")
        )
    header, rows = [name.strip() for name in lines[0]], lines[1:]
    columns = _find_metrics(header, test_set, path)
    scales = {
        metric: _find_scale([row[place] for row in rows if place < len(row)])
        for metric, place in columns.items()
    }
    ranked_by = next(metric for metric in METRICS if metric in columns)
    faults: list[str] = []
    parsed = []
    for number, cells in enumerate(rows, start=1):
        try:
            metrics = {
                metric: float(cells[place].strip(" %")) * scales[metric][0]
                for metric, place in columns.items()
                if place < len(cells) and cells[place].strip()
            }
        except ValueError:
            metrics = {}
        if ranked_by not in metrics:
            faults.append(say("row {n} has no {metric}", n=number, metric=ranked_by))
            continue
        right = _possible_counts(
            metrics, {name: decimals for name, (_, decimals) in scales.items()}, test_set
        )
        if not right:
            figures = ", ".join(f"{name} {value:g}" for name, value in metrics.items())
            faults.append(say("row {n} ({figures}) is impossible", n=number, figures=figures))
        others = [cell.strip() for place, cell in enumerate(cells) if place not in columns.values()]
        collapsed = metrics.get("f1", metrics.get("recall", 1.0)) == 0 and test_set.positives is not None
        parsed.append(ReplayRow(number, " ".join(others), metrics, right, collapsed))
    if faults:
        raise PupilaError(
            say("The table does not fit the test set"), actual=listing(faults),
            expected=_describe_test_set(test_set), remedy="--test-images N --positives N",
        )  # fmt: skip
    return parsed


def _describe_test_set(test_set: TestSet) -> str:
    images = say_count("figures of {n} image", "figures of {n} images", test_set.images)
    if test_set.positives is None:
        return images
    return say("{images}, {n} of them positive", images=images, n=integer(test_set.positives))


def _find_metrics(header: list[str], test_set: TestSet, path: str) -> dict[str, int]:
    """The column of each metric that counts follow from."""
    hits: dict[str, list[int]] = {}
    for place, name in enumerate(header):
        words = re.split(r"[^a-z0-9]+", name.lower())
        for word in words:
            metric = _SYNONYMS.get(word, word)
            if metric in METRICS and not _MEANS & set(words):
                hits.setdefault(metric, []).append(place)
    if twice := [metric for metric, places in hits.items() if len(places) > 1]:
        raise PupilaError(
            say("Several columns are the same metric"),
            actual=listing([header[place] for place in hits[twice[0]]]), expected=say("one of them"),
        )  # fmt: skip
    columns = {metric: places[0] for metric, places in hits.items()}
    if test_set.positives is None:
        columns = {metric: place for metric, place in columns.items() if metric == "accuracy"}
        need = say("a column accuracy; precision, recall and F1 need --positives")
    else:
        need = say("columns accuracy, or two of precision, recall and f1")
    if "accuracy" not in columns and len(columns) < 2:
        raise PupilaError(
            say("No figures to replay in {path}", path=path), actual=listing(header, 12), expected=need
        )
    return columns


def _find_scale(cells: list[str]) -> tuple[float, int]:
    """What a column's figures are multiplied by, and their decimals as shares: percentages have two more."""
    values = [cell.strip(" %") for cell in cells]
    decimals = max((len(value.partition(".")[2]) for value in values), default=0)
    percentages = any("%" in cell for cell in cells) or any(_is_above_one(value) for value in values)
    return (0.01, decimals + 2) if percentages else (1.0, min(max(decimals, 1), _MOST_DECIMALS))


def _is_above_one(value: str) -> bool:
    try:
        return float(value) > 1
    except ValueError:
        return False


def _possible_counts(
    metrics: dict[str, float], decimals: dict[str, int], test_set: TestSet
) -> list[tuple[int, ...]]:
    """Every count of right images of each class that gives the figures, as rounded."""
    if test_set.positives is None:
        return [
            (right,) for right in range(test_set.images + 1)
            if _fits({"accuracy": right / test_set.images}, metrics, decimals)
        ]  # fmt: skip
    negatives, positives = test_set.classes
    if metrics.get("f1", metrics.get("recall")) == 0:
        # No positive is recognised. What is called positive besides is unknown; nothing, in a collapsed run.
        right = range(negatives + 1) if "accuracy" in metrics else [negatives]
        possible = [0]
    else:
        right, possible = range(negatives + 1), list(range(1, positives + 1))
    return [
        (rejected, hits) for hits in possible for rejected in right
        if _fits(_figures(hits, negatives - rejected, positives, test_set.images), metrics, decimals)
    ]  # fmt: skip


def _figures(hits: int, false: int, positives: int, images: int) -> dict[str, float]:
    predicted = hits + false
    return {
        "precision": hits / predicted if predicted else 0.0, "recall": hits / positives,
        "f1": 2 * hits / (predicted + positives), "accuracy": (images - positives + hits - false) / images,
    }  # fmt: skip


def _fits(exact: dict[str, float], metrics: dict[str, float], decimals: dict[str, int]) -> bool:
    """Whether the exact figures round to the given ones."""
    return all(
        abs(exact[name] - value) <= 0.5 * 10 ** -decimals[name] + 1e-9 for name, value in metrics.items()
    )
