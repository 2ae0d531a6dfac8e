"""Match the file stems of images and masks: equal, or equal after what all of one kind begin or end with is cut off."""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import NamedTuple

from pupila.artifacts.dataset.formats.file_names import common_start
from pupila.artifacts.dataset.formats.masks.folder_names import PLAIN_WORDS
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say

_TOKEN = re.compile(r"\d+|[^\W\d_]+|[\W_]+")
_CHANNEL = re.compile(r"(.+)(_\d{4})")
_SAMPLE = 400  # stems that the affixes are learned from
_MOST_ENDS = 64  # different beginnings and ends of masks
_MOST_CUT = 4  # tokens that are cut off at each end of the images' stems
_MOST_CONTEXTS = 16  # folders that are matched each alone
_MOST_TOKENS = 16  # of a stem whose parts are tried


class Item(NamedTuple):
    """A file that takes part in the matching."""

    path: str
    context: str  # what must be equal: its folders without the one that says image or mask
    stem: str  # in lower case
    part: str = ""  # the class that its folder names, if any


@dataclass(slots=True)
class Matches:
    """The masks of each image."""

    masks: dict[str, list[tuple[str, str]]] = field(default_factory=dict)  # image -> (mask, what it adds)
    unmatched: list[str] = field(default_factory=list)  # masks


class ImageStems:
    """Images by their stems, for matching with several folders of masks."""

    def __init__(self, items: list[Item]) -> None:
        self.items = items
        self._indexes: dict[tuple[str, str], dict[tuple[str, str], str]] = {}

    def index(self, cut: tuple[str, str]) -> dict[tuple[str, str], str]:
        """(context, core) -> image; the first of several."""
        if cut not in self._indexes:
            index: dict[tuple[str, str], str] = {}
            for item in self.items:
                if core := _cut(item.stem, cut):
                    index.setdefault((item.context, core), item.path)
            self._indexes[cut] = index
        return self._indexes[cut]

    @cached_property
    def channels(self) -> dict[tuple[str, str], set[str]]:
        """(context, stem without its channel) -> the channels of nnU-Net: `_0000`."""
        channels: dict[tuple[str, str], set[str]] = defaultdict(set)
        for item in self.items:
            if item.stem[-5:-4] == "_" and (match := _CHANNEL.fullmatch(item.stem)):
                channels[item.context, match[1]].add(match[2])
        return dict(channels)

    @cached_property
    def affixes(self) -> list[tuple[str, str]]:
        """What may be cut off the stems, as all begin or end with it: nothing first."""
        if len(self.items) < 2:
            return [("", "")]
        stems = [item.stem for item in self.items]
        begin, end = _common(stems), [each[::-1] for each in _common([stem[::-1] for stem in stems])][::-1]
        begins = ["".join(begin[:n]) for n in range(min(len(begin), _MOST_CUT) + 1)]
        ends = ["".join(end[len(end) - n :]) for n in range(min(len(end), _MOST_CUT) + 1)]
        cuts = [(first, last) for first in begins for last in ends]
        return sorted(cuts, key=lambda cut: len(cut[0]) + len(cut[1]))

    @cached_property
    def by_context(self) -> dict[str, "ImageStems"]:
        """The images of each context alone."""
        groups: dict[str, list[Item]] = defaultdict(list)
        for item in self.items:
            groups[item.context].append(item)
        return {context: ImageStems(some) for context, some in groups.items()}

    @cached_property
    def _inner(self) -> dict[str, set[str]] | None:
        """Context -> what is left of the stems after the longest cut; None where that takes all of one."""
        begin, end = self.affixes[-1]
        if end.endswith("#") or min((len(item.stem) for item in self.items), default=0) <= len(begin) + len(
            end
        ):
            return None
        inner: dict[str, set[str]] = defaultdict(set)
        for item in self.items:
            inner[item.context].add(item.stem[len(begin) : len(item.stem) - len(end)])
        return dict(inner)

    def may_match(self, masks: list[Item]) -> bool:
        """Whether a mask's stem holds what every cut leaves of an image's stem: without it, nothing can be learned."""
        inner = self._inner
        return inner is None or any(
            item.context in inner and not inner[item.context].isdisjoint(_runs(item.stem)) for item in masks
        )


def match_stems(images: ImageStems, masks: list[Item]) -> Matches:
    """The masks of each image, within equal contexts.

    What a mask's name adds to its image's (`lesion` of `a_lesion.png`) counts if it recurs, as numbers are (`#`).
    """
    exact = _assign(images.index(("", "")), masks, [("", "")])
    if 10 * len(exact.unmatched) <= len(masks):
        return _retry(images, masks, exact)
    best = exact
    for cut in images.affixes if exact.masks or images.may_match(masks) else ():
        index = images.index(cut)
        matches = _assign(index, masks, _learn(index, masks, 2 if len(masks) > 3 else 1))
        if (len(matches.masks), -len(matches.unmatched)) > (len(best.masks), -len(best.unmatched)):
            best = matches
        if len(matches.masks) == len(images.items):
            break
    if 2 * len(best.masks) < len(images.items):
        apart = _match_by_context(images, masks)
        best = apart if len(apart.masks) > len(best.masks) else best
    if 2 * len(best.masks) < len(images.items) and (alone := match_lone_images(images, masks)) is not None:
        return alone
    return _without_shared_words(best)


def _match_by_context(images: ImageStems, masks: list[Item]) -> Matches:
    """Matched in each context alone, whose stems have ends of their own: `01_test` and `21_training`."""
    groups: dict[str, list[Item]] = defaultdict(list, {context: [] for context in images.by_context})
    for item in masks:
        groups[item.context].append(item)
    matches = Matches()
    if not 1 < len(groups) <= _MOST_CONTEXTS:
        return matches
    for context, marked in groups.items():
        shown = images.by_context.get(context)
        apart = match_stems(shown, marked) if shown and len(shown.items) > 1 and marked else Matches()
        matches.masks |= apart.masks
        matches.unmatched += apart.unmatched if apart.masks else [item.path for item in marked]
    return matches


def _without_shared_words(matches: Matches) -> Matches:
    """The parts without the words that all have: `gtfine_color` and `gtfine_labelids` differ in the last."""
    parts = {part for some in matches.masks.values() for _, part in some} - {"", "#"}
    shared = set.intersection(*(set(part.split("_")) for part in parts)) if len(parts) > 1 else set()
    if shared:
        short = {part: "_".join(word for word in part.split("_") if word not in shared) for part in parts}
        matches.masks = {image: [(mask, short.get(part, part)) for mask, part in some]
                         for image, some in matches.masks.items()}  # fmt: skip
    return matches


def _retry(images: ImageStems, masks: list[Item], exact: Matches) -> Matches:
    """Equal stems and, for masks that are left, what their names add: `a.png` and `a_2.png`."""
    if not exact.unmatched:
        return exact
    left = set(exact.unmatched)
    rest = [item for item in masks if item.path in left]
    index = images.index(("", ""))
    ends = [each for each in _learn(index, rest, 1) if _name_part(each) in ("", "#")]
    matches = _assign(index, masks, [("", ""), *ends])
    return matches if len(matches.unmatched) < len(exact.unmatched) else exact


def _cut(stem: str, affixes: tuple[str, str]) -> str:
    """The stem between a beginning and an end, "" where it lacks one; an end of `#` is any number."""
    begin, end = affixes
    if not stem.startswith(begin):
        return ""
    core = stem[len(begin) :]
    if end.endswith("#"):
        number = re.search(re.escape(end[:-1]) + r"\d+$", core)
        return core[: number.start()] if number else ""
    return core.removesuffix(end) if core.endswith(end) else ""


def _common(stems: list[str]) -> list[str]:
    """The tokens that all stems begin with; never all of one."""
    start = common_start(stems)
    tokens = _TOKEN.findall(start)
    follow = {stem[len(start) : len(start) + 1] for stem in stems}
    if any(not sign or len(_TOKEN.findall(start[-1:] + sign)) == 1 for sign in follow):
        del tokens[-1:]  # the last continues in a stem, or is its end
    return tokens


@lru_cache(1024)
def _runs(stem: str) -> frozenset[str]:
    """All texts of consecutive tokens of a stem."""
    tokens = _TOKEN.findall(stem)[:_MOST_TOKENS]
    ends = range(1, len(tokens) + 1)
    return frozenset("".join(tokens[start:end]) for end in ends for start in range(end))


def _learn(index: dict[tuple[str, str], str], masks: list[Item], least: int) -> list[tuple[str, str]]:
    """What masks' stems begin and end with around an image's core, `least` times: the most frequent first."""
    step = max(1, len(masks) // _SAMPLE)
    sample = masks[::step]
    counts: Counter[tuple[str, str]] = Counter()
    for item in sample:
        tokens = _TOKEN.findall(item.stem)[:_MOST_TOKENS]
        tail = item.stem[len("".join(tokens)) :]
        counts.update(_surroundings(index, item.context, tokens, tail))
    return [affixes for affixes, count in counts.most_common(_MOST_ENDS) if count >= least]


def _surroundings(
    index: dict[tuple[str, str], str], context: str, tokens: list[str], tail: str
) -> set[tuple[str, str]]:
    """What surrounds the longest cores that occur in a stem."""
    for length in range(len(tokens), 0, -1):
        hits = set()
        for start in range(len(tokens) - length + 1):
            core = "".join(tokens[start : start + length])
            if (context, core) in index:
                end = "".join(tokens[start + length :]) + tail
                hits.add(("".join(tokens[:start]), re.sub(r"\d+$", "#", end)))
        if hits:
            return hits
    return set()


def _assign(index: dict[tuple[str, str], str], masks: list[Item], ends: list[tuple[str, str]]) -> Matches:
    """The masks of each image by these beginnings and ends, the first that fits."""
    matches = Matches()
    for item in masks:
        for affixes in ends:
            core = _cut(item.stem, affixes)
            if core and (image := index.get((item.context, core))) is not None:
                matches.masks.setdefault(image, []).append((item.path, item.part or _name_part(affixes)))
                break
        else:
            matches.unmatched.append(item.path)
    return matches


def refuse_channels(images: ImageStems, masks: list[Item]) -> None:
    """Refuse images of several files: `a_0000.png` and `a_0001.png` for the mask `a.png`, as nnU-Net stores channels.

    Raises:
        PupilaError: the message names the channels, and the flag that reads one.
    """
    channels = images.channels
    covered = [channels[key] for item in masks if (key := (item.context, item.stem)) in channels]
    if (
        2 * len(covered) < len(masks)
        or len(covered) < 2
        or any(len(each) < 2 or each != covered[0] for each in covered)
    ):
        return
    names = sorted(covered[0])
    raise PupilaError(
        say("Each image has a file for each channel"), actual=listing(names),
        expected=say("one file for each image"),
        remedy=say("merge the channels into one file, or read one of them: {flag}", flag=f"--images '*{names[0]}.*'"),
    )  # fmt: skip


def part_of_name(tail: str) -> str:
    """The part that the end of a mask's stem names: a class, `#` for a number, or "" for none."""
    return _name_part(("", re.sub(r"\d+$", "#", tail)))


def _name_part(affixes: tuple[str, str]) -> str:
    """What these say of a mask: the words of them that don't only say that it is one."""
    words = [word for word in re.split(r"[\W_]+", f"{affixes[0]} {affixes[1].removesuffix('#')}")
             if word and word not in PLAIN_WORDS]  # fmt: skip
    return "_".join(words) or ("#" if affixes[1].endswith("#") else "")


def match_lone_images(images: ImageStems, masks: list[Item]) -> Matches | None:
    """All masks of a folder for the only image beside it, where every folder has one, whatever the stems."""
    alone = images.by_context
    if len(alone) < 2 or len(alone) < len(images.items):
        return None
    stems = Counter(item.stem for item in masks)
    contexts = len({item.context for item in masks})
    matches = Matches()
    for item in masks:
        if item.context in alone:
            recurs = contexts > 1 and 2 * stems[item.stem] > contexts
            part = item.part or (_name_part((item.stem, "")) if recurs else "#")
            matches.masks.setdefault(alone[item.context].items[0].path, []).append((item.path, part))
        else:
            matches.unmatched.append(item.path)
    return matches
