"""The user's own columns: numeric ones such as prices, and categorical ones such as brands."""

import math
from collections import Counter
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report import charts
from pupila.artifacts.report.fingerprint import (
    CategoricalColumn,
    Column,
    Fingerprint,
    NumericClass,
    NumericColumn,
)
from pupila.artifacts.report.page import Section, Table
from pupila.core.messages import listing, say, say_images
from pupila.stages.explore.colour import MAX_CLASSES_DRAWN
from pupila.stages.explore.explained_variance import explained_variance
from pupila.stages.explore.membership import Membership
from pupila.stages.explore.more_classes import note_more_classes

MAX_COLUMNS = 8  # shown, in their order
MAX_VALUES = 12  # of a categorical column, the most frequent
_MAX_CATEGORIES = 10  # distinct numbers, up to which a column is categorical, such as a rating from 1 to 5
_MIN_REPEATS = 3  # groups per value, on average, from which text is a category and not a name
_IDENTIFIER_SHARE = 0.9  # share of groups with an integer of their own, from which it is an identifier
_BINS = 20

Array = NDArray[Any]


def column_facts(data: Dataset, groups: Array, membership: Membership) -> dict[str, Column]:
    """The columns in the fingerprint, by name; identifiers such as names, URLs and numbers are left out."""
    columns: dict[str, Column] = {}
    for name in data.own_columns:
        summary = _summarize(data.images[name].cast(pl.String, strict=False), membership, groups)
        if summary is not None:
            columns[name] = summary
        if len(columns) == MAX_COLUMNS:
            break
    return columns


def _summarize(column: pl.Series, membership: Membership, groups: Array) -> Column | None:
    cells = column.str.strip_chars()
    cells = cells.set(cells == "", None)
    missing, distinct = int(cells.null_count()), cells.drop_nulls().n_unique()
    if distinct < 2:
        return None
    groups_with_value = len(
        np.unique(groups[cells.is_not_null().to_numpy()])
    )  # photos of one product are one group
    numbers = cells.cast(pl.Float64, strict=False)
    if numbers.null_count() == missing and distinct > _MAX_CATEGORIES:
        values = numbers.fill_null(math.nan).to_numpy()
        is_identifier = distinct >= _IDENTIFIER_SHARE * groups_with_value and bool(
            (numbers.drop_nulls() % 1 == 0).all()
        )
        return None if is_identifier else _summarize_numeric(values, missing, membership, groups)
    if _MIN_REPEATS * distinct > groups_with_value:
        return None
    return _summarize_categorical(cells.to_list(), membership.codes, membership.names)


def _summarize_numeric(values: Array, missing: int, membership: Membership, groups: Array) -> NumericColumn:
    finite = values[np.isfinite(values)]
    edges = np.linspace(*_histogram_range(finite), _BINS + 1)
    inside = np.clip(values, edges[0], edges[-1])  # outliers are counted in the outermost bins
    rows = dict(zip(membership.names, membership.members.T, strict=True)) or {
        "": np.ones(len(values), dtype=bool)
    }
    known = {name: row & np.isfinite(values) for name, row in rows.items()}
    return NumericColumn(
        missing=missing,
        edges=[round(float(edge), 4) for edge in edges],
        quantiles=[round(float(q), 4) for q in np.quantile(finite, (0, 0.25, 0.5, 0.75, 1))],
        classes={
            name: NumericClass(
                images=int(row.sum()), counts=np.histogram(inside[row], edges)[0].tolist(),
                median=round(float(np.median(values[row])), 4) if row.any() else None,
            )
            for name, row in known.items()
        },
        explained_variance=explained_variance(values, membership.codes, groups),
    )  # fmt: skip


def _histogram_range(finite: Array) -> tuple[float, float]:
    """The limits of the histogram: all values, without the outermost 1 % on a side if it is far away."""
    low, high = float(finite.min()), float(finite.max())
    near, far = (float(q) for q in np.quantile(finite, (0.01, 0.99)))
    room = far - near
    if not room:  # nearly all values are equal: show the others
        return low, high
    return (near if near - low > room else low), (far if high - far > room else high)


def _summarize_categorical(cells: list[str | None], codes: Array, names: list[str]) -> CategoricalColumn:
    frequent = Counter(value for value in cells if value is not None)
    shown = [
        value for value, _ in sorted(frequent.items(), key=lambda item: (-item[1], item[0]))[:MAX_VALUES]
    ]
    classes = [names[k] if k >= 0 else "" for k in codes.tolist()]
    pairs = Counter(zip(cells, classes, strict=True))
    return CategoricalColumn(
        missing=cells.count(None),
        values={
            value: {name: pairs[value, name] for name in (*names, "") if pairs[value, name]}
            for value in shown
        },
        distinct=len(frequent),
    )


def column_section(f: Fingerprint) -> Section | None:
    """A chart of each column: numeric ones as histograms by class, categorical ones as class shares."""
    if not f.columns:
        return None
    drawn, rows = [], []
    notes = note_more_classes(len(f.classes), MAX_CLASSES_DRAWN)
    for name, column in f.columns.items():
        if column.missing:
            notes.append(
                say(
                    "{name} is missing for {n} of {images}.",
                    n=column.missing,
                    images=say_images(f.images),
                    name=name,
                )
            )
        if isinstance(column, NumericColumn):
            drawn.append(_histogram(name, column))
            rows += _rows(name, column)
        else:
            drawn.append(_bars(name, column, len(f.classes) > 1 and _has_classes(column)))
            if column.distinct > MAX_VALUES:
                notes.append(say("{name}: the {shown} most frequent of {n} values are shown.", name=name,
                                 shown=MAX_VALUES, n=column.distinct))  # fmt: skip
    tables = [Table([say("column"), say("class"), say("images"), say("median")], rows)] if rows else []
    return Section(say("Your columns: {names}", names=listing(list(f.columns), MAX_COLUMNS)), notes, drawn,
                   tables=tables)  # fmt: skip


def _has_classes(column: CategoricalColumn) -> bool:
    """Whether its values are counted by class."""
    return any(of for row in column.values.values() for of in row)


def _histogram(name: str, column: NumericColumn) -> Any:
    some = dict(list(column.classes.items())[:MAX_CLASSES_DRAWN])
    counts = {of or name: row.counts for of, row in some.items()}
    return charts.histograms(name, column.edges, counts, say("{name}; number of images", name=name))


def _bars(name: str, column: CategoricalColumn, classes: bool) -> Any:
    """Images per value; with classes, the share of each class among the images of a value."""
    whole = {value: sum(row.values()) for value, row in column.values.items()}
    if not classes:
        return charts.bars(say("Images by {name}", name=name), {**whole})
    used = dict.fromkeys(of for row in column.values.values() for of in row)
    shares = {
        of or say("without a label"): {
            f"{value} ({whole[value]})": 100 * row.get(of, 0) / whole[value] for value, row in column.values.items()
        }
        for of in list(used)[:MAX_CLASSES_DRAWN]
    }  # fmt: skip
    return charts.stacked_bars(say("Classes by {name}, % (number of images)", name=name), shares)


def _rows(name: str, column: NumericColumn) -> list[list[str]]:
    return [
        [
            name,
            of or say("all images"),
            str(row.images),
            "" if row.median is None else f"{row.median:g}",
        ]
        for of, row in column.classes.items()
    ]
