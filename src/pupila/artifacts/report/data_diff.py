"""The page on what differs between two versions of a data set."""

from collections.abc import Callable

from markupsafe import Markup

from pupila.artifacts.dataset.versions.difference import VersionDiff
from pupila.artifacts.dataset.versions.sentences import (
    count_changes,
    describe_changes,
    describe_consequences,
    describe_diff,
    describe_shares,
)
from pupila.artifacts.dataset.versions.version import ALL, Version
from pupila.artifacts.report import charts
from pupila.artifacts.report.page import Page, PageImage, Section, Table
from pupila.core.messages import integer, percent, say, say_count
from pupila.core.vocabulary import SPLITS

MAX_IMAGES = 24  # of each kind of change
MAX_CLASSES = 20  # in a chart
FindImage = Callable[
    [str, str], PageImage | None
]  # SHA-256 of an image, caption -> the image, if it is at hand


def build_diff_page(diff: VersionDiff, before: Version, after: Version, find: FindImage) -> Page:
    """The page: what follows, what changed, and the images themselves where they are at hand.

    Args:
        diff: of the two versions.
        before: the earlier one.
        after: the later one.
        find: what reads an image.
    """
    title = say("{name}: {before} to {after}", name=after.info.name or before.info.name, before=diff.before.name,
                after=diff.after.name)  # fmt: skip
    verdict = describe_diff(diff) if diff.identical else describe_consequences(diff)
    if changes := count_changes(diff):
        verdict = [*verdict, say("Changes: {changes}.", changes=changes)]
    sections = [
        Section(say("What changed"), describe_changes(diff), tables=[_tabulate(diff)]),
        Section(say("Classes and splits"), describe_shares(diff), charts=_draw_shares(diff),
                tables=[_tabulate_classes(diff)] if diff.classes else []),
    ]  # fmt: skip
    if galleries := _make_galleries(diff, before, after, find):
        sections.append(Section(say("Images"), galleries=galleries))
    if diff.leaks:
        rows = [[shared.reason, shared.name, ", ".join(f"{i} ({s})" for i, s in list(shared.images.items())[:6])]
                for shared in diff.leaks[:MAX_IMAGES]]  # fmt: skip
        header = [say("Reason"), say("Name"), say("Images")]
        sections.append(Section(say("Leaks of the later split"), tables=[Table(header, rows)]))
    footnote = say(
        "Data version {before} (before) and {after} (after).", before=before.name, after=after.name
    )
    return Page(title=title, verdict=verdict, sections=sections, footnote=footnote)


def _tabulate(diff: VersionDiff) -> Table:
    """Images of each version and split."""
    rows = [[say("images"), integer(diff.before.images), integer(diff.after.images)]]
    for split in SPLITS:
        counts = [side.splits.get(split, 0) for side in (diff.before, diff.after)]
        if any(counts):
            rows.append([split, *map(integer, counts)])
    leaks = [diff.leaks_before, len(diff.leaks)]
    rows.append([say("sets of related images in several splits"), *map(integer, leaks)])
    return Table(["", diff.before.name, diff.after.name], rows)


def _tabulate_classes(diff: VersionDiff) -> Table:
    rows = [
        [row.name, integer(row.images_before), integer(row.images_after),
         _percent(row.shares_before.get(ALL)), _percent(row.shares_after.get(ALL))]
        for row in diff.classes
    ]  # fmt: skip
    return Table([say("Class"), say("images before"), say("images after"), say("share before"), say("share after")],
                 rows)  # fmt: skip


def _percent(share: float | None) -> str:
    return "" if share is None else percent(share)


def _draw_shares(diff: VersionDiff) -> list[Markup]:
    """The class shares before and after, and those of the splits."""
    drawn = []
    shown = diff.classes[:MAX_CLASSES]
    names = say("before"), say("after")
    if shown:
        shares = {names[0]: {row.name: 100 * (row.shares_before.get(ALL) or 0) for row in shown},
                  names[1]: {row.name: 100 * (row.shares_after.get(ALL) or 0) for row in shown}}  # fmt: skip
        drawn.append(charts.grouped_bars(say("Class shares in percent"), shares))
    counts = dict(zip(names, (diff.before.splits, diff.after.splits), strict=True))
    present = [split for split in SPLITS if any(own.get(split) for own in counts.values())]
    if present:
        splits = {name: {split: 100 * own.get(split, 0) / max(sum(own.values()), 1) for split in present}
                  for name, own in counts.items()}  # fmt: skip
        drawn.append(charts.grouped_bars(say("Split shares in percent"), splits))
    return drawn


def _make_galleries(
    diff: VersionDiff, before: Version, after: Version, find: FindImage
) -> list[tuple[str, list[PageImage]]]:
    """The images of each kind of change, those of the earlier version by their earlier bytes."""
    old = dict(before.rows.select("image", "sha256").iter_rows())
    new = dict(after.rows.select("image", "sha256").iter_rows())
    none = say("none")
    kinds = [
        (say("Moved from test to training"), [(new[name], name) for name in diff.test_to_train]),
        (say("Changed labels"), [(new[c.image], f"{c.image}: {c.before or none} -> {c.after or none}")
                                 for c in diff.labels]),
        (say("Changed masks"), [(new[name], name) for name in diff.masks]),
        (say("Added"), [(new[name], name) for name in diff.added]),
        (say("Removed"), [(old[name], name) for name in diff.removed]),
        (say("Other bytes"), [(new[name], name) for name in diff.replaced]),
        (say("Changed splits"), [(new[c.image], f"{c.image}: {c.before or none} -> {c.after or none}")
                                 for c in diff.splits]),
        (say("Changed groups"), [(new[c.image], f"{c.image}: {c.before or none} -> {c.after or none}")
                                 for c in diff.groups]),
    ]  # fmt: skip
    galleries = []
    for title, images in kinds:
        pictures = [
            picture
            for digest, caption in images[:MAX_IMAGES]
            if (picture := find(digest, caption)) is not None
        ]
        if pictures:
            shown = say_count("{title}: {shown} of {n} image", "{title}: {shown} of {n} images", len(images),
                              title=title, shown=len(pictures))  # fmt: skip
            galleries.append((shown, pictures))
    return galleries
