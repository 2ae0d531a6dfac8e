"""The user's own columns beside the labels: numbers such as prices, and words such as brands."""

import math
from collections import Counter
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report import charts
from pupila.artifacts.report.page import Section, Table
from pupila.core.messages import listing, say
from pupila.stages.explore.colour import MOST_LINES
from pupila.stages.explore.explained_variance import class_codes, explained

MOST_COLUMNS = 8  # shown, in their order
MOST_VALUES = 12  # of a column of words, the most frequent
_FEW = 10  # numbers of fewer kinds are words, such as a rating of 1 to 5
_EACH = 3  # things of each value, on average, from which words say more than which thing it is
_NEARLY_ALL = 0.9  # of the things have a whole number of their own: it names them
_BINS = 20

Array = NDArray[Any]
Facts = dict[str, Any]


def column_facts(data: Dataset, groups: Array) -> dict[str, Facts]:
    """The part of the fingerprint, by the column's name; names, addresses and numbers that only name are left out."""
    codes, names = class_codes(data)
    found: dict[str, Facts] = {}
    for name in data.own_columns:
        told = _facts(data.images[name].cast(pl.String, strict=False), codes, names, groups)
        if told is not None:
            found[name] = told
        if len(found) == MOST_COLUMNS:
            break
    return found


def _facts(column: pl.Series, codes: Array, names: list[str], groups: Array) -> Facts | None:
    told = column.str.strip_chars()
    told = told.set(told == "", None)
    missing, kinds = int(told.null_count()), told.drop_nulls().n_unique()
    if kinds < 2:
        return None
    things = len(np.unique(groups[told.is_not_null().to_numpy()]))  # photos of one product are one of them
    numbers = told.cast(pl.Float64, strict=False)
    if numbers.null_count() == missing and kinds > _FEW:
        values = numbers.fill_null(math.nan).to_numpy()
        only_name = kinds >= _NEARLY_ALL * things and bool((numbers.drop_nulls() % 1 == 0).all())
        return None if only_name else {"missing": missing, **_numbers(values, codes, names, groups)}
    if _EACH * kinds > things:
        return None
    return {"missing": missing, **_words(told.to_list(), codes, names)}


def _numbers(values: Array, codes: Array, names: list[str], groups: Array) -> Facts:
    told = values[np.isfinite(values)]
    edges = np.linspace(*_ends(told), _BINS + 1)
    inside = np.clip(values, edges[0], edges[-1])  # the few that lie far out are counted at the ends
    rows = {name: codes == k for k, name in enumerate(names)} or {"": np.ones(len(values), dtype=bool)}
    known = {name: row & np.isfinite(values) for name, row in rows.items()}
    return {
        "kind": "numbers", "edges": [round(float(edge), 4) for edge in edges],
        "quantiles": [round(float(q), 4) for q in np.quantile(told, (0, 0.25, 0.5, 0.75, 1))],
        "classes": {
            name: {"images": int(row.sum()), "counts": np.histogram(inside[row], edges)[0].tolist(),
                   "median": round(float(np.median(values[row])), 4) if row.any() else None}
            for name, row in known.items()
        },
        "explained": explained(values, codes, groups),
    }  # fmt: skip


def _ends(told: Array) -> tuple[float, float]:
    """Where the histogram begins and ends: all values, but for the outermost hundredth where it lies far out."""
    low, high = float(told.min()), float(told.max())
    near, far = (float(q) for q in np.quantile(told, (0.01, 0.99)))
    room = far - near
    if not room:  # nearly all are equal: the others are all there is to see
        return low, high
    return (near if near - low > room else low), (far if high - far > room else high)


def _words(told: list[str | None], codes: Array, names: list[str]) -> Facts:
    frequent = Counter(value for value in told if value is not None)
    shown = [
        value for value, _ in sorted(frequent.items(), key=lambda item: (-item[1], item[0]))[:MOST_VALUES]
    ]
    classes = [names[k] if k >= 0 else "" for k in codes.tolist()]
    pairs = Counter(zip(told, classes, strict=True))
    return {
        "kind": "words", "values": {value: {name: pairs[value, name] for name in (*names, "") if pairs[value, name]}
                                    for value in shown},
        "kinds": len(frequent),
    }  # fmt: skip


def column_section(f: dict[str, Any]) -> Section | None:
    """A chart of each column: numbers as histograms of the classes, words as the classes' shares."""
    if not f["columns"]:
        return None
    drawn, notes, rows = [], [], []
    for name, told in f["columns"].items():
        if told["missing"]:
            notes.append(
                say("{n} of {all} images have no {name}.", n=told["missing"], all=f["images"], name=name)
            )
        if told["kind"] == "numbers":
            drawn.append(_histogram(name, told))
            rows += _rows(name, told)
        else:
            drawn.append(_bars(name, told, len(f["classes"]) > 1 and not f["masks"]))
            if told["kinds"] > MOST_VALUES:
                notes.append(say("{name}: the {shown} most frequent of {n} values are shown.", name=name,
                                 shown=MOST_VALUES, n=told["kinds"]))  # fmt: skip
    tables = [Table([say("column"), say("class"), say("images"), say("median")], rows)] if rows else []
    return Section(say("Your columns: {names}", names=listing(list(f["columns"]), MOST_COLUMNS)), notes, drawn,
                   tables=tables)  # fmt: skip


def _histogram(name: str, told: Facts) -> Any:
    some = dict(list(told["classes"].items())[:MOST_LINES])
    counts = {of or name: row["counts"] for of, row in some.items()}
    return charts.histograms(name, told["edges"], counts, say("{name}; images", name=name))


def _bars(name: str, told: Facts, classes: bool) -> Any:
    """Images of each value; where there are classes, what share of a value's images is of which."""
    whole = {value: sum(row.values()) for value, row in told["values"].items()}
    if not classes:
        return charts.bars(say("Images by {name}", name=name), whole)
    used = dict.fromkeys(of for row in told["values"].values() for of in row)
    shares = {
        of or say("without a label"): {
            f"{value} ({whole[value]})": 100 * row.get(of, 0) / whole[value] for value, row in told["values"].items()
        }
        for of in list(used)[:MOST_LINES]
    }  # fmt: skip
    return charts.stacked_bars(say("Classes by {name}, % (images)", name=name), shares)


def _rows(name: str, told: Facts) -> list[list[str]]:
    return [
        [
            name,
            of or say("all images"),
            str(row["images"]),
            "" if row["median"] is None else f"{row['median']:g}",
        ]
        for of, row in told["classes"].items()
    ]
