"""COCO: JSON files of images, categories and annotations, under the names that COCO and Roboflow give them."""

from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath

from pupila.artifacts.dataset.formats.annotation_file import Annotation, AnnotationFile
from pupila.artifacts.dataset.formats.annotations import read_coco_file
from pupila.artifacts.dataset.formats.class_files import CLASS_FILES, build_label_map, read_class_file
from pupila.artifacts.dataset.formats.file_finder import (
    FileFinder,
    find_unlisted,
    split_from_words,
)
from pupila.artifacts.dataset.formats.listing import UNREADABLE_LABEL, Listing, Oddity, as_rows
from pupila.artifacts.dataset.formats.place import Place
from pupila.artifacts.dataset.reading import ReadSettings
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count
from pupila.core.vocabulary import OWN_FILES, SPLIT_WORDS
from pupila.imaging.masks.label_map import NO_LABEL
from pupila.tasks.label_text import write_labels
from pupila.tasks.multilabel import MULTILABEL
from pupila.tasks.segment import SEGMENT

_FOLDER = "annotations"  # where COCO keeps its files, beside the folders of images
_HEAD = 4096  # bytes that tell whether a JSON file may be one of COCO's
_KEYS = (b'"images"', b'"annotations"', b'"categories"', b'"info"', b'"licenses"')


def read(place: Place, settings: ReadSettings) -> Listing | None:
    """The images listed in the folder's COCO files, or in the one COCO file."""
    path = place.path
    root, coco_files = _locate_coco_files(place)
    notes = place.describe_root(root) if place.is_folder else []
    if not coco_files:
        return None
    if any(split_from_words(name) for name in coco_files):  # a file of all splits would repeat the images
        coco_files = {name: file for name, file in coco_files.items() if split_from_words(name)}
    task = settings.requested_task()
    as_labels = task is not None and task.target != SEGMENT.target
    if not as_labels:
        coco_files = {name: file for name, file in coco_files.items() if not _has_boxes_alone(file)}
    if not coco_files:
        return None
    annotations = [annotation for file in coco_files.values() for annotation in _all_annotations(file)]
    whole = bool(annotations) and not any(each.segmentation or each.boxed for each in annotations)
    as_labels |= whole
    if not as_labels and not any(annotation.segmentation for annotation in annotations):
        raise PupilaError(
            say("The annotations in {path} are boxes, not masks", path=path), actual=listing(list(coco_files)),
            expected=say("a polygon or run lengths for each object"),
            remedy=say("export the annotations for segmentation, or read their categories as labels: {flag}",
                       flag=f"--task {MULTILABEL.name}"),
        )  # fmt: skip
    finder = FileFinder(root)
    located, oddities = _find_images(finder, coco_files)
    if not located:
        raise PupilaError(
            say("None of the images listed in {path} exists", path=listing(list(coco_files))),
            actual=listing([o.subject for o in oddities], 3), expected=say("the images beside the annotations"),
        )  # fmt: skip
    oddities += [o for o in find_unlisted(root, set(located)) if o.subject not in coco_files]
    notes += finder.notes(bare_names=False)
    entries = [image.entry for image in located.values()]
    columns: dict[str, list[str | None]] = {"given_split": [image.split for image in located.values()]}
    layout = say("COCO annotations ({names})", names=listing(list(coco_files)))
    names = [name for file in coco_files.values() for name in file.names]
    if as_labels:
        columns["target"], faults = _read_labels(located, coco_files)
        oddities += faults
        notes += _describe_labels(whole, names, len(faults))
        return Listing(layout, root, as_rows(entries, columns), place.home, oddities, notes, cells=True)
    columns["target"], repeated = _first_records(located)
    oddities += repeated
    label_map = build_label_map(names, read_class_file(root))
    return Listing(
        layout,
        root,
        as_rows(entries, columns),
        place.home,
        oddities,
        notes,
        target="mask",
        label_map=label_map,
    )


def _locate_coco_files(place: Place) -> tuple[str, dict[str, AnnotationFile]]:
    """The folder of the data, and the COCO files by their paths below it."""
    if place.is_folder:
        for root in place.folders:
            if coco_files := _find_coco_files(root):
                return root, coco_files
        return place.root, {}
    above = place.home.rpartition("/")[0] or "."
    root = above if PurePosixPath(place.home).name.lower() == _FOLDER else place.home
    file = read_coco_file(place.path) if place.path.lower().endswith(".json") else None
    return root, {files.relative(place.path, root): file} if file else {}


def _has_boxes_alone(file: AnnotationFile) -> bool:
    """Whether the file is about boxes: it has some, and no annotation tells of a mask."""
    annotations = _all_annotations(file)
    return any(each.boxed for each in annotations) and all(each.segmentation is None for each in annotations)


def _first_records(located: dict[str, "_Located"]) -> tuple[list[str | None], list[Oddity]]:
    """The target that each mask is drawn from, `FILE#IMAGE`, and an image's further records, which are not used."""
    targets = {path: [f"{name}#{key}" for name, key in image.records] for path, image in located.items()}
    further = [(path, target) for path, several in targets.items() for target in several[1:]]
    return [several[0] for several in targets.values()], [
        Oddity(path, "duplicate-row", t) for path, t in further
    ]


def _describe_labels(whole: bool, names: list[str], nameless: int) -> list[str]:
    """How annotations become labels.

    Args:
        whole: whether no annotation has a place in its image.
        names: of the categories of all files.
        nameless: images with annotations whose category the file does not name.
    """
    notes = [
        say("The annotations are labels of whole images.") if whole
        else say("An image has the labels of its annotations; their masks and boxes are not read.")
    ]  # fmt: skip
    unlabelled = [name for name in dict.fromkeys(names) if not _is_class(name)]
    if unlabelled:
        notes.append(say("{names} is not a class: in an image that is annotated with it, a class without an annotation "
                         "is unknown.", names=listing(unlabelled)))  # fmt: skip
    if nameless:
        notes.append(say_count("{n} image has annotations of a category that the file does not name: its other classes "
                               "are unknown.", "{n} images have annotations of a category that the file does not name: "
                               "their other classes are unknown.", nameless))  # fmt: skip
    return notes


def _read_labels(
    located: dict[str, "_Located"], coco_files: dict[str, AnnotationFile]
) -> tuple[list[str | None], list[Oddity]]:
    """The labels of the images as text, and the images with annotations of no category.

    Categories of the image's own file that no annotation of the image has are absent; those of other files are
    unknown. Records of one image are united.

    Args:
        located: by their path.
        coco_files: by their path.
    """
    texts: list[str | None] = []
    oddities = []
    for path, image in located.items():
        present: set[str] = set()
        absent: set[str] = set()
        whole = True  # whether all of its annotations are about classes
        for name, key in image.records:
            file = coco_files[name]
            categories = {annotation.category for annotation in file.annotations.get(key, [])}
            present |= {each for each in categories if each in file.names and _is_class(each)}
            absent |= {each for each in file.names if _is_class(each)}
            whole &= categories <= set(filter(_is_class, file.names))
            if not categories <= set(file.names):
                reason = say("an annotation has a category that the file does not name")
                oddities.append(Oddity(path, UNREADABLE_LABEL, reason))
        known = {each: each in present for each in (present | absent if whole else present)}
        texts.append(write_labels(known) if known else None)
    return texts, oddities


def _is_class(category: str) -> bool:
    return category.strip().lower() not in NO_LABEL


def _all_annotations(file: AnnotationFile) -> list[Annotation]:
    return [annotation for annotations in file.annotations.values() for annotation in annotations]


def _find_coco_files(root: str) -> dict[str, AnnotationFile]:
    """The COCO files in the root, in `annotations` and in split folders, by their path below the root."""
    folders = ["", *(n for n in files.list_folders(root) if n.lower() == _FOLDER or n.lower() in SPLIT_WORDS)]
    coco_files = {}
    for folder in folders:
        for name in files.list_files(files.join(root, folder) if folder else root):
            path = f"{folder}/{name}" if folder else name
            if not name.lower().endswith(".json") or name in OWN_FILES or name in CLASS_FILES:
                continue
            uri = files.join(root, path)
            if any(key in files.read_start(uri, _HEAD) for key in _KEYS) and (file := read_coco_file(uri)):
                coco_files[path] = file
    return coco_files


@dataclass(frozen=True, slots=True)
class _Located:
    """An image that exists, and its records."""

    entry: files.FileEntry
    split: str | None
    records: list[tuple[str, str]]  # file and image id; a mask is drawn from the first one


def _find_images(
    finder: FileFinder, coco_files: dict[str, AnnotationFile]
) -> tuple[dict[str, _Located], list[Oddity]]:
    """The existing images by their path, and the oddities."""
    located: dict[str, _Located] = {}
    oddities = []
    for name, file in coco_files.items():
        split, folder = split_from_words(name), name.rpartition("/")[0]
        for key, record in file.images.items():
            file_name = record.file_name.replace("\\", "/")
            entry = finder.find(file_name, partial(_fits, file_name=file_name, split=split), beside=folder)
            if entry is None:
                oddities.append(
                    Oddity(file_name or f"{name}#{key}", "row-without-image", finder.explain(file_name))
                )
            else:
                located.setdefault(entry.path, _Located(entry, split, [])).records.append((name, key))
        lost = [key for key in file.annotations if key not in file.images]
        oddities += [
            Oddity(f"{name}#{key}", "row-without-image", say("annotations without an image in the file"))
            for key in lost
        ]
    return located, oddities


def _fits(hit: str, file_name: str, split: str | None) -> bool:
    """Whether the file's path ends as the record says, or lies in the folder of the record's split."""
    if "/" in file_name:
        return f"/{hit}".endswith(f"/{file_name}")
    return split is not None and split_from_words(str(PurePosixPath(hit).parent)) == split
