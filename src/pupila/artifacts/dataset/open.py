"""Opening: find the layout, read every image, and say what was met."""

from pathlib import Path
from typing import Any

import polars as pl

from pupila.artifacts.dataset.bands import with_bands
from pupila.artifacts.dataset.formats import FORMATS
from pupila.artifacts.dataset.formats.listing import Listing, Oddity
from pupila.artifacts.dataset.labels import history, with_labels
from pupila.artifacts.dataset.manifest import INTERNAL, MANIFEST, Dataset
from pupila.artifacts.dataset.masks import with_masks
from pupila.artifacts.dataset.reading import ReadSettings, lies, read_facts
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.tasks import TASKS
from pupila.tasks.task import Task

_ASIDE = {"subject": pl.String, "code": pl.String, "reason": pl.String}


def open(path: str | Path | Dataset, **settings: Any) -> Dataset:
    """Open images with whatever labels, groups and splits they come with.

    Args:
        path: a folder per class (also below train/val/test), a flat folder, images beside masks, COCO or YOLO
            annotations, a CSV, Parquet or JSON-lines table, a folder with Hugging Face's metadata file, a saved
            manifest, or an open data set.
        settings: fields of `ReadSettings`.

    Raises:
        PupilaError: nothing there, no images, or no layout that Pupila reads.
    """
    if isinstance(path, Dataset):
        return path
    wish = ReadSettings.wish(settings, "read")
    where = str(path)
    if not files.exists(where):
        raise PupilaError(
            say("No such data"), found=where,
            wanted=say("a folder of images, a table, annotations, or a saved manifest"), remedy=_nearby(where),
        )  # fmt: skip
    with files.listed_once(where):
        for read in FORMATS.values():
            if (found := read(where)) is not None:
                return _assemble(found, wish)
    raise PupilaError(
        say("Can't tell what {path} is", path=where), found=say("a file"),
        wanted=say("a folder, a CSV, Parquet or JSON-lines table, COCO's JSON, data.yaml, or pupila.parquet"),
    )  # fmt: skip


def _nearby(where: str) -> str:
    parent = Path(where).parent
    if files.is_remote(where) or not parent.is_dir():
        return ""
    names = sorted(child.name for child in parent.iterdir() if not child.name.startswith("."))
    return say("one of {names}", names=listing(names)) if names else ""


def _assemble(found: Listing, wish: ReadSettings) -> Dataset:
    wish = with_bands(found, wish)
    entries = [files.FileEntry(*row) for row in found.rows.select("image", "bytes", "modified").iter_rows()]
    facts, memory = read_facts(found.root, entries, wish)
    facts = facts.drop("image", "bytes", "modified")
    ours = [*facts.columns, "given_target"]
    own = found.rows.rename({name: f"{name}_" for name in ours if name in found.rows.columns})
    joined = pl.concat([own, facts], how="horizontal").sort("image")
    frame = with_labels(joined, history(found.home), found.masks)
    broken = frame.filter(pl.col("fault").is_not_null())
    good = frame.filter(pl.col("fault").is_null())
    if good.is_empty():
        told = list(broken.select("image", "reason").iter_rows())
        told += [(oddity.subject, oddity.reason) for oddity in found.oddities]
        raise PupilaError(
            say("No readable image in {path}", path=found.root),
            found=listing([f"{subject} ({reason})" if reason else subject for subject, reason in told], 3),
            wanted=say("JPEG, PNG, WebP, TIFF, BMP or GIF"),
        )  # fmt: skip
    good = good.select([*MANIFEST, *(n for n in good.columns if n not in MANIFEST and n not in INTERNAL),
                        *(n for n in INTERNAL if n in good.columns)])  # fmt: skip
    oddities = found.oddities + [
        Oddity(image, code, reason)
        for image, code, reason in broken.select("image", "fault", "reason").iter_rows()
    ]
    oddities += [
        Oddity(image, "lying-extension", say("is {format}", format=format))
        for image, format in good.select("image", "format").iter_rows() if lies(image, format)
    ]  # fmt: skip
    oddities += _changed(good)
    legend, notes = None, found.notes
    if found.masks:
        masked = with_masks(found.root, good, found.legend, wish.limits())
        good, legend = masked.images, masked.legend
        oddities = _unanswered(oddities, good) + masked.oddities
        notes = notes + masked.notes
    else:
        oddities += _left_empty(frame, good)
    aside = pl.DataFrame([(o.subject, o.code, o.reason) for o in oddities], schema=_ASIDE, orient="row")
    return Dataset(
        found.root,
        found.home,
        found.layout,
        _task(found, good),
        good,
        aside,
        notes,
        memory,
        legend,
        wish.choice(),
        wish.limits(),
    )


def _unanswered(oddities: list[Oddity], good: pl.DataFrame) -> list[Oddity]:
    """Without the images that lack a mask, and masks that lack an image, which the history has put together."""
    paired = {*good.filter(pl.col("target").is_not_null())["image"], *good["target"].drop_nulls()}
    lone = ("image-without-mask", "mask-without-image")
    return [oddity for oddity in oddities if oddity.code not in lone or oddity.subject not in paired]


def _task(found: Listing, good: pl.DataFrame) -> Task | None:
    """What the targets say; None where no image has one."""
    if good["target"].null_count() == good.height:
        return None
    return TASKS["segment" if found.masks else "classify"]


def _changed(good: pl.DataFrame) -> list[Oddity]:
    if "saved_sha256" not in good.columns:
        return []
    changed = good.filter(pl.col("saved_sha256").is_not_null() & (pl.col("saved_sha256") != pl.col("sha256")))
    return [
        Oddity(image, "changed-file", say("other bytes than when the manifest was saved"))
        for image in changed["image"]
    ]


def _left_empty(frame: pl.DataFrame, good: pl.DataFrame) -> list[Oddity]:
    """Classes all of whose images turned out to be unusable."""
    lost = set(frame["target"].drop_nulls()) - set(good["target"].drop_nulls())
    return [Oddity(name, "empty-class", say("none of its images can be read")) for name in sorted(lost)]
