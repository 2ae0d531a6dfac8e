"""The explore page: conclusions, charts of classes and sizes, samples, duplicates, faults and splits."""

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.understood import describe
from pupila.artifacts.report import charts
from pupila.artifacts.report.fingerprint import Fingerprint
from pupila.artifacts.report.page import Page, Section, Table
from pupila.core.messages import listing, number, percent, say, say_count, say_images
from pupila.imaging.duplicates.pairs import ENOUGH, Pair, components, some_unlisted
from pupila.stages.explore.colour import colour_section
from pupila.stages.explore.columns import column_section
from pupila.stages.explore.labels import label_section
from pupila.stages.explore.map import map_section
from pupila.stages.explore.more_classes import note_more_classes
from pupila.stages.explore.neighbours import ImageMap
from pupila.stages.explore.samples import MAX_CLASSES
from pupila.stages.explore.sentences import sentences
from pupila.stages.explore.view import TargetView
from pupila.stages.explore.views import find_view

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
    view = find_view(data)
    sections = [
        Section(say("The data"), describe(data)), view.classes(f), _sizes(f),
        view.samples(data, row_splits), colour_section(f),
        map_section(data, f, image_map) if image_map else None,
        label_section(f), column_section(f), _duplicates(data, f),
        _sequences(data), _faults(f, titles), _splits(f, view),
    ]  # fmt: skip
    return Page(
        title=say_count(
            "{name}: {n} image",
            "{name}: {n} images",
            f.images,
            name=data.name,
        ),
        verdict=sentences(f) or [say("Nothing stands out.")],
        sections=[section for section in sections if section is not None],
        footnote=say("Data hash {hash}, layout {layout}.", hash=f.data_hash[:12], layout=data.layout),
    )


def _sizes(f: Fingerprint) -> Section:
    points: list[tuple[float, float, int]] = [(size.width, size.height, size.images) for size in f.sizes]
    quantiles = [
        [name, number(row.min, digits), number(row.median, digits), number(row.max, digits)]
        for name, row, digits in (
            (say("width"), f.width, 0),
            (say("height"), f.height, 0),
            (say("width / height"), f.aspect, 2),
        )
    ]
    frequent = [
        [f"{size.width} x {size.height}", str(size.images), percent(size.images / f.images)]
        for size in f.sizes[:6]
    ]
    stored = [[say("format"), _format_counts(f.formats)], [say("colour mode"), _format_counts(f.modes)]]
    return Section(
        say("Sizes and aspect ratios"),
        charts=[
            charts.scatter(say("Image sizes (marker area: number of images)"), points,
                           (say("width, pixels"), say("height, pixels"))),
            charts.histogram(
                say("Aspect ratios"), f.aspect_histogram.edges, f.aspect_histogram.counts,
                say("log2 of width / height: 0 is square, 1 is 2 : 1"),
            ),
            charts.histogram(
                say("Mean brightness"), f.brightness.edges, f.brightness.counts, say("0 black, 255 white")
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


def _duplicates(data: Dataset, f: Fingerprint) -> Section | None:
    copies = data.alike.copies
    if not copies:
        return None
    groups = _groups(copies, len(data))
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
        galleries.append((heading, [find_view(data).picture(data, row, True) for row in rows[:PER_GROUP]]))
    notes = [say_count("{n} group of duplicates.", "{n} groups of duplicates.", len(groups))]
    if len(groups) > MAX_GROUPS:
        notes.append(say("The {n} groups with the lowest similarity are shown.", n=MAX_GROUPS))
    if some_unlisted(copies):
        notes.append(
            say("An image in {n} pairs or more may be in further ones, which are not counted.", n=ENOUGH)
        )
    rows_of_kinds = [[say("exact: the same bytes"), str(f.duplicates.exact)],
             [say("near: resized, re-encoded, cropped, brightened"), str(f.duplicates.near)],
             [say("mirrored: flipped left to right"), str(f.duplicates.mirrored)]]  # fmt: skip
    return Section(
        say("Duplicates"),
        notes,
        galleries=galleries,
        tables=[Table([say("kind"), say("pairs")], rows_of_kinds)],
    )


def _sequences(data: Dataset) -> Section | None:
    """The longest sequences, the first and the last images of each."""
    ordered = sorted(data.alike.sequences, key=len, reverse=True)
    if not ordered:
        return None
    notes = [
        say_count("{n} sequence of images that are alike: frames of a video, repeat photographs of one object, or "
                  "tiles. Each counts as one group.",
                  "{n} sequences of images that are alike: frames of a video, repeat photographs of one object, or "
                  "tiles. Each counts as one group.", len(ordered))
    ]  # fmt: skip
    if len(ordered) > MAX_GROUPS:
        notes.append(say("The {n} longest are shown.", n=MAX_GROUPS))
    galleries = []
    for rows in ordered[:MAX_GROUPS]:
        count = say_images(len(rows))
        long = len(rows) > PER_GROUP
        heading = say("{images}, the first and the last are shown", images=count) if long else count
        shown = [*rows[: PER_GROUP // 2], *rows[-PER_GROUP // 2 :]] if long else rows
        galleries.append((heading, [find_view(data).picture(data, row, True) for row in shown]))
    return Section(say("Sequences"), notes, galleries=galleries)


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
    if not f.faults:
        return Section(say("Faults"), [say("The doctor found no faults.")])
    rows = [
        [
            fault.severity,
            titles[fault.code],
            str(fault.count),
            listing(fault.examples, 2, fault.count),
            fault.fix,
        ]
        for fault in f.faults
    ]
    header = [say("severity"), say("fault"), say("count"), say("examples"), say("fix")]
    return Section(say("Faults"), tables=[Table(header, rows)])


def _splits(f: Fingerprint, view: TargetView) -> Section | None:
    splits = f.splits
    if not splits:
        return None
    classes = list(f.classes)[:MAX_CLASSES]
    shares = {
        name: {c: 100 * row.get(c, 0) for c in classes} for name, row in splits.shares.items()
    }  # fmt: skip
    rows = [
        [name, str(row.images), str(row.groups), *(str(row.classes.get(c, 0)) for c in classes)]
        for name, row in splits.table.items()
        if row.images
    ]
    worst = splits.largest_deviation
    notes = [splits.origin, say("Verdict: {verdict}.", verdict=splits.verdict)]
    if worst.class_name and worst.share:
        notes.append(say(
            "Largest deviation of a class share: {points} percentage points (class '{name}', {split}).",
            points=number(100 * worst.share, 1), name=worst.class_name, split=worst.split,
        ))  # fmt: skip
    notes += note_more_classes(len(f.classes), MAX_CLASSES)
    if splits.folds:
        notes.append(say("Images per fold: {folds}.", folds=", ".join(str(n) for n in splits.folds.values())))
    drawn = [charts.grouped_bars(view.shares_title(), shares)] if classes else []
    header = [say("split"), say("images"), say("groups"), *classes]
    return Section(say("Comparison of splits"), notes, charts=drawn, tables=[Table(header, rows)])
