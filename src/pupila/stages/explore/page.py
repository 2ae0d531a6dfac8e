"""The explore page: conclusions, charts of classes and sizes, samples, duplicates, faults and splits."""

import random
from typing import Any

import polars as pl

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report import charts
from pupila.artifacts.report.gallery import load_image
from pupila.artifacts.report.page import Page, PageImage, Section, Table
from pupila.core.messages import listing, number, percent, say, say_count
from pupila.imaging.duplicates.pairs import Pair, components
from pupila.stages.explore.colour import colour_section
from pupila.stages.explore.columns import column_section
from pupila.stages.explore.fingerprint import Fingerprint
from pupila.stages.explore.labels import label_section
from pupila.stages.explore.map import map_section
from pupila.stages.explore.masks import MAX_CLASSES, SEED, area_section, overlay_section, picture_with_mask
from pupila.stages.explore.neighbours import ImageMap
from pupila.stages.explore.sentences import sentences

PER_CLASS = 12  # images of each class on the contact sheet
MAX_GROUPS = 12  # duplicate groups shown
PER_GROUP = 4  # images of each duplicate group


def build_page(
    data: Dataset,
    f: Fingerprint,
    titles: dict[str, str],
    image_map: ImageMap | None,
    row_splits: list[str] | None = None,
) -> Page:
    """The page.

    Args:
        data: the source of the images.
        f: the source of everything else.
        titles: fault code to title.
        image_map: the map of its images.
        row_splits: the split of each row, where the data are split.
    """
    first = (
        (_classes(f), _photos(data))
        if data.label_map is None
        else (area_section(f), overlay_section(data, row_splits))
    )
    sections = [
        first[0], _sizes(f), first[1], colour_section(f), map_section(data, f, image_map) if image_map else None,
        label_section(f), column_section(f), _duplicates(data, f), _faults(f, titles), _splits(f),
    ]  # fmt: skip
    name = data.root.rstrip("/").rpartition("/")[2] or data.root
    return Page(
        title=say("{name}: {n} images", name=name, n=f["images"]),
        verdict=sentences(f) or [say("Nothing stands out.")],
        sections=[section for section in sections if section is not None],
        footnote=say("Data hash {hash}, layout {layout}.", hash=f["data_hash"][:12], layout=data.layout),
    )


def _classes(f: Fingerprint) -> Section | None:
    if not f["classes"]:
        return None
    shown = dict(list(f["classes"].items())[:MAX_CLASSES])
    counts = {name: row["images"] for name, row in shown.items()}
    rest = sum(row["images"] for row in f["classes"].values()) - sum(counts.values())
    whole = {**counts, say("all others"): rest} if rest else counts
    rows = [
        [name, str(row["images"]), percent(row["share"], 2), str(row["groups"])]
        for name, row in f["classes"].items()
    ]
    if f["unlabelled"]:
        rows.append([say("without a label"), str(f["unlabelled"]), "", ""])
    return Section(
        say("Classes"),
        charts=[
            charts.bars(say("Images per class"), counts),
            charts.pie(say("Share of each class"), whole),
        ],
        tables=[Table([say("class"), say("images"), say("share"), say("groups")], rows)],
    )


def _sizes(f: Fingerprint) -> Section:
    points = [(width, height, count) for width, height, count in f["sizes"]]
    quantiles = [
        [name, *(number(f[key][q], digits) for q in ("min", "median", "max"))]
        for name, key, digits in (
            (say("width"), "width", 0),
            (say("height"), "height", 0),
            (say("width / height"), "aspect", 2),
        )
    ]
    frequent = [[f"{w} x {h}", str(n), percent(n / f["images"])] for w, h, n in f["sizes"][:6]]
    stored = [[say("format"), _format_counts(f["formats"])], [say("colour mode"), _format_counts(f["modes"])]]
    return Section(
        say("Sizes and aspect ratios"),
        charts=[
            charts.scatter(say("Image sizes (marker area: number of images)"), points,
                           (say("width, pixels"), say("height, pixels"))),
            charts.histogram(
                say("Aspect ratios"), f["aspect_histogram"]["edges"], f["aspect_histogram"]["counts"],
                say("log2 of width / height: 0 is square, 1 is 2 : 1"),
            ),
            charts.histogram(
                say("Mean brightness"), f["brightness"]["edges"], f["brightness"]["counts"], say("0 black, 255 white")
            ),
        ],
        tables=[
            Table(["", say("smallest"), say("median"), say("largest")], quantiles),
            Table([say("most frequent size"), say("images"), say("share")], frequent),
            Table([say("stored as"), say("images")], stored),
        ],
    )  # fmt: skip


def _format_counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {n}" for name, n in counts.items())


def _photos(data: Dataset) -> Section:
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
        galleries.append((heading, [_photo(data, row) for row in chosen]))
    more = len(data.classes) - MAX_CLASSES
    left_out = (
        [say_count("{n} more class is not shown.", "{n} more classes are not shown.", more)]
        if more > 0
        else []
    )
    return Section(say("Random samples of each class"), left_out, galleries=galleries)


def _photo(data: Dataset, row: int, label: bool = False) -> PageImage:
    if data.label_map is not None:
        return picture_with_mask(data, row)
    image = data.images["image"][row]
    caption = image.rpartition("/")[2]
    target = data.images["target"][row]
    caption = f"{caption} ({target})" if label and target is not None else caption
    return load_image(data.path(row), caption, data.bands, data.limits)


def _duplicates(data: Dataset, f: Fingerprint) -> Section | None:
    if not data.pairs:
        return None
    groups = _groups(data.pairs, len(data))
    galleries = []
    for rows, pairs in groups[:MAX_GROUPS]:
        kinds = _kind_titles()[tuple(sorted({pair.kind for pair in pairs}))]
        least = min(pair.similarity for pair in pairs)
        values = {"kinds": kinds, "least": number(least, 2), "n": len(rows), "shown": PER_GROUP}
        heading = (
            say("{n} images: {kinds}, similarity {least} or higher", **values)
            if len(rows) <= PER_GROUP
            else say("{shown} of {n} images shown: {kinds}, similarity {least} or higher", **values)
        )
        galleries.append((heading, [_photo(data, row, label=True) for row in rows[:PER_GROUP]]))
    notes = [say_count("{n} group of duplicates.", "{n} groups of duplicates.", len(groups))]
    if len(groups) > MAX_GROUPS:
        notes.append(say("The {n} groups with the lowest similarity are shown.", n=MAX_GROUPS))
    rows_of_kinds = [[say("exact: the same bytes"), str(f["duplicates"]["exact"])],
             [say("near: resized, re-encoded, cropped, brightened"), str(f["duplicates"]["near"])],
             [say("mirrored: flipped left to right"), str(f["duplicates"]["mirrored"])]]  # fmt: skip
    return Section(
        say("Duplicates"),
        notes,
        galleries=galleries,
        tables=[Table([say("kind"), say("pairs")], rows_of_kinds)],
    )


def _kind_titles() -> dict[tuple[str, ...], str]:
    """The kinds of the duplicates in a group, sorted, to their title."""
    return {
        ("exact",): say("exact duplicates"),
        ("near",): say("near-duplicates"),
        ("mirrored",): say("mirrored duplicates"),
        ("exact", "near"): say("exact and near-duplicates"),
        ("exact", "mirrored"): say("exact and mirrored duplicates"),
        ("mirrored", "near"): say("mirrored and near-duplicates"),
        ("exact", "mirrored", "near"): say("exact, mirrored and near-duplicates"),
    }


def _groups(pairs: list[Pair], count: int) -> list[tuple[list[int], list[Pair]]]:
    """Duplicate groups as (rows, pairs), the lowest similarity first: these need inspection."""
    component = components(count, [(pair.first, pair.second) for pair in pairs])
    groups: dict[int, tuple[set[int], list[Pair]]] = {}
    for pair in pairs:
        rows, members = groups.setdefault(int(component[pair.first]), (set(), []))
        rows.update((pair.first, pair.second))
        members.append(pair)
    ordered = sorted(groups.values(), key=lambda group: (min(p.similarity for p in group[1]), min(group[0])))
    return [(sorted(rows), members) for rows, members in ordered]


def _faults(f: Fingerprint, titles: dict[str, str]) -> Section:
    if not f["faults"]:
        return Section(say("Faults"), [say("The doctor found no faults.")])
    rows = [
        [
            fault["severity"],
            titles[fault["code"]],
            str(fault["count"]),
            listing(fault["examples"], 2, fault["count"]),
            fault["fix"],
        ]
        for fault in f["faults"]
    ]
    header = [say("severity"), say("fault"), say("count"), say("examples"), say("fix")]
    return Section(say("Faults"), tables=[Table(header, rows)])


def _splits(f: Fingerprint) -> Section | None:
    splits = f["splits"]
    if not splits:
        return None
    used: dict[str, Any] = {name: row for name, row in splits["table"].items() if row["images"]}
    classes = list(f["classes"])
    of_splits = f["masks"]["splits"] if f["masks"] else {name: row["classes"] for name, row in used.items()}
    shares = {
        name: {c: 100 * row.get(c, 0) / max(sum(row.values()), 1e-9) for c in classes[:MAX_CLASSES]}
        for name, row in of_splits.items()
    }
    rows = [
        [
            name,
            str(row["images"]),
            str(row["groups"]),
            *(str(row["classes"].get(c, 0)) for c in classes[:MAX_CLASSES]),
        ]
        for name, row in used.items()
    ]
    worst = splits["largest_deviation"]
    notes = [splits["origin"], say("Verdict: {verdict}.", verdict=splits["verdict"])]
    if worst["class"] and worst["share"]:
        notes.append(say(
            "Largest deviation of a class share: {points} percentage points (class '{name}', {split}).",
            points=number(100 * worst["share"], 1), name=worst["class"], split=worst["split"],
        ))  # fmt: skip
    if splits["folds"]:
        notes.append(
            say("Images per fold: {folds}.", folds=", ".join(str(n) for n in splits["folds"].values()))
        )
    heading = (
        say("Mean share of the image area in each split") if f["masks"] else say("Class shares in each split")
    )
    drawn = [charts.grouped_bars(heading, shares)] if classes else []
    header = [say("split"), say("images"), say("groups"), *classes[:MAX_CLASSES]]
    return Section(say("Comparison of splits"), notes, charts=drawn, tables=[Table(header, rows)])
