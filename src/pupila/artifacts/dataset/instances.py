"""Numbered objects: masks in which every object of the foreground has a value of its own."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Literal

import polars as pl

from pupila.artifacts.dataset.mask_reading import parse_counts
from pupila.artifacts.dataset.reading import InstanceChoice
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, percent, say, say_count
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import ImageFault, ImageLimits
from pupila.imaging.masks.codec import read_stored_mask
from pupila.imaging.masks.label_map import MOST_CLASSES, LabelMap
from pupila.imaging.regions import count_regions

_Evidence = Literal["", "weak", "strong", "counted"]

_SAMPLE = 16  # masks whose regions are counted
_FEW, _MANY = 5, 8  # values from which numbers may be objects, and from which they are where all else says so
_ONE_REGION, _MOSTLY_ONE = 0.9, 0.75  # share of the values in a mask that form one region
_FULL = 0.97  # share of the masks with each value, from which all masks hold the same
_MASKS = 3  # from which a set of values can recur
_RECURS = 2  # masks per value, up to which values vary freely
_HOLES = 0.05  # share of the numbers below a mask's highest that may lack, as hidden objects do
_LADDER = 20  # how much farther highest numbers lie apart than those of classes that lack as often by chance
_HIGHEST = 5  # different highest numbers from which all masks count up, whatever lies in front of objects
_THOUSAND = 1000  # that a class is multiplied by where objects are numbered within it
_GROUND = 0.03  # share of the pixels that a background has at least
_VOID = 0.5  # share of the masks that have 255 as the border of numbered objects


@dataclass(frozen=True, slots=True)
class Instances:
    """Masks of numbered objects, read as foreground."""

    label_map: LabelMap
    note: str


@dataclass(frozen=True, slots=True)
class _Numbers:
    """The values of each mask, without those of background and void."""

    background: int
    void: bool  # whether 255 is void
    masks: list[tuple[str, frozenset[int]]]  # target, values; without empty ones
    empty: int  # masks without a value
    colour: bool


def merge_instances(
    root: str, facts: pl.DataFrame, choice: InstanceChoice, limits: ImageLimits
) -> Instances | None:
    """The label map that merges numbered objects to the foreground; None where the values are classes.

    Args:
        root: folder or URI that the masks' paths are relative to.
        facts: of all masks, whose classes no file names.
        choice: what the user named.
        limits: what to refuse.

    Raises:
        PupilaError: the values may be classes or objects.
    """
    if choice == "classes":
        return None
    numbers = _list_numbers(facts)
    if choice == "merge":
        return _merge(numbers)
    areas, thin = _have_areas(facts), _are_thin(facts)
    doubt = _resemble_objects(numbers) if areas or thin else ""
    if groups := _list_groups(numbers):
        raise PupilaError(
            say("The values of the masks may be classes or numbered objects"),
            actual=say("values such as {values}: a class in thousands, and the number of an object",
                       values=listing([str(value) for value in groups], 3)),
            expected=say("to know which"), remedy=_name_choices(),
        )  # fmt: skip
    if not doubt:
        return None
    share = _share_of_single_regions(root, numbers, limits)
    if share >= _ONE_REGION and doubt != "weak":
        _refuse_without_background(facts, numbers)
        return _merge(numbers)
    if areas and doubt != "counted" and share < _MOSTLY_ONE:  # where masks count up, objects may lie in parts
        return None
    count = len(frozenset().union(*(values for _, values in numbers.masks)))
    raise PupilaError(
        say("The values of the masks may be classes or numbered objects"),
        actual=say("{n} values; {share} of those in a mask form one connected region", n=count, share=percent(share)),
        expected=say("to know which"), remedy=_name_choices(),
    )  # fmt: skip


def _name_choices() -> str:
    return say("{merge} reads all as foreground, {classes} reads each as a class",
               merge="--instances merge", classes="--instances classes")  # fmt: skip


def _list_groups(numbers: _Numbers) -> list[int]:
    """Values that number objects within thousands of their class, such as 26000 and 26001; empty where there are none.

    Source: Cityscapes' instanceIds, and COCO's panoptic masks as mmdetection writes them.
    """
    values = sorted(frozenset().union(*(values for _, values in numbers.masks)))
    if numbers.colour:
        return []
    deep = [value for value in values if value >= _THOUSAND]
    members = Counter(value // _THOUSAND for value in deep)
    grouped = [value for value in deep if members[value // _THOUSAND] > 1]
    first = {
        group: min(value % _THOUSAND for value in deep if value // _THOUSAND == group) for group in members
    }
    dense = all(
        value % _THOUSAND < first[value // _THOUSAND] + 2 * members[value // _THOUSAND] for value in grouped
    )
    low = all(first[value // _THOUSAND] <= 1 for value in grouped)
    return grouped if len(members) > 1 and 2 * len(grouped) > len(deep) and dense and low else []


def _refuse_without_background(facts: pl.DataFrame, numbers: _Numbers) -> None:
    """Refuse objects that fill their masks, such as superpixels: as a foreground they would be all there is.

    Raises:
        PupilaError: hardly a pixel has the value of the background.
    """
    total: Counter[int] = Counter()
    for counts in facts["mask_values"].drop_nulls():
        total.update(parse_counts(counts))
    if total[numbers.background] >= _GROUND * total.total():
        return
    raise PupilaError(
        say("The numbered objects in the masks leave no background"),
        actual=say("{share} of the pixels have the most frequent value", share=percent(
            total[numbers.background] / total.total(), 1)),
        expected=say("0 for the background, or classes"), remedy=_name_choices(),
    )  # fmt: skip


def _list_numbers(facts: pl.DataFrame) -> _Numbers:
    rows = facts.drop_nulls("mask_values").select("target", "mask_values").iter_rows()
    masks = [(target, parse_counts(values)) for target, values in rows]
    total: Counter[int] = Counter()
    for _, counts in masks:
        total.update(counts)
    background = 0 if 0 in total else max(total, key=lambda value: total[value], default=0)
    colour = bool(facts["mask_coloured"].any())
    highest = max((value for value in total if value not in (background, IGNORE)), default=0)
    with_void = sum(IGNORE in counts for _, counts in masks)
    void = not colour and with_void > _VOID * len(masks) and highest < MOST_CLASSES
    left_out = {background, IGNORE} if void else {background}
    values = [(target, frozenset(counts) - left_out) for target, counts in masks]
    shown = [(target, numbers) for target, numbers in values if numbers]
    return _Numbers(background, void, shown, len(values) - len(shown), colour)


def _have_areas(facts: pl.DataFrame) -> bool:
    """Whether most values of the masks have areas of their own, as objects have, and anti-aliased borders do not."""
    areas = every = 0
    for values, places in facts.select("mask_values", "mask_places").drop_nulls().iter_rows():
        areas += len(json.loads(places)[0])
        every += len(json.loads(values))
    return 2 * areas > every


def _are_thin(facts: pl.DataFrame) -> bool:
    """Whether most values are lines on a wide background: beside lower or higher values, not between, as smear is."""
    beside = every = 0
    if (facts["mask_format"] == "JPEG").any():
        return False
    for values, places in facts.select("mask_values", "mask_places").drop_nulls().iter_rows():
        between = json.loads(places)[1]
        counts = json.loads(values)
        if 2 * max(counts.values()) > sum(counts.values()):
            beside += sum(2 * between.get(value, 0) < count for value, count in counts.items())
        every += len(counts)
    return 2 * beside > every


def _resemble_objects(numbers: _Numbers) -> _Evidence:
    """How the values alone speak for numbered objects, before any pixel is looked at."""
    masks = numbers.masks
    occurrences = Counter(value for _, values in masks for value in values)
    most = max((len(values) for _, values in masks), default=0)
    if len(occurrences) < _FEW or most < _FEW - 1:
        return ""
    counted = _count_up([values for _, values in masks], numbers.colour) if len(masks) >= _MASKS else ""
    if counted == "counted":
        return counted if len(occurrences) >= _MANY else "weak"
    freely = sum(occurrences.values()) / len(occurrences) <= _RECURS and len(masks) >= _MASKS
    if freely and len(occurrences) >= _MANY:
        return "strong"
    if len(occurrences) > MOST_CLASSES:
        return "strong" if len(masks) >= _MASKS else "weak"
    shown = sum(occurrences.values())
    full = len(masks) >= _MASKS and most >= _MANY and shown >= _FULL * len(masks) * len(occurrences)
    alike = full and not numbers.colour and max(occurrences) - min(occurrences) + 1 == most
    return "weak" if counted or alike or (len(masks) < _MASKS and len(occurrences) > _MANY) else ""


def _count_up(masks: list[frozenset[int]], colour: bool) -> _Evidence:
    """Whether each mask counts up to a number of its own, with hardly a hole: later objects may hide earlier ones.

    Classes that lack by chance leave holes below the highest of a mask as often as above it. Colours count in the
    order of how many masks have them.
    """
    occurrences = Counter(value for values in masks for value in values)
    ordered = sorted(occurrences, key=lambda value: (-occurrences[value], value))
    ranks = (
        {value: n for n, value in enumerate(ordered, 1)} if colour else {value: value for value in ordered}
    )
    highest = [max(ranks[value] for value in values) for values in masks]
    shown = sum(map(len, masks))
    holes, above = sum(highest) - shown, len(masks) * max(highest) - sum(highest)
    different = len({*highest})
    if different < _MASKS or holes > _HOLES * sum(highest) or above <= _LADDER * holes * len(masks) / shown:
        return ""
    return "counted" if different >= _HIGHEST or not holes else "weak"


def _share_of_single_regions(root: str, numbers: _Numbers, limits: ImageLimits) -> float:
    """Of the values in each of some masks, the share that forms one connected region."""
    single = every = 0
    step = -(-len(numbers.masks) // _SAMPLE)
    for target, values in numbers.masks[::step]:
        try:
            stored = read_stored_mask(files.read_bytes(files.join(root, target)), numbers.colour, limits)
        except (ImageFault, OSError):
            continue
        counts = count_regions(stored.values, sorted(values))
        single += counts.count(1)
        every += len(counts)
    return single / every if every else 0.0


def _merge(numbers: _Numbers) -> Instances:
    objects = sum(len(values) for _, values in numbers.masks)
    first = 0xFFFFFF if numbers.colour and numbers.background != 0xFFFFFF else 1
    void = (IGNORE,) if numbers.void else ()
    known = (numbers.background, first, *void), (0, 1, *void)
    label_map = LabelMap(("background", "foreground"), *known, colour=numbers.colour, merged=True)
    masks = len(numbers.masks) + numbers.empty
    note = say_count(
        "{objects} numbered objects in {n} mask are read as foreground; their numbers stay in the file. "
        "To read each number as a class: {flag}.",
        "{objects} numbered objects in {n} masks are read as foreground; their numbers stay in the files. "
        "To read each number as a class: {flag}.",
        masks, objects=objects, flag="--instances classes",
    )  # fmt: skip
    return Instances(label_map, note)
