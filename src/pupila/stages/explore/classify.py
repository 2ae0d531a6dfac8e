"""What the explore page shows of classes: how many images each has, and random samples."""

import polars as pl

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report import charts
from pupila.artifacts.report.fingerprint import Fingerprint
from pupila.artifacts.report.page import Section, Table
from pupila.core.messages import number, percent, say
from pupila.stages.explore.class_sentences import extreme_classes, interval, small_classes, too_few_groups
from pupila.stages.explore.membership import Array, one_class
from pupila.stages.explore.more_classes import note_more_classes
from pupila.stages.explore.samples import MAX_CLASSES, load_captioned, sample_section
from pupila.stages.explore.view import TargetView

MAX_BALANCED_RATIO = 1.5  # largest over smallest class, up to which accuracy is a fair measure


def _class_section(f: Fingerprint) -> Section | None:
    """Images of each class, and its share of them."""
    if not f.classes:
        return None
    shown = dict(list(f.classes.items())[:MAX_CLASSES])
    counts: dict[str, float] = {name: row.images for name, row in shown.items()}
    rest = sum(row.images for row in f.classes.values()) - sum(counts.values())
    whole = {**counts, say("all others"): rest} if rest else counts
    rows = [
        [name, str(row.images), percent(row.share, 2), str(row.groups)] for name, row in f.classes.items()
    ]
    if f.unlabelled:
        rows.append([say("without a label"), str(f.unlabelled), "", ""])
    return Section(
        say("Classes"),
        note_more_classes(len(f.classes), MAX_CLASSES),
        charts=[
            charts.bars(say("Images per class"), counts),
            charts.pie(say("Share of each class"), whole),
        ],
        tables=[Table([say("class"), say("images"), say("share"), say("groups")], rows)],
    )


def imbalance(f: Fingerprint) -> str | None:
    """The classes are imbalanced, so accuracy is misleading."""
    ratio = _ratio(f)
    if ratio is None or ratio < MAX_BALANCED_RATIO:
        return None
    (largest, most), (smallest, _) = extreme_classes(f)
    return say(
        "The classes are imbalanced, {ratio} : 1 ('{largest}' : '{smallest}'). Use F1 instead of accuracy: "
        "the majority-class baseline '{largest}' has accuracy {share}.",
        ratio=number(ratio, 1), largest=largest, smallest=smallest, share=number(most.share),
    )  # fmt: skip


def balance(f: Fingerprint) -> str | None:
    """The classes are balanced."""
    ratio = _ratio(f)
    if ratio is None or ratio >= MAX_BALANCED_RATIO:
        return None
    return say(
        "The classes are balanced ({ratio} : 1), so accuracy and F1 will be nearly equal.",
        ratio=number(ratio, 2),
    )


def _ratio(f: Fingerprint) -> float | None:
    if len(f.classes) < 2:
        return None
    (_, most), (_, least) = extreme_classes(f)
    return float(most.images / least.images)


def _sample_section(data: Dataset, row_splits: list[str] | None) -> Section:
    """Random images of each class."""
    targets = data.images.with_row_index("number")
    groups = {
        name: targets.filter(pl.col("target") == name)["number"].to_list()
        for name in data.classes[:MAX_CLASSES]
    }
    if data.images["target"].null_count():
        groups[say("without a label")] = targets.filter(pl.col("target").is_null())["number"].to_list()
    return sample_section(data, groups, lambda row: load_captioned(data, row, None))


def _points(data: Dataset) -> tuple[Array, list[str]]:
    membership = one_class(data)
    return membership.codes, membership.names


CLASS_VIEW = TargetView(
    classes=_class_section,
    samples=_sample_section,
    picture=lambda data, row, label: load_captioned(data, row, data.images["target"][row] if label else None),
    membership=one_class,
    points=_points,
    shares_title=lambda: say("Class shares in each split"),
    sentences=(imbalance, balance, small_classes, too_few_groups, interval),
    agree=str.__eq__,
)
