"""What the explore page shows of classes: how many images each has, and random samples."""

import random

import polars as pl

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report import charts
from pupila.artifacts.report.fingerprint import Fingerprint
from pupila.artifacts.report.gallery import load_image
from pupila.artifacts.report.page import PageImage, Section, Table
from pupila.core.messages import percent, say, say_count
from pupila.stages.explore.explained_variance import class_indices
from pupila.stages.explore.view import TargetView

PER_CLASS = 12  # images of each class on the contact sheet
MAX_CLASSES = 24  # shown as contact sheets and bars
SEED = 23


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
        charts=[
            charts.bars(say("Images per class"), counts),
            charts.pie(say("Share of each class"), whole),
        ],
        tables=[Table([say("class"), say("images"), say("share"), say("groups")], rows)],
    )


def _sample_section(data: Dataset, row_splits: list[str] | None) -> Section:
    """Random images of each class."""
    galleries = []
    names: list[str | None] = [*data.classes[:MAX_CLASSES]]
    if data.images["target"].null_count():
        names.append(None)
    for name in names:
        same = pl.col("target").is_null() if name is None else pl.col("target") == name
        rows = data.images.with_row_index("number").filter(same)["number"].to_list()
        chosen = sorted(random.Random(SEED).sample(rows, min(PER_CLASS, len(rows))))
        heading = say(
            "{name}: {shown} of {n} images",
            name=name or say("without a label"),
            shown=len(chosen),
            n=len(rows),
        )
        galleries.append((heading, [_picture(data, row, False) for row in chosen]))
    more = len(data.classes) - MAX_CLASSES
    left_out = (
        [say_count("{n} more class is not shown.", "{n} more classes are not shown.", more)]
        if more > 0
        else []
    )
    return Section(say("Random samples of each class"), left_out, galleries=galleries)


def _picture(data: Dataset, row: int, label: bool) -> PageImage:
    """The image of a row, with its label in the caption if asked for."""
    image, target = data.images["image"][row], data.images["target"][row]
    caption = image.rpartition("/")[2]
    caption = f"{caption} ({target})" if label and target is not None else caption
    return load_image(data.path(row), caption, data.bands, data.limits)


CLASS_VIEW = TargetView(
    classes=_class_section,
    samples=_sample_section,
    picture=_picture,
    points=class_indices,
    shares_title=lambda: say("Class shares in each split"),
)
