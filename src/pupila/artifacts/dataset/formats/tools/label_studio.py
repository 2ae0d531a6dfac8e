"""Label Studio's own JSON, also JSON-MIN: tasks with regions in percent of the image, brushes and choices."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pupila.artifacts.dataset.formats.tools.annotation_attributes import choose_attribute, describe_choice
from pupila.artifacts.dataset.formats.tools.annotation_file import (
    RECTANGLE,
    TAG,
    UNLABELLED,
    AnnotatedImage,
    Annotation,
    AnnotationFile,
    class_name,
)
from pupila.artifacts.dataset.formats.tools.studio_names import address_paths
from pupila.artifacts.dataset.formats.tools.studio_shapes import (
    is_rectangle,
    region_names,
    region_outline,
    region_shape,
    region_size,
)
from pupila.artifacts.dataset.formats.tools.studio_tasks import (
    CHOICES,
    HASH_FIELD,
    NO_REGION,
    PATH_FIELD,
    Json,
    StudioTask,
    is_choice,
    parse_tasks,
    result_kind,
)
from pupila.core.messages import listing, say, say_count


@dataclass(frozen=True, slots=True)
class _Counting:
    """A task and the annotation that counts."""

    task: StudioTask
    results: list[Json]  # those that are about the image or parts of it
    has_areas: bool  # whether some of them are more than choices

    @property
    def is_drawn(self) -> bool:
        """Whether it says where the classes are: an empty drawing does, and a choice alone does not."""
        counting = self.task.counting
        return counting is not None and (self.has_areas or not any(map(is_choice, counting.results)))


def parse(content: Any, uri: str) -> AnnotationFile | None:
    """The content of an export; None where it is something else.

    Tasks without annotations, as Pupila itself writes them, are an export without images.

    Args:
        content: of a JSON file, or the rows of a CSV file.
        uri: of the file, for messages.

    Raises:
        PupilaError: a result is no record.
    """
    tasks = parse_tasks(content, uri)
    if tasks is None or not any(task.address for task in tasks):
        return None
    if not any(task.annotations or task.cancelled for task in tasks):
        return AnnotationFile({}, {}, [], notes=[_describe_bare(len(tasks), uri)])
    known = {f"{number}": _find_counting(task) for number, task in enumerate(tasks) if task.address}
    images = {key: _make_image(counting) for key, counting in known.items()}
    results = [(key, result) for key, counting in known.items() for result in counting.results]
    annotations: dict[str, list[Annotation]] = {}
    for key, result in results:
        if result_kind(result) != CHOICES:
            annotations.setdefault(key, []).extend(_parse_region(result))
    names = list(dict.fromkeys(each.category for some in annotations.values() for each in some))
    file = AnnotationFile(
        images, annotations, names, [], _describe_tasks([each.task for each in known.values()])
    )
    return _with_choices(file, [(key, result) for key, result in results if result_kind(result) == CHOICES])


def _find_counting(task: StudioTask) -> _Counting:
    counting = task.counting
    results = select_results(counting.results) if counting else []
    return _Counting(task, results, any(result_kind(each) != CHOICES for each in results))


def select_results(records: list[Json]) -> list[Json]:
    """The results that are about the image or parts of it.

    Choices about one region are left out; and so is a shape without a class whose class stands in another result, as
    the tag `Labels` has it.
    """
    results = [each for each in records if result_kind(each) not in NO_REGION]
    placed = {str(each.get("id")) for each in results if result_kind(each) != CHOICES} - {"None"}
    named = {str(each.get("id")) for each in results if result_kind(each) == "labels"} - {"None"}
    return [
        each for each in results
        if str(each.get("id")) not in (placed if result_kind(each) == CHOICES else named - _own_name(each))
    ]  # fmt: skip


def _own_name(result: Json) -> set[str]:
    """The id of a region with a class of its own, which no other result has to name."""
    return {str(result.get("id"))} if region_names(result) else set()


def _make_image(counting: _Counting) -> AnnotatedImage:
    task = counting.task
    sizes = next(((each.get("original_height"), each.get("original_width")) for each in counting.results
                  if each.get("original_width")), (None, None))  # fmt: skip
    own = str(task.fields.get(PATH_FIELD) or "") if HASH_FIELD in task.fields else ""
    path, *others = dict.fromkeys([*filter(None, [own]), *address_paths(task.address)])
    return AnnotatedImage(path, *sizes, annotated=counting.is_drawn, fallbacks=tuple(others))


def _parse_region(result: Json) -> Iterator[Annotation]:
    """A region, once for each of its classes."""
    outline = region_outline(result, region_size(result))
    shape = RECTANGLE if is_rectangle(result) else "" if outline else region_shape(result)
    for name in [class_name(name) for name in region_names(result)] or [UNLABELLED]:
        yield Annotation(name, outline, shape=shape)


def _with_choices(file: AnnotationFile, choices: list[tuple[str, Json]]) -> AnnotationFile:
    """The file with choices about whole images; where several questions were asked, with the one that names classes."""
    questions = dict.fromkeys(str(result.get("from_name") or "") for _, result in choices)
    if not questions:
        return file
    by_image: dict[str, dict[str, list[str]]] = {name: {key: [] for key in file.images} for name in questions}
    for key, result in choices:
        chosen = result["value"].get(CHOICES)
        names = chosen if isinstance(chosen, list) else [chosen]
        by_image[str(result.get("from_name") or "")][key] += [
            class_name(name) for name in names if name is not None
        ]
    readings = {name: _with_tags(file, of_image) for name, of_image in by_image.items()}
    values = {name: [v for v in of_image.values() if v] for name, of_image in by_image.items()}
    chosen = choose_attribute(values)
    if chosen is None:
        return AnnotationFile(file.images, file.annotations, file.names, [], file.notes, readings)
    picked, notes = readings[chosen], [*file.notes, *describe_choice(values, chosen)]
    return AnnotationFile(picked.images, picked.annotations, picked.names, picked.label_names, notes,
                          readings if len(readings) > 1 else {})  # fmt: skip


def _with_tags(file: AnnotationFile, of_image: dict[str, list[str]]) -> AnnotationFile:
    annotations = {
        key: [*file.annotations.get(key, []), *(Annotation(name, shape=TAG) for name in of_image[key])]
        for key in file.images
    }
    names = list(dict.fromkeys(name for some in of_image.values() for name in some))
    non_empty = {key: some for key, some in annotations.items() if some}
    return AnnotationFile(file.images, non_empty, file.names, names, file.notes)


def _describe_tasks(tasks: list[StudioTask]) -> list[str]:
    """Notes on annotations and results that are not used."""
    notes, further, cancelled = (
        [],
        sum(max(len(task.annotations) - 1, 0) for task in tasks),
        sum(task.cancelled for task in tasks),
    )
    if further:
        notes.append(say_count(
            "{n} further annotation of an image is not used: the ground truth counts, or else the last.",
            "{n} further annotations of images are not used: the ground truth counts, or else the last.", further,
        ))  # fmt: skip
    if cancelled:
        notes.append(say_count("{n} annotation is not used: it was cancelled (was_cancelled).",
                               "{n} annotations are not used: they were cancelled (was_cancelled).",
                               cancelled))  # fmt: skip
    counting = [each for task in tasks if (each := task.counting)]
    unread = Counter(
        kind for each in counting for kind in map(result_kind, each.results) if kind in NO_REGION
    )
    if unread:
        kinds = listing([f"{n} x {kind}" for kind, n in unread.most_common()])
        notes.append(say("Results that are neither classes nor regions are not read: {kinds}.", kinds=kinds))
    return notes


def _describe_bare(count: int, uri: str) -> str:
    return say_count("{path}: {n} task of Label Studio without an annotation; predictions are no labels.",
                     "{path}: {n} tasks of Label Studio without annotations; predictions are no labels.", count,
                     path=uri.rpartition("/")[2])  # fmt: skip
