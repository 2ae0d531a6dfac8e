"""What the explore page shows of several labels per image: counts, co-occurrence, and random samples."""

from collections import Counter
from typing import Any

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report import charts
from pupila.artifacts.report.fingerprint import Fingerprint, SeveralLabels
from pupila.artifacts.report.page import PageImage, Section, Table
from pupila.core.messages import listing, number, percent, say
from pupila.stages.explore.class_sentences import interval, small_classes, too_few_groups
from pupila.stages.explore.co_occurrence import measure_labels
from pupila.stages.explore.label_sentences import (
    co_occurrence,
    explained_by_labels,
    labels_per_image,
    prevalence,
    strongest_pairs,
    unknown_labels,
)
from pupila.stages.explore.membership import Array, several_classes
from pupila.stages.explore.more_classes import note_more_classes
from pupila.stages.explore.samples import MAX_CLASSES, load_captioned, sample_section
from pupila.stages.explore.view import TargetView
from pupila.tasks.label_text import PRESENT, UNKNOWN, describe_labels, present_classes, read_labels

MAX_IN_HEAT_MAP = 16  # classes, the largest
MAX_PAIRS = 20  # of classes in the table


def _class_section(f: Fingerprint) -> Section | None:
    """Images that show each class, lack it, or don't tell; the number of labels; and which classes occur together."""
    labels = f.several_labels
    if labels is None or not labels.classes:
        return None
    shown = dict(list(labels.classes.items())[:MAX_CLASSES])
    parts = {
        say("present"): {name: row.present for name, row in shown.items()},
        say("absent"): {name: row.absent for name, row in shown.items()},
        say("unknown"): {name: row.unknown for name, row in shown.items()},
    }
    whole = max(sum(labels.labels_per_image), 1)
    shares = {of: {name: 100 * n / whole for name, n in counts.items()} for of, counts in parts.items()}
    counts = {str(count): float(n) for count, n in enumerate(labels.labels_per_image)}
    rows = [
        [name, str(row.present), str(row.absent), str(row.unknown), percent(f.classes[name].share, 2),
         str(f.classes[name].groups)]
        for name, row in labels.classes.items()
    ]  # fmt: skip
    if f.unlabelled:
        rows.append([say("without a label"), "", "", str(f.unlabelled), "", ""])
    header = [say("class"), say("present"), say("absent"), say("unknown"), say("share of the known"),
              say("groups that show it")]  # fmt: skip
    drawn = [charts.bars(say("Images that show each class"), {**parts[say("present")]}),
             charts.stacked_bars(say("Labels of each class, % of the labelled images"), shares),
             charts.bars(say("Images by the number of classes that they show"), counts)]  # fmt: skip
    tables = [Table(header, rows)]
    if len(labels.classes) > 1:
        drawn.append(_draw_co_occurrence(labels))
        tables.append(_list_pairs(labels))
    return Section(
        say("Classes"), note_more_classes(len(labels.classes), MAX_IN_HEAT_MAP), drawn, tables=tables
    )


def _draw_co_occurrence(labels: SeveralLabels) -> Any:
    """The share of the images of the class of the row that also show that of the column."""
    names = list(labels.classes)[:MAX_IN_HEAT_MAP]
    size = range(len(names))
    shares = [[labels.conditional(row, column) for column in size] for row in size]
    cells = [["" if share is None else number(100 * share, 0) for share in row] for row in shares]
    filled = [[share or 0.0 for share in row] for row in shares]
    title = say("Co-occurrence (%)")
    return charts.heat_map(
        title, filled, cells, names, (say("... that also show"), say("Share of the images with ..."))
    )


def _list_pairs(labels: SeveralLabels) -> Table:
    """The pairs of classes whose labels are most alike or most opposed."""
    names = list(labels.classes)
    rows = [
        [names[a], names[b], str(labels.together[a][b]), _format_share(labels.conditional(a, b)),
         _format_share(labels.conditional(b, a)), number(labels.phi[a][b] or 0, 2)]
        for a, b in strongest_pairs(labels)[:MAX_PAIRS]
    ]  # fmt: skip
    header = [say("class"), say("other class"), say("images with both"), say("of the class's images"),
              say("of the other's"), say("phi (1: always together, -1: never)")]  # fmt: skip
    return Table(header, rows)


def _format_share(share: float | None) -> str:
    return "" if share is None else percent(share)


def _sample_section(data: Dataset, row_splits: list[str] | None) -> Section:
    """Random images that show each class, that show none, and without a label."""
    labels = data.label_matrix
    groups = {
        name: np.flatnonzero(labels[:, k] == PRESENT).tolist()
        for k, name in enumerate(data.classes[:MAX_CLASSES])
    }
    labelled = (labels != UNKNOWN).any(axis=1)
    none = labelled & ~(labels == PRESENT).any(axis=1)
    for title, rows in ((say("none of the classes"), none), (say("without a label"), ~labelled)):
        if rows.any():
            groups[title] = np.flatnonzero(rows).tolist()
    return sample_section(data, groups, lambda row: _picture(data, row, True))


def _picture(data: Dataset, row: int, label: bool) -> PageImage:
    target = data.images["target"][row]
    return load_captioned(
        data, row, describe_labels(target, data.classes) if label and target is not None else None
    )


def _points(data: Dataset) -> tuple[Array, list[str]]:
    """Images by the classes that they show together, the most frequent combination first."""
    shown = [
        None if target is None else listing(present_classes(target), 4) or say("none of the classes")
        for target in data.images["target"]
    ]
    counts = Counter(text for text in shown if text is not None)
    names = sorted(counts, key=lambda text: (-counts[text], text))
    place = {text: k for k, text in enumerate(names)}
    return np.array([-1 if text is None else place[text] for text in shown]), names


def _agree(first: str, second: str) -> bool:
    """Whether two labels contradict each other in no class."""
    known = read_labels(second)
    return all(known.get(name, present) is present for name, present in read_labels(first).items())


CLASSES_VIEW = TargetView(
    classes=_class_section,
    samples=_sample_section,
    picture=_picture,
    membership=several_classes,
    points=_points,
    shares_title=lambda: say("Share of the known images that show each class, in each split"),
    sentences=(
        co_occurrence, prevalence, labels_per_image, unknown_labels, explained_by_labels, small_classes, too_few_groups,
        interval,
    ),
    agree=_agree,
    several_labels=measure_labels,
)  # fmt: skip
