"""The images of annotation tools, with masks drawn from their outlines, or with labels of the whole image."""

import contextlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from pupila.artifacts.dataset.formats.file_finder import (
    UNLISTED,
    FileFinder,
    find_unlisted,
    split_from_path,
    split_from_words,
)
from pupila.artifacts.dataset.formats.folders import folder
from pupila.artifacts.dataset.formats.listing import UNREADABLE_LABEL, Listing, Oddity, as_rows
from pupila.artifacts.dataset.formats.masks import pairs
from pupila.artifacts.dataset.formats.place import Place
from pupila.artifacts.dataset.formats.tables.class_files import build_label_map, read_class_file
from pupila.artifacts.dataset.formats.tools.annotation_file import (
    RECTANGLE,
    UNLABELLED,
    Annotation,
    AnnotationFile,
    no_annotations,
)
from pupila.artifacts.dataset.formats.tools.annotation_images import (
    LocatedImage,
    describe_other_stems,
    describe_overlap,
    locate_images,
    mask_files,
)
from pupila.artifacts.dataset.formats.tools.annotation_labels import describe_labels, read_labels
from pupila.artifacts.dataset.formats.tools.annotation_tools import TOOLS, ToolFiles
from pupila.artifacts.dataset.formats.tools.annotations import count_short_rings, unite_targets
from pupila.artifacts.dataset.formats.tools.run_length_table import may_hold_runs
from pupila.artifacts.dataset.formats.tools.unlisted_images import find_other_images
from pupila.artifacts.dataset.reading import ReadSettings
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count, translate
from pupila.tasks.multilabel import MULTILABEL
from pupila.tasks.segment import SEGMENT

_Read = TypeVar("_Read", AnnotationFile, PupilaError)
ByPath = Mapping[str, AnnotationFile]  # annotation files by their path below the root


def read(place: Place, settings: ReadSettings, name: str) -> Listing | None:
    """The images in the annotation files of this tool; None where there are none, or another tool's count.

    Args:
        place: folder or file of the data.
        settings: as requested.
        name: of the tool, a key of `TOOLS`.

    Raises:
        PupilaError: the files can't be read, list no image that exists, or are not of the requested task.
    """
    _refuse_bare(place, settings.labels)
    matches = _narrow(place.annotations, settings.labels)
    if settings.layout == "auto" and len(matches.by_tool) > 1 and _find_most_covering(matches) != name:
        return None
    by_path = _settle_attributes(name, matches, settings.labels)
    broken = matches.broken.get(name, {})
    if broken and not (by_path and TOOLS[name].each_image):
        raise next(iter(broken.values()))
    task = settings.requested_task()
    as_labels = task is not None and task.target != SEGMENT.target
    if not as_labels and (with_areas := _without_boxes(by_path, name, task is not None)):
        by_path = with_areas
    elif not as_labels and by_path and task is not None:
        raise PupilaError(
            say("The annotations in {path} are boxes, not masks", path=place.path), actual=_describe(name, by_path),
            expected=say("a polygon or run lengths for each object"),
            remedy=say("export the annotations for segmentation, or read their categories as labels: {flag}",
                       flag=f"--task {MULTILABEL.name}"),
        )  # fmt: skip
    elif not as_labels and by_path:
        if settings.layout == "auto" and (stronger := read_stronger(place, settings)) is not None:
            note = say("{files}: boxes, which are not used here; {flag} reads them as labels.",
                       files=_describe(name, by_path), flag=f"--layout {name}")  # fmt: skip
            oddities = [oddity for oddity in stronger.oddities if oddity.subject not in by_path]
            return replace(stronger, notes=[*stronger.notes, note], oddities=oddities)
        as_labels = True
    if not by_path:
        return None
    source = _read_images(place, name, by_path, as_labels)
    oddities = [Oddity(path, UNREADABLE_LABEL, str(fault)) for path, fault in broken.items()]
    return replace(
        source,
        notes=[*source.notes, *_describe_others(matches, name)],
        oddities=[*(o for o in source.oddities if o.subject not in broken), *oddities],
    )


def read_run_lengths(place: Place, settings: ReadSettings) -> Listing | None:
    """The images of a table of run lengths; None, without reading other files, where no table looks like one."""
    tables = [files.join(folder, name) for folder in place.folders for name in files.list_files(folder)]
    if not may_hold_runs(tables if place.is_folder else [place.path]):
        return None
    return read(place, settings, "run-lengths")


def _read_images(place: Place, name: str, by_path: ByPath, as_labels: bool) -> Listing:
    """The images that the files list, with masks or labels.

    Raises:
        PupilaError: none of them exists.
    """
    root, each_image = place.annotations.root, TOOLS[name].each_image
    finder = FileFinder(root)
    located, oddities = locate_images(finder, by_path, each_image)
    if not located:
        raise PupilaError(
            say("None of the images listed in {path} exists", path=_describe(name, by_path)),
            actual=listing([f"{o.subject} ({o.reason})" for o in oddities], 3),
            expected=say("the images beside the annotations"),
            remedy=say("put the images there, or leave the annotations out: {flag}", flag="--layout folders"),
        )  # fmt: skip
    notes = [
        *(place.describe_root(root) if place.is_folder else []), *finder.notes(bare_names=False),
        *dict.fromkeys(note for file in by_path.values() for note in file.notes),
    ]  # fmt: skip
    unlabelled = sum(not image.is_annotated(by_path) for image in located.values())
    if unlabelled and not each_image:
        notes.append(say_count("{n} image is unlabelled: its file has no annotations.",
                               "{n} images are unlabelled: their files have no annotations.", unlabelled))  # fmt: skip
    annotations = _all_annotations(by_path)
    as_labels |= bool(annotations) and all(each.is_label for each in annotations)
    if as_labels:
        targets, more = read_labels(located, by_path, each_image)
        names = list(
            dict.fromkeys(each for file in by_path.values() for each in [*file.names, *file.label_names])
        )
        notes += describe_labels(annotations, names, len(more))
    else:
        targets, more, united = _unite_records(located, by_path)
        more += _find_short_outlines(located, by_path)
        names = list(dict.fromkeys(each for file in by_path.values() for each in file.names))
        notes += [*united, *_describe_areas(annotations)]
    entries = [image.entry for image in located.values()]
    splits: list[str | None] = [image.split for image in located.values()]
    unlisted = _find_unlisted(root, located, by_path)
    if each_image:
        without, unlisted = _unannotated_images(place, unlisted)
        notes += [say_count("{n} image has no annotation file and is unlabelled.",
                            "{n} images have no annotation file and are unlabelled.",
                            len(without))] if without else []  # fmt: skip
        entries, targets = [*entries, *without], [*targets, *(None for _ in without)]
        splits += [split_from_path(entry.path) for entry in without]
    masks = {uri for file in by_path.values() for key in file.images for uri in mask_files(file, key)}
    others = find_other_images(place, located, {image.split for image in located.values()}, masks)
    notes += others.notes
    entries, targets = [*entries, *others.entries], [*targets, *(None for _ in others.entries)]
    rows = as_rows(entries, {"given_split": [*splits, *others.splits], "target": targets})
    oddities = [*oddities, *unlisted, *more]
    doubts = [describe_overlap(located), describe_other_stems(located, place.images) if each_image else ""]
    doubt = " ".join(filter(None, doubts))
    source = Listing(_describe(name, by_path), root, rows, place.home, oddities, notes, doubt=doubt)
    if as_labels:
        return replace(source, cells=True)
    return replace(source, target="mask", label_map=build_label_map(names, read_class_file(root)))


def _find_unlisted(root: str, located: Mapping[str, LocatedImage], by_path: ByPath) -> list[Oddity]:
    """What lies beside the listed images, without the annotation files themselves."""
    own = {path.partition("#")[0] for path in by_path}
    reason = say("not listed in {file}", file=listing(list(by_path), 2))
    return [replace(o, reason=reason) if o.code == UNLISTED else o
            for o in find_unlisted(root, set(located)) if o.subject not in own]  # fmt: skip


def _unannotated_images(place: Place, unlisted: list[Oddity]) -> tuple[list[files.FileEntry], list[Oddity]]:
    """The images beside the annotated ones that have no annotation file, and the other oddities."""
    forgotten = {oddity.subject for oddity in unlisted if oddity.code == UNLISTED}
    return [entry for entry in place.images_by_annotations if entry.path in forgotten], [
        oddity for oddity in unlisted if oddity.code != UNLISTED
    ]


def _all_annotations(by_path: ByPath) -> list[Annotation]:
    return [annotation for file in by_path.values() for annotation in file.all_annotations]


def _refuse_bare(place: Place, labels: str) -> None:
    """Refuse a file without annotations that the user named.

    Raises:
        PupilaError: see above.
    """
    bare = place.annotations.bare
    own = files.relative(place.path, place.annotations.root) if not place.is_folder else labels
    if own in bare:
        raise no_annotations(own, bare[own])


def _narrow(matches: ToolFiles, labels: str) -> ToolFiles:
    """The files of the path that the user named, which may be a folder or `FILE#ATTRIBUTE`; all where it is "auto".

    Raises:
        PupilaError: the path is no annotation file, or can't be read.
    """
    if labels == "auto":
        return matches
    path = labels.partition("#")[0].rstrip("/")
    if path in matches.unread:
        raise PupilaError(say("Can't read {path}", path=path), actual=matches.unread[path])
    by_tool, broken = _files_below(path, matches.by_tool), _files_below(path, matches.broken)
    if not by_tool and not broken and path.lower().endswith((".json", ".xml")):
        raise PupilaError(
            say("No annotations that Pupila reads in {path}", path=path), actual=say("a file of another kind"),
            expected=listing([translate(tool.title) for tool in TOOLS.values()], len(TOOLS)),
        )  # fmt: skip
    return ToolFiles(matches.root, by_tool, broken)


def _files_below(path: str, by_tool: dict[str, dict[str, _Read]]) -> dict[str, dict[str, _Read]]:
    """What the file, or the files of the folder, hold; without tools that have none there."""
    below = {
        name: {p: each for p, each in by_path.items() if p == path or p.startswith(f"{path}/")}
        for name, by_path in by_tool.items()
    }
    return {name: by_path for name, by_path in below.items() if by_path}


def _settle_attributes(name: str, matches: ToolFiles, labels: str) -> ByPath:
    """The files of the tool that count, each by the attribute that names its classes.

    Args:
        name: of the tool.
        matches: the files of all tools.
        labels: the file that the user named, with the attribute behind a `#`; "auto": as the values suggest.

    Raises:
        PupilaError: several attributes may name the classes.
    """
    by_path = matches.by_tool.get(name, {})
    if attribute := labels.partition("#")[2]:
        return {f"{p}#{attribute}": reading for p, file in by_path.items()
                if (reading := file.readings.get(attribute)) is not None}  # fmt: skip
    for path, file in by_path.items():
        if file.readings and not file.annotations:
            raise PupilaError(
                say("Several attributes in {path} may name the classes", path=path),
                actual=listing([f"{key} ({listing(reading.names or reading.label_names, 3)})"
                                for key, reading in file.readings.items()]),
                expected=say("one of them"), remedy=f"--labels {path}#{next(iter(file.readings))}",
            )  # fmt: skip
    return _without_repetitions(name, by_path)


def _without_repetitions(name: str, by_path: ByPath) -> ByPath:
    """The files without those of all splits, where splits have files of their own: they would repeat the images."""
    if TOOLS[name].each_image or not any(split_from_words(path) for path in by_path):
        return by_path
    return {path: file for path, file in by_path.items() if split_from_words(path)}


def _without_boxes(by_path: ByPath, name: str, rectangles: bool) -> ByPath:
    """The files that are not about boxes alone; empty where all are.

    Args:
        by_path: the files.
        name: of their tool; where each image has a file of its own, they are about boxes together.
        rectangles: whether outlines that were drawn as boxes count as areas, although there are no others.
    """

    def has_boxes_alone(annotations: list[Annotation]) -> bool:
        placed = [each for each in annotations if not each.is_label and not each.has_no_area]
        return any(placed) and all(
            not each.segmentation or (each.shape == RECTANGLE and not rectangles) for each in placed
        )

    if TOOLS[name].each_image:
        return {} if has_boxes_alone(_all_annotations(by_path)) else by_path
    return {path: file for path, file in by_path.items() if not has_boxes_alone(file.all_annotations)}


def _unite_records(
    located: Mapping[str, LocatedImage], by_path: ByPath
) -> tuple[list[str | None], list[Oddity], list[str]]:
    """The target of each image, its further records, which are not used, and a note where records were united.

    Records of the same file count, and those of other files where their categories are others: so files for one class
    each are written.
    """
    used = {path: {each.category for each in file.all_annotations} for path, file in by_path.items()}
    targets: list[str | None] = []
    oddities, united, repeated = [], Counter[str](), 0
    for path, image in located.items():
        chosen: dict[str, list[str]] = {}
        for record, target in zip(image.records, image.targets, strict=True):
            if record[0] in chosen or all(used[record[0]].isdisjoint(used[other]) for other in chosen):
                chosen.setdefault(record[0], []).append(target)
            else:
                oddities.append(Oddity(path, "duplicate-row", target))
        every = [target for some in chosen.values() for target in some]
        targets.append(unite_targets(every) if image.is_drawn(by_path) else None)
        united.update(chosen if len(chosen) > 1 else ())
        repeated += len(every) > len(chosen)
    notes = []
    if undrawn := sum(
        image.is_annotated(by_path) and not image.is_drawn(by_path) for image in located.values()
    ):
        notes.append(say_count("{n} image has a label and no drawing: it has no mask.",
                               "{n} images have labels and no drawing: they have no masks.", undrawn))  # fmt: skip
    if repeated:
        notes.append(say_count("{n} image is listed several times in one file: all of its annotations count.",
                               "{n} images are listed several times in one file: all of their annotations count.",
                               repeated))  # fmt: skip
    if united:
        notes.append(say("{files} annotate the same images with different classes: all of their annotations count.",
                         files=listing(sorted(united))))  # fmt: skip
    return targets, oddities, notes


def _find_short_outlines(located: Mapping[str, LocatedImage], by_path: ByPath) -> list[Oddity]:
    """The images with outlines of fewer than three points, which have no area and are not drawn."""
    oddities = []
    for path, image in located.items():
        annotations = [each for name, key in image.records for each in by_path[name].annotations.get(key, [])]
        if count := sum(count_short_rings(each.segmentation) for each in annotations):
            reason = say_count("{n} outline has fewer than three points and is not drawn",
                               "{n} outlines have fewer than three points and are not drawn", count)  # fmt: skip
            oddities.append(Oddity(path, "short-outline", reason))
    return oddities


def _describe(name: str, by_path: ByPath) -> str:
    """The tool and its files, in words."""
    title = translate(TOOLS[name].title)
    if TOOLS[name].each_image and len(by_path) > 1:
        counted = say_count("{n} file", "{n} files", sum(bool(file.images) for file in by_path.values()))
        return f"{title} ({counted})"
    return f"{title} ({listing(list(by_path))})"


def _describe_areas(annotations: list[Annotation]) -> list[str]:
    """Notes on annotations that are no plain outlines.

    Raises:
        PupilaError: none of them has an area.
    """
    without = Counter(each.shape for each in annotations if each.has_no_area)
    counted = listing([f"{n} x {shape}" for shape, n in without.most_common()])
    if without and not any(each.segmentation or each.boxed for each in annotations):
        raise PupilaError(
            say("The annotations have no area"), actual=counted, expected=say("polygons, masks or boxes"),
            remedy=say("read their classes as labels: {flag}", flag=f"--task {MULTILABEL.name}"),
        )  # fmt: skip
    notes = []
    if nameless := sum(each.category == UNLABELLED and not each.has_no_area for each in annotations):
        notes.append(say_count("{n} region has no class: its pixels have no label.",
                               "{n} regions have no class: their pixels have no label.", nameless))  # fmt: skip
    if without:
        notes.append(say("Annotations without an area are not drawn: {shapes}.", shapes=counted))
    if rectangles := sum(each.shape == RECTANGLE for each in annotations):
        notes.append(say_count("{n} rectangle counts as an area like the outlines.",
                               "{n} rectangles count as areas like the outlines.", rectangles))  # fmt: skip
    return notes


def _find_most_covering(matches: ToolFiles) -> str:
    """The tool whose files list most of the images that exist; where two list as many, the one with more outlines."""
    finder = FileFinder(matches.root)

    def coverage(name: str) -> tuple[int, int]:
        by_path = matches.by_tool[name]
        located, _ = locate_images(finder, by_path, TOOLS[name].each_image)
        return len(located), sum(bool(each.segmentation) for each in _all_annotations(by_path))

    return max(matches.by_tool, key=coverage)


def _describe_others(matches: ToolFiles, name: str) -> list[str]:
    """A note for each tool whose files are passed over."""
    return [
        say("{files}: not used; {flag} reads them.", files=_describe(other, by_path), flag=f"--layout {other}")
        for other, by_path in matches.by_tool.items() if other != name
    ]  # fmt: skip


def read_stronger(place: Place, settings: ReadSettings) -> Listing | None:
    """The masks, or the folders of several classes, that lie beside weaker labels; None where there are none."""
    for read_other in (pairs.read, folder.read):
        with contextlib.suppress(PupilaError):
            source = read_other(place, settings)
            if source is None or source.tables or source.doubt:
                continue
            if source.rows["target"].n_unique() > 1:
                return source
    return None
