"""What the explore page shows of masks: the areas of the classes, and images with mask overlays."""

import random

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report import charts
from pupila.artifacts.report.fingerprint import Fingerprint
from pupila.artifacts.report.gallery import SIDE, embed_image
from pupila.artifacts.report.page import PageImage, Section, Table
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, number, percent, say, say_count, say_images
from pupila.core.vocabulary import IGNORE, SPLITS
from pupila.imaging.masks.codec import resize_mask
from pupila.imaging.masks.drawing import overlay
from pupila.imaging.masks.label_map import class_colours
from pupila.stages.explore.class_sentences import extreme_classes, small_classes, too_few_groups
from pupila.stages.explore.membership import Array, no_classes
from pupila.stages.explore.more_classes import note_more_classes
from pupila.stages.explore.samples import MAX_CLASSES, SEED
from pupila.stages.explore.view import TargetView
from pupila.statistics.metrics.segment import scored_classes

PER_CLASS = 7  # overlays with most of a class, typical ones, and ones with least: a row of the page each
PER_SPLIT = 14  # overlays of each split
SMALL_AREA = 0.01  # of an average image


def _area_section(f: Fingerprint) -> Section:
    """The share of each class in the area, and the number of images in which it occurs."""
    shown = dict(list(f.classes.items())[:MAX_CLASSES])
    shares = {name: 100 * row.share for name, row in shown.items()}
    rest = 100 - sum(shares.values())
    whole = {**shares, say("all others"): rest} if len(shown) < len(f.classes) else shares
    rows = [
        [name, percent(row.share, 2), str(row.images), str(row.groups)] for name, row in f.classes.items()
    ]
    if f.unlabelled:
        rows.append([say("without a mask"), "", str(f.unlabelled), ""])
    return Section(
        say("Classes"),
        note_more_classes(len(f.classes), MAX_CLASSES),
        charts=[
            charts.bars(say("Mean share of the image area"), shares, "{:.2f} %"),
            charts.pie(say("Share of the area"), whole),
            charts.bars(say("Images per class"), {name: row.images for name, row in shown.items()}),
        ],
        tables=[Table([say("class"), say("area"), say("images"), say("groups")], rows)],
    )  # fmt: skip


def _overlay_section(data: Dataset, row_splits: list[str] | None) -> Section:
    """Images with mask overlays: the largest, typical and smallest areas of each class, and some of each split.

    Args:
        data: the data set.
        row_splits: the split of each row, where the data are split.
    """
    galleries = [(say("Colours"), _colour_patches(data))]
    for index in scored_classes(len(data.classes))[:MAX_CLASSES]:
        share = data.shares[:, index]
        order = np.flatnonzero(share > 0)[np.argsort(-share[share > 0], kind="stable")].tolist()
        heading = say_count(
            "{name}, in {n} image: largest, typical and smallest areas",
            "{name}, in {n} images: largest, typical and smallest areas",
            len(order),
            name=data.classes[index],
        )
        pictures = [_picture_with_note(data, row, percent(share[row], 2)) for row in _pick_spread(order)]
        galleries.append((heading, pictures))
    usable = data.images["target"].is_not_null().to_list()
    for split in SPLITS if row_splits else ():
        rows = [row for row, side in enumerate(row_splits or []) if side == split and usable[row]]
        chosen = sorted(random.Random(SEED).sample(rows, min(PER_SPLIT, len(rows))))
        if rows:
            heading = say_count(
                "{split}: {shown} of {n} image, drawn at random",
                "{split}: {shown} of {n} images, drawn at random",
                len(rows),
                split=split,
                shown=len(chosen),
            )
            galleries.append((heading, [_picture_with_note(data, row) for row in chosen]))
    return Section(say("Mask overlays"), galleries=galleries)


def _picture_with_note(data: Dataset, row: int, note: str = "") -> PageImage:
    """The image of a row with its mask as an overlay; the image alone if there is no mask."""
    image = data.images["image"][row]
    caption = " ".join(part for part in (image.rpartition("/")[2], note) if part)
    try:
        rgb = data.pixels(row, SIDE)
        if data.images["target"][row] is not None:
            rgb = overlay(rgb, resize_mask(data.mask(row), *rgb.shape[:2]), len(data.classes))
    except PupilaError as fault:
        return PageImage("data:,", f"{caption} ({fault})", image)
    return embed_image(rgb, caption, image)


def _pick_spread(order: list[int]) -> list[int]:
    """The first few, the middle few and the last few, each once."""
    middle = max((len(order) - PER_CLASS) // 2, 0)
    return list(dict.fromkeys([*order[:PER_CLASS], *order[middle : middle + PER_CLASS], *order[-PER_CLASS:]]))


def _colour_patches(data: Dataset) -> list[PageImage]:
    """A patch of each class's colour."""
    table, names = class_colours(len(data.classes)), dict(enumerate(data.classes))
    if len(names) == 2:
        del names[0]  # the background stays as it is
    return [
        embed_image(np.tile(table[index], (24, 64, 1)), name)
        for index, name in {**dict(list(names.items())[:MAX_CLASSES]), IGNORE: say("no label")}.items()
    ]


def _group_by_coverage(data: Dataset) -> tuple[Array, list[str]]:
    """For masks: the class that covers most of an image; for a single class, whether it covers little, some or much."""
    shares, classes = data.shares, scored_classes(len(data.classes))
    blank = shares.sum(axis=1) == 0
    if len(classes) > 1:
        codes = shares.argmax(axis=1)
        return np.where(blank, -1, codes), data.classes
    share, name = shares[:, classes[0]], data.classes[classes[0]]
    low, high = np.quantile(share[~blank], (1 / 3, 2 / 3))
    codes = np.where(blank, -1, (share > low).astype(int) + (share > high))
    return codes, [say("little {name} (up to {low})", name=name, low=percent(low, 0)), say("some {name}", name=name),
                   say("much {name} (over {high})", name=name, high=percent(high, 0))]  # fmt: skip


def areas(f: Fingerprint) -> str | None:
    """How the classes of masks share the area, so that pixel accuracy is misleading."""
    if len(f.classes) < 2:
        return None
    (largest, most), (smallest, least) = extreme_classes(f)
    return say(
        "'{smallest}' covers {least} of an average image and occurs in {n} of {images}. Use Dice or IoU instead of "
        "pixel accuracy: predicting '{largest}' everywhere has a pixel accuracy of {most}.",
        smallest=smallest, least=percent(least.share), n=least.images, images=say_images(f.images - f.unlabelled),
        largest=largest, most=number(most.share),
    )  # fmt: skip


def small_areas(f: Fingerprint) -> str | None:
    """Classes with so small an area that resizing may remove them."""
    small = [name for name, row in f.classes.items() if row.images and row.share < SMALL_AREA]
    if not small:
        return None
    return say_count(
        "{n} class covers under 1 % of the area ({names}): resizing may remove it, tiles preserve it.",
        "{n} classes cover under 1 % of the area ({names}): resizing may remove them, tiles preserve them.",
        len(small), names=listing([f"'{name}'" for name in small]),
    )  # fmt: skip


def annotator_agreement(f: Fingerprint) -> str | None:
    """The agreement of two annotations of the same image, as measured by the doctor."""
    agreement = [fault.examples[0] for fault in f.faults if fault.code == "annotator-agreement"]
    if not agreement:
        return None
    return say(
        "Agreement of two annotations of the same image: {agreement}. This is about the highest score that these "
        "labels allow.",
        agreement=agreement[0],
    )


MASK_VIEW = TargetView(
    classes=_area_section,
    samples=_overlay_section,
    picture=lambda data, row, label: _picture_with_note(data, row),
    membership=no_classes,
    points=_group_by_coverage,
    shares_title=lambda: say("Mean share of the image area in each split"),
    sentences=(areas, small_areas, annotator_agreement, small_classes, too_few_groups),
    agree=None,
)
