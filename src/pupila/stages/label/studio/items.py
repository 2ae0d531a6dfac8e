"""Label Studio's exports: tasks with the annotations that were submitted, and the images that they are about."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pupila.artifacts.dataset.formats.file_finder import FileFinder
from pupila.artifacts.dataset.formats.tools.annotation_file import no_annotations
from pupila.artifacts.dataset.formats.tools.annotation_tools import read_content
from pupila.artifacts.dataset.formats.tools.label_studio import select_results
from pupila.artifacts.dataset.formats.tools.studio_names import address_paths, is_image_address
from pupila.artifacts.dataset.formats.tools.studio_shapes import region_names, region_outline, region_size
from pupila.artifacts.dataset.formats.tools.studio_tasks import (
    CHOICES,
    HASH_FIELD,
    NO_REGION,
    OFFERED_FIELD,
    PATH_FIELD,
    Json,
    StudioAnnotation,
    StudioTask,
    parse_tasks,
    result_kind,
)
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say

NAME, IMAGE = "label", "image"  # of the tags in the labelling configuration
_ORIGINAL = (None, None)


@dataclass(frozen=True, slots=True)
class Region:
    """One part of an annotation."""

    type: str
    names: list[str]  # of its classes
    tag: str  # name of the tag that it was made with
    result: Json  # as the export has it

    @property
    def is_choice(self) -> bool:
        """Whether it names classes of the whole image."""
        return self.type == CHOICES

    @property
    def has_area(self) -> bool:
        """Whether it covers pixels."""
        return region_outline(self.result, _ORIGINAL) is not None

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the image that it was drawn on, pixels; those that are given where the file is silent."""
        down, across = region_size(self.result)
        return int(down or height), int(across or width)

    def outline(self, size: tuple[int, int]) -> Any:
        """The region on an image of (height, width), in COCO's terms.

        Raises:
            ValueError: its values are no such shape, or it was drawn on a rotated image.
        """
        draw = region_outline(self.result, size)
        return draw() if draw else None


@dataclass(frozen=True, slots=True)
class Annotation:
    """The submitted answer of one annotator to one task."""

    regions: list[Region]  # that name classes or cover pixels
    annotator: str  # number, address or name
    time: str  # as Label Studio writes it
    seconds: float | None  # that it took
    offered: tuple[str, ...]  # classes to choose from, as the export of the task wrote them; empty: not known
    unread: Counter[str] = field(default_factory=Counter)  # results of other types


@dataclass(frozen=True, slots=True)
class Item:
    """What Label Studio calls a task: an image and its annotations."""

    fields: Mapping[str, Any]  # its data, as the export has them
    annotations: list[Annotation]  # without cancelled ones; the ground truth alone, where there is one
    address: str  # of the image; empty where there is none
    passed: int = 0  # annotations that the ground truth replaces

    @property
    def is_shared(self) -> bool:
        """Whether several annotators have submitted an answer."""
        return len({annotation.annotator for annotation in self.annotations}) > 1


def read_items(path: str) -> list[Item]:
    """The tasks of an export as JSON, JSON-MIN or CSV.

    Raises:
        PupilaError: another format, or no annotation was submitted.
    """
    content = read_content(path)
    tasks = parse_tasks(content, path)
    if tasks is None:
        records = [item for item in content if isinstance(item, dict)] if isinstance(content, list) else []
        raise PupilaError(
            say("{path} is no export of Label Studio that Pupila reads", path=path),
            actual=listing(sorted({str(key) for item in records for key in item}), 8) or type(content).__name__,
            expected=say("tasks with data and annotations"),
            remedy=say("in Label Studio choose Export, JSON"),
        )  # fmt: skip
    if not any(task.annotations or task.cancelled for task in tasks):
        raise no_annotations(path, say("tasks; predictions are no labels"))
    return [_parse_item(task) for task in tasks]


def _parse_item(task: StudioTask) -> Item:
    offered = task.fields.get(OFFERED_FIELD)
    classes = tuple(map(str, offered)) if isinstance(offered, list) else ()
    ground_truth = [each for each in task.annotations if each.ground_truth]
    counting = ground_truth or task.annotations
    annotations = [_parse_annotation(each, classes) for each in counting]
    return Item(task.fields, annotations, task.address, len(task.annotations) - len(counting))


def _parse_annotation(annotation: StudioAnnotation, offered: tuple[str, ...]) -> Annotation:
    results = select_results(annotation.results)
    regions = [_parse_region(result) for result in results]
    usable = [region for region in regions if region.is_choice or region.has_area]
    read = {id(region.result) for region in usable}
    passed = {id(result) for result in results} - read
    unread = Counter(result_kind(each) for each in annotation.results
                     if id(each) in passed or result_kind(each) in NO_REGION)  # fmt: skip
    return Annotation(usable, _parse_annotator(annotation.annotator), annotation.time, annotation.seconds, offered,
                      unread)  # fmt: skip


def _parse_annotator(value: Any) -> str:
    """The name of an annotator; Label Studio gives a number, or a record with an address."""
    if isinstance(value, dict):
        value = value.get("email") or value.get("username") or value.get("id")
    return "anonymous" if value is None else str(value)


def _parse_region(result: Json) -> Region:
    names = [str(name) for name in region_names(result) if name is not None]
    return Region(result_kind(result), names, str(result.get("from_name") or ""), result)


def read_regions(items: Iterable[Item]) -> Iterator[Region]:
    """The regions of all annotations."""
    return (region for item in items for annotation in item.annotations for region in annotation.regions)


class ImageFinder:
    """Finds the image of a task by its hash, its path, or the end of its address."""

    def __init__(self, data: Dataset) -> None:
        self._digests = {digest: row for row, digest in enumerate(data.images["sha256"])}
        self._rows = {image: row for row, image in enumerate(data.images["image"])}
        self._finder = FileFinder(data.root, [files.FileEntry(image, 0, 0) for image in self._rows])

    def find_row(self, item: Item) -> int | None:
        """The row of the data set; None without a match, or with several."""
        if (row := self._digests.get(str(item.fields.get(HASH_FIELD)))) is not None:
            return row
        if (row := self._rows.get(str(item.fields.get(PATH_FIELD)))) is not None:
            return row
        paths = list(_list_paths(item))
        for find in (self._find, self._finder.find_upload):
            if entry := next(filter(None, map(find, paths)), None):
                return self._rows[entry.path]
        return None

    def explain(self, item: Item) -> str:
        """Why `find_row` did not find an image, in words."""
        reasons = [self._finder.explain(path) for path in _list_paths(item)]
        none = say("no such file")
        return next((reason for reason in reasons if reason != none), none)

    def _find(self, path: str) -> files.FileEntry | None:
        return self._finder.find(path, lambda hit: f"/{path}".endswith(f"/{hit}"))


def _list_paths(item: Item) -> Iterator[str]:
    return (
        path for value in item.fields.values() if is_image_address(value) for path in address_paths(value)
    )
