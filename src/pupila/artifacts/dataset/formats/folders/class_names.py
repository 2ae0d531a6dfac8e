"""Whether folders have earned to be read as classes: patients, videos, masks and lone folders have not."""

import re
from collections.abc import Callable, Collection
from functools import cache, cached_property
from itertools import combinations, pairwise
from statistics import median

from pupila.artifacts.dataset.formats.file_finder import folder_content
from pupila.artifacts.dataset.formats.file_names import read_stem
from pupila.artifacts.dataset.formats.folders.folder_tree import Node
from pupila.artifacts.dataset.formats.folders.folder_views import refuse_views, show_the_same
from pupila.artifacts.dataset.formats.masks.folder_names import MASK_WORDS
from pupila.artifacts.dataset.formats.masks.mask_candidates import spread
from pupila.artifacts.dataset.formats.masks.mask_pixels import Pixels
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count

# Words before running numbers: of a record of many images, and of a class.
_RECORDS = frozenset({
    "patient", "patients", "pat", "subject", "subj", "sub", "case", "cases", "scan", "seq", "sequence",
    "video", "vid", "clip", "scene", "session", "tile", "area", "site", "frame", "frames", "sample", "plot",
    "slide", "visit", "exam", "study", "series", "camera", "cam", "batch", "run", "shot", "person", "volume",
    "vol", "trip", "day", "folder", "dir", "part", "img", "image", "id", "fold", "field", "roi", "specimen",
})  # fmt: skip
_CLASSES = frozenset({
    "class", "classes", "cls", "label", "digit", "category", "cat", "type", "grade", "level", "stage", "kind",
    "group", "species", "n", "c", "letter", "breed", "rank", "score", "cluster",
})  # fmt: skip
_CAMERA = (
    r"[1-9]\d\d(?=.*[A-Z])[A-Z\d_]{5}"  # as the standard of cameras (DCF) names folders: 100CANON, 101_PANA
)
_NEGATIONS = {"no", "not", "non", "without", "with"}
_MANY, _FEW_IMAGES = 6, 6  # folders in a row, and images in one of them
_MOST_PAIRED = 8  # folders that are compared by the names of their images
_MOST_VIEWS = 3  # folders whose equal names alone are a reason to ask; more that count alike are classes
_SAMPLES = 4  # images of the same names whose pixels are compared


class Stems:
    """The names of the images in a folder, without their ending, and what images of one name look like.

    Args:
        images: files.
        read: gives the pixels of one of them.
    """

    def __init__(self, images: list[files.FileEntry], read: Callable[[str], Pixels | None]) -> None:
        self._images, self._read = images, cache(read)

    @cached_property
    def _by_folder(self) -> dict[str, dict[str, str]]:
        stems: dict[str, dict[str, str]] = {}
        for entry in self._images:
            stems.setdefault(entry.path.rpartition("/")[0], {})[read_stem(entry.path)] = entry.path
        return stems

    def below(self, node: Node) -> dict[str, str]:
        """Those of all images in and below the folder, each with an image."""
        return {stem: path for held in node.all_held() for stem, path in self._by_folder[held.path].items()}

    def refuse_pairs(self, first: Node, second: Node, problem: PupilaError, by_name: bool) -> None:
        """Refuse folders whose images have the same names, which are more than a row of numbers.

        Args:
            first: a folder.
            second: another.
            problem: what may be wrong.
            by_name: whether names are enough; else other photographs of the same names are no reason.

        Raises:
            PupilaError: the problem, or that the folders hold views of the same scenes.
        """
        ours, theirs = self.below(first), self.below(second)
        common = ours.keys() & theirs.keys()
        if len(common) < 3 or len(common) < 0.8 * max(len(ours), len(theirs)) or self._are_numbered(first):
            return
        paths = [(ours[stem], theirs[stem]) for stem in spread(sorted(common), _SAMPLES)]
        pairs = [(a, b) for image, other in paths if (a := self._read(image)) and (b := self._read(other))]
        drawn = [side.few for pair in pairs for side in pair]
        if show_the_same(pairs) and not any(drawn):
            raise refuse_views([*paths[0]])
        if by_name or any(drawn) or not pairs:
            raise problem

    def _are_numbered(self, node: Node) -> bool:
        """Whether the names in each of the folders are one but for a running number."""
        return all(_count_up(self._by_folder[held.path]) for held in node.all_held())


def _count_up(stems: Collection[str]) -> bool:
    """Whether the stems are one but for a running number, the only one that differs; a few others may lie there."""
    numbered = [stem for stem in stems if re.search(r"\d", stem)]
    if len(numbered) < 0.8 * len(stems):
        return False
    stems = numbered
    if len({re.sub(r"\d+", "#", stem) for stem in stems}) > max(1, len(stems) // 2):
        return False
    columns = [{*column} for column in zip(*(re.findall(r"\d+", stem) for stem in stems), strict=False)]
    numbers = [sorted(map(int, column)) for column in columns if len(column) > 1]
    return len(numbers) == 1 and len(numbers[0]) >= 0.8 * (numbers[0][-1] - numbers[0][0] + 1)


def refuse_unearned_classes(tops: list[Node], below_splits: bool, stems: Stems) -> None:
    """Refuse folders that are more likely something else than classes.

    Args:
        tops: the folders that would be the classes.
        below_splits: they lie below splits, where the same names came back.
        stems: of the images.

    Raises:
        PupilaError: what was seen, and the flags that decide.
    """
    refuse_masks(tops, stems)
    names = [top.name for top in tops]
    shown = _count_names(names)
    if below_splits:
        return
    if len(tops) == 1:
        raise _refuse(
            say("One folder of images is no set of classes"),
            say_count("{n} image in {name}", "{n} images in {name}", tops[0].total, name=names[0]),
            say("name the folder {name} itself for images without labels, --labels FILE for a table, or "
                "--layout folders if it is a class", name=names[0]),
        )  # fmt: skip
    remedy = say("--layout folders if they are the classes; --labels FILE for a table of labels")
    if are_records(names) or _are_counted(tops):
        raise _refuse(
            say("The folders look like patients, videos, days or places, not like classes"), shown, remedy
        )
    classes = _only_count([name.lower() for name in names]) and bool(set(_tokens(names[0])) & _CLASSES)
    if not classes and len(tops) >= _MANY and sum(top.total <= 1 for top in tops) > 0.8 * len(tops):
        raise _refuse(say("Nearly every folder holds a single image, too few for a class"), shown, remedy)


def refuse_masks(tops: list[Node], stems: Stems) -> None:
    """Refuse folders that look like images and masks.

    Raises:
        PupilaError: what was seen, and the flags that decide.
    """
    names = [top.name for top in tops]
    masks = [name for name in names if is_of_masks(name)]
    problem = _refuse(
        say("These folders look like images and their masks, which could not be paired"), _count_names(names),
        say("--masks FOLDER (with --images FOLDER) if they are masks, or --layout folders if they are classes"),
    )  # fmt: skip
    if 0 < len(masks) < len(names) < 6 and not _name_an_absence(names):
        raise problem
    for first, second in combinations(tops, 2) if len(tops) <= _MOST_PAIRED else ():
        stems.refuse_pairs(first, second, problem, by_name=len(tops) <= _MOST_VIEWS)


def _count_names(names: list[str]) -> str:
    return say_count("{n} folder: {names}", "{n} folders: {names}", len(names), names=listing(names, 6))


def are_records(names: list[str]) -> bool:
    """Whether folders are called like patients, videos, days or a camera's: a word or a date, and a running number."""
    if len(names) > 1 and all(re.fullmatch(_CAMERA, name) for name in names):
        return True
    lower = [name.lower() for name in names]
    words = {word for stem in _find_stems(lower) for word in stem.split()}
    dates = any(re.fullmatch(r"(19|20)\d\d[-_.]?\d\d([-_.]?\d\d)?", name) for name in lower)
    return _only_count(lower) and (dates or bool(words & _RECORDS))


def _find_stems(names: list[str]) -> set[str]:
    """The names without their numbers."""
    return {re.sub(r"[\W_]+", " ", re.sub(r"\d+", " ", name)).strip() for name in names}


def _only_count(names: list[str]) -> bool:
    """Whether nearly all names are one word and a running number."""
    counted = sum(bool(re.search(r"\d", name)) for name in names)
    return counted >= max(2, 0.8 * len(names)) and len(_find_stems(names)) <= max(1, len(names) // 10)


def _are_counted(tops: list[Node]) -> bool:
    """Whether the names only count and each folder holds few images, under a word that is not one of classes."""
    names, sizes = [top.name.lower() for top in tops], [top.total for top in tops]
    if not _only_count(names) or all(re.fullmatch(r"n\d{8}", name) for name in names):
        return False
    words = {word for stem in _find_stems(names) for word in stem.split()}
    if not words or words & _CLASSES:
        return not words and len(tops) >= 3 * _MANY and median(sizes) <= 3
    return len(tops) >= _MANY and median(sizes) <= _FEW_IMAGES


def is_of_masks(name: str) -> bool:
    """Whether a folder is called like one of masks."""
    return folder_content(name) == "mask" or bool(set(_tokens(name)) & MASK_WORDS)


def _tokens(name: str) -> list[str]:
    """The words of a name, also of `leftImg8bit` and `GroundTruth`."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    words = re.split(r"[^a-z]+", parted.lower())
    return [*words, *("".join(pair) for pair in pairwise(words))]


def _name_an_absence(names: list[str]) -> bool:
    """Whether the names are a class and its absence: `with_mask`, `without_mask`."""
    return any(set(_tokens(name)) & _NEGATIONS for name in names)


def _refuse(problem: str, actual: str, remedy: str) -> PupilaError:
    return PupilaError(problem, actual=actual, expected=say("a folder per class"), remedy=remedy)
