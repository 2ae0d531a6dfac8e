"""The classes of masks: which of their stored values, and of which kind, are what."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace

import polars as pl

from pupila.artifacts.dataset.formats.tables.class_lists import fit_classes
from pupila.artifacts.dataset.instances import merge_instances
from pupila.artifacts.dataset.mask_reading import FACTS, MaskRequest, parse_counts, read_mask_facts
from pupila.artifacts.dataset.reading import InstanceChoice
from pupila.core.errors import PupilaError
from pupila.core.messages import integer, listing, say, say_count
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import ImageLimits
from pupila.imaging.masks.inference import ValueCounts, infer_label_map
from pupila.imaging.masks.label_map import (
    MOST_CLASSES,
    LabelMap,
    holds_grey_levels,
    ignore_unnamed_colours,
)

_PROPORTION = 0.02  # of the highest level, within which levels are class indices times a factor
_SOURCE = 2  # masks of a kind, from which it is no slip
_DEEP = 257  # what 8 bits are multiplied by for 16


@dataclass(frozen=True, slots=True)
class MaskClasses:
    """The facts of all masks, and what their values mean."""

    facts: pl.DataFrame
    named: LabelMap  # the values of classes
    label_map: LabelMap  # with the frequent colours of no class
    notes: list[str]  # sentences for the user


def settle_classes(
    root: str,
    requests: list[MaskRequest],
    label_map: LabelMap | None,
    limits: ImageLimits,
    instances: InstanceChoice,
) -> MaskClasses:
    """Read the facts of every mask, all as one kind of values, and settle the label map.

    Args:
        root: folder or URI that the masks' paths are relative to.
        requests: one for each image.
        label_map: from a class file; None: inferred from the stored values.
        limits: what to refuse.
        instances: whether numbered objects are merged.

    Raises:
        PupilaError: the values leave open what the classes are, or don't fit the class file.
    """
    if label_map is not None and label_map.source:
        return _settle_list(root, requests, label_map, limits, instances)
    colour = label_map.colour if label_map else False
    facts = read_mask_facts(root, requests, label_map, colour, limits)
    if label_map is not None and colour and holds_grey_levels(_total_counts(facts), label_map):
        label_map, colour = _grey_levels(label_map, facts), False
        facts = read_mask_facts(root, requests, label_map, colour, limits)
    if not colour and facts["mask_coloured"].any():
        facts = _unify_kind(facts, label_map, lambda: read_mask_facts(root, requests, None, True, limits))
    elif label_map is None and _are_reordered(facts):
        facts = read_mask_facts(root, requests, None, True, limits)
    if label_map is None:
        if objects := merge_instances(root, facts, instances, limits):
            return MaskClasses(facts, objects.label_map, objects.label_map, [objects.note])
        _refuse_two_scales(facts)
        named, note = _unite_foregrounds(facts, _infer(facts))
        return MaskClasses(facts, named, named, note)
    named = _deepen(label_map.without_unnamed, facts)
    if not colour or named.merged:
        return MaskClasses(facts, named, named, [])
    widened = ignore_unnamed_colours(named, _total_counts(facts))
    unnamed = [f"#{value:06x}" for value in widened.values[len(named.values) :]]
    note = (
        [say("Colours without a class are ignored: {colours}.", colours=listing(unnamed))] if unnamed else []
    )
    return MaskClasses(facts, named, widened, note)


def _settle_list(
    root: str,
    requests: list[MaskRequest],
    label_map: LabelMap,
    limits: ImageLimits,
    instances: InstanceChoice,
) -> MaskClasses:
    """What `settle_classes` does with a list of names that may be about something else."""
    facts = read_mask_facts(root, requests, label_map, label_map.colour, limits)
    counts = _total_counts(facts)
    coloured = (label_map.colour and not holds_grey_levels(counts, label_map)) or bool(
        facts["mask_coloured"].any()
    )
    named = fit_classes(label_map, counts, coloured)
    settled = settle_classes(root, requests, named and replace(named, source=""), limits, instances)
    note = (
        say("The classes are named by {file}.", file=label_map.source)
        if named
        else say("{file} names {classes}, which does not fit the values of the masks, and is not used.",
                 file=label_map.source, classes=listing(list(label_map.names), 4))
    )  # fmt: skip
    return replace(settled, notes=[note, *settled.notes])


def _deepen(label_map: LabelMap, facts: pl.DataFrame) -> LabelMap:
    """The label map of 8 bits for the same levels in 16, where the masks hold these."""
    stored = set(_total_counts(facts))
    deep = {value * _DEEP for value in label_map.values}
    if label_map.colour or label_map.merged or max(stored, default=0) <= 255 or not {*stored} & deep - {0}:
        return label_map
    if stored & {*label_map.values} - {0}:
        return label_map
    ignored = tuple((name, value * _DEEP) for name, value in label_map.ignored)
    return replace(label_map, values=tuple(value * _DEEP for value in label_map.values), ignored=ignored)


def _infer(facts: pl.DataFrame) -> LabelMap:
    """The label map of masks whose classes no file names."""
    within, between = Counter[int](), Counter[int]()
    for values, places in facts.select("mask_values", "mask_places").drop_nulls("mask_values").iter_rows():
        inside, amid = json.loads(places) if places else (json.loads(values), {})
        within.update({int(value): count for value, count in inside.items()})
        between.update({int(value): count for value, count in amid.items()})
    lossy = bool((facts["mask_format"] == "JPEG").any())
    occurrences = ValueCounts(_total_counts(facts), within, between, lossy)
    label_map = infer_label_map(occurrences, bool(facts["mask_coloured"].any()))
    if not label_map.names:
        raise PupilaError(
            say("The masks contain no classes"),
            actual=_list_colours(facts) or say("{n} grey levels, hardly any with an area of its own",
                                              n=len(occurrences.total)),
            expected=say("one value for each class"),
            remedy=say("save one value or colour for each class; of cut-outs, save the transparency as the mask; if "
                       "other files are the masks: {flag}", flag="--masks FOLDER"),
        )  # fmt: skip
    if len(label_map.names) > MOST_CLASSES:
        raise PupilaError(
            say("The masks have too many values for classes without names"),
            actual=say_count(
                "{n} value",
                "{n} values",
                len(label_map.names),
            ),
            expected=say("at most {n}, or a class file that names them", n=MOST_CLASSES),
            remedy=say("write classes.json beside the masks; for numbered objects: {flag}", flag="--instances merge"),
        )  # fmt: skip
    return label_map


def _unite_foregrounds(facts: pl.DataFrame, label_map: LabelMap) -> tuple[LabelMap, list[str]]:
    """The label map with 255 as foreground too, where some masks hold 0 and 1, others 0 and 255, and none holds both.

    A value for pixels without a label lies beside objects: masks of two sources do not.
    """
    if label_map != LabelMap(("background", "foreground"), (0, 1, IGNORE), (0, 1, IGNORE)):
        return label_map, []
    masks = [parse_counts(counts).keys() for counts in facts["mask_values"].drop_nulls()]
    ones, whites = (sum(value in mask for mask in masks) for value in (1, IGNORE))
    if min(ones, whites) < _SOURCE or any({1, IGNORE} <= mask for mask in masks):
        return label_map, []
    note = say("{ones} masks hold 0 and 1, {whites} hold 0 and 255, and none holds 1 and 255: both are read as "
               "foreground.", ones=integer(ones), whites=integer(whites))  # fmt: skip
    return replace(label_map, indices=(0, 1, 1)), [note]


def _refuse_two_scales(facts: pl.DataFrame) -> None:
    """Refuse masks of which some hold class indices, and others the same spread over the grey levels to be seen.

    Raises:
        PupilaError: no mask holds values of both, and one kind is the other times a factor.
    """
    if facts["mask_coloured"].any():
        return
    masks = [parse_counts(counts).keys() - {0} for counts in facts["mask_values"].drop_nulls()]
    values = sorted(frozenset[int]().union(*masks))
    low, high = [v for v in values if v < MOST_CLASSES // 4], [v for v in values if v >= MOST_CLASSES // 4]
    if not 1 < len(low) == len(high) or any(mask & {*low} and mask & {*high} for mask in masks):
        return
    if low == list(range(1, len(low) + 1)) and all(
        abs(high[n] / high[-1] - value / low[-1]) < _PROPORTION for n, value in enumerate(low)
    ):
        raise PupilaError(
            say("The masks are of two kinds"),
            actual=say("some hold {low}, others {high}, and none holds both", low=listing([str(v) for v in low]),
                       high=listing([str(v) for v in high])),
            expected=say("one value for each class in all masks"),
            remedy=say("save them alike, or write classes.json beside the masks"),
        )  # fmt: skip


def _grey_levels(label_map: LabelMap, facts: pl.DataFrame) -> LabelMap:
    """The label map for grey levels from a class file that also names colours."""
    if label_map.levels is None:
        levels = [str(level) for level in sorted(value & 255 for value in _total_counts(facts))]
        raise PupilaError(
            say("The masks contain grey levels, but the class file lists colours"), actual=listing(levels),
            expected=say("the level of each class, for example {example}", example='{"0": "ground", "1": "water"}'),
        )  # fmt: skip
    return label_map.levels


def _unify_kind(
    facts: pl.DataFrame, label_map: LabelMap | None, as_colours: Callable[[], pl.DataFrame]
) -> pl.DataFrame:
    """The facts with all masks read as colours or all as grey levels; the minority of the other kind is faulty.

    Masks that fit both don't count: an all-black mask, a palette, black and white saved as RGB.

    Args:
        facts: read file by file; some masks are coloured.
        label_map: for grey levels, from a class file.
        as_colours: reads all masks as colours.
    """
    coloured = facts["mask_coloured"].fill_null(False)
    plain = facts.filter(~coloured).drop_nulls("mask_values").select("mask_mode", "mask_values")
    named = label_map is not None
    if coloured.sum() <= sum(_holds_levels(mode, counts, named) for mode, counts in plain.iter_rows()):
        read = [name for name in FACTS if name not in ("target", "mask_bytes", "mask_modified", "mask_fault")]
        reason = say("it is coloured, but most masks contain grey levels")
        return facts.with_columns(
            pl.when(coloured).then(None).otherwise(pl.col(read)).name.keep(),
            mask_fault=pl.when(coloured).then(pl.lit(reason)).otherwise("mask_fault"),
        )
    if label_map is not None:
        raise PupilaError(
            say("The masks are coloured, but the class file lists grey levels"), actual=_list_colours(facts),
            expected=say("the colour of each class, for example {example}", example='{"road": [128, 64, 128]}'),
        )  # fmt: skip
    return facts if plain.is_empty() else as_colours()


def _are_reordered(facts: pl.DataFrame) -> bool:
    """Whether palette indices of the same colours differ between files, as PNG optimisers leave them."""
    colours, indices = defaultdict[int, set[int]](set), defaultdict[int, set[int]](set)
    for mode, values, palette_text in facts.select("mask_mode", "mask_values", "mask_palette").iter_rows():
        if values is not None and mode != "P" and _holds_levels(mode, values, named=False):
            return False
        palette = parse_counts(palette_text or "{}")
        if len({*palette.values()}) < len(palette):  # repeated colours prove nothing
            return False
        for index, colour in palette.items():
            colours[index].add(colour)
            indices[colour].add(index)
    return any(len(some) > 1 for some in colours.values()) and any(len(some) > 1 for some in indices.values())


def _holds_levels(mode: str, counts: str, named: bool) -> bool:
    """Whether an uncoloured mask must contain grey levels: levels that a class file lists, or small numbers."""
    values = parse_counts(counts).keys() - {0}
    if named or mode not in ("P", "RGB", "RGBA"):
        return bool(values)
    return mode != "P" and any(value < MOST_CLASSES for value in values)


def _total_counts(facts: pl.DataFrame) -> dict[int, int]:
    """Pixels of each stored value, over all masks."""
    total: Counter[int] = Counter()
    for counts in facts["mask_values"].drop_nulls():
        total.update(parse_counts(counts))
    return dict(total)


def _list_colours(facts: pl.DataFrame) -> str:
    coloured = facts.filter(pl.col("mask_coloured"))["mask_values"].drop_nulls()
    return listing([f"#{value:06x}" for counts in coloured[:1] for value in parse_counts(counts)], 3)
