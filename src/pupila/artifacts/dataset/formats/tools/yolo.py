"""YOLO: images with a text file of outlines or boxes for each, described by a YAML file, by Darknet's, or by none."""

from collections import defaultdict
from dataclasses import replace
from pathlib import PurePosixPath

from pupila.artifacts.dataset.formats.file_finder import folder_content
from pupila.artifacts.dataset.formats.listing import UNREADABLE_LABEL, Listing, Oddity, as_rows
from pupila.artifacts.dataset.formats.place import Place
from pupila.artifacts.dataset.formats.tables.box_rows import describe_boxes
from pupila.artifacts.dataset.formats.tables.class_files import build_label_map, read_class_file
from pupila.artifacts.dataset.formats.tools.annotation_listing import read_stronger
from pupila.artifacts.dataset.formats.tools.yolo_config import YoloConfig, find_config
from pupila.artifacts.dataset.formats.tools.yolo_images import YoloImages, locate_images
from pupila.artifacts.dataset.formats.tools.yolo_labels import (
    count_classes,
    inspect_labels,
    read_classes,
    read_lines,
)
from pupila.artifacts.dataset.formats.upload_names import UploadNames, is_upload
from pupila.artifacts.dataset.reading import ReadSettings
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count
from pupila.core.vocabulary import IGNORE
from pupila.imaging.masks.label_map import BACKGROUND, LabelMap
from pupila.imaging.masks.no_label import means_no_label
from pupila.tasks.multilabel import MULTILABEL
from pupila.tasks.segment import SEGMENT

_LABELS = {"images": "labels", "Images": "Labels", "IMAGES": "LABELS"}
_SAMPLE = 16  # text files that tell whether they are labels, where no file says so


def read(place: Place, settings: ReadSettings) -> Listing | None:
    """The images in the folders or lists that a describing file names, or beside label files and a list of names."""
    config = find_config(place, "" if settings.labels == "auto" else settings.labels)
    if config is None:
        return None
    root, images = config.root, locate_images(place, config)
    labels = _find_labels(config, images)
    existing = sorted(label for label, exists in labels.values() if exists)
    if not existing and (not config.splits or _are_class_folders(images, config)):
        return None
    if not existing:
        raise _refuse_unlabelled(config)
    if not config.splits and not inspect_labels(root, existing[:_SAMPLE], False).is_yolo:
        return None
    content = inspect_labels(root, existing, config.keypoints)
    task = settings.requested_task()
    if content.boxes and task is not None and task.target == SEGMENT.target:
        raise _refuse_boxes(place.path, existing[0])
    undecided = content.boxes and task is None and not config.splits and settings.layout == "auto"
    if undecided and (stronger := read_stronger(place, settings)) is not None:
        note = say("{file} and others hold boxes, which are not used here; {flag} reads them as labels.",
                   file=existing[0], flag="--layout yolo")  # fmt: skip
        return replace(stronger, notes=[*stronger.notes, note])
    targets, unlabelled = _settle_targets(labels, images, config)
    notes = [*place.describe_root(root), *config.notes, *images.notes, *unlabelled]
    names, oddities = config.names, images.oddities
    if not names:
        names = {number: str(number) for number in range(count_classes(root, existing))}
        notes.append(say("No file names the classes: they are called by their numbers."))
    splits = [split for _, split in images.by_path.values()]
    columns: dict[str, list[str | None]] = {
        "target": targets, "given_split": splits if len(set(splits)) > 1 else [None] * len(splits),
    }  # fmt: skip
    entries = [entry for entry, _ in images.by_path.values()]
    if content.boxes or (task is not None and task.target != SEGMENT.target):
        notes.append(_describe_labels(content.boxes))
        columns["target"], faults = _read_labels(root, images, targets, names)
        rows = as_rows(entries, columns)
        return Listing(say("YOLO labels"), root, rows, place.home, oddities + faults, notes, cells=True)
    doubt = ""
    if content.four_points:
        doubt = say("All outlines have four points: if they are oriented boxes, their corners are no outlines of the "
                    "objects.")  # fmt: skip
    elif not any(read_lines(root, label) for label in existing):
        doubt = say("All label files are empty, so every image counts as background.")
    rows = as_rows(entries, columns)
    return Listing(
        say("YOLO segmentation"), root, rows, place.home, oddities, notes, target="mask",
        label_map=_build_label_map(names, root), doubt=doubt,
    )  # fmt: skip


def _refuse_unlabelled(config: YoloConfig) -> PupilaError:
    splits = [f"{key}: {listing(locations)}" for key, locations in config.splits.items()]
    return PupilaError(
        say("No labelled images at the paths in {path}", path=config.uri), actual=listing(splits),
        expected=say("images/NAME.jpg beside labels/NAME.txt"), remedy="docs/reference/dataset.md",
    )  # fmt: skip


def _refuse_boxes(path: str, example: str) -> PupilaError:
    return PupilaError(
        say("The labels in {path} are boxes, not masks", path=path), actual=example,
        expected=say("the class and polygon of each object, at least seven numbers a line"),
        remedy=say("export the labels for segmentation, or read their classes as labels: {flag}",
                   flag=f"--task {MULTILABEL.name}"),
    )  # fmt: skip


def _describe_labels(boxes: bool) -> str:
    if boxes:
        return describe_boxes()
    return say("An image has the classes of its outlines; the outlines are not read.")


def _find_uploads(config: YoloConfig, images: YoloImages) -> dict[str, str]:
    """The label files that have the names of uploads to Label Studio, by the one image that each means."""
    uploads = {stem: text for stem, text in config.texts.items() if is_upload(stem)}
    if not uploads:
        return {}
    bare = {image.rpartition(".")[0]: image for image in images.by_path}
    names, labels = UploadNames(bare), dict[str, str]()
    for stem, text in uploads.items():
        hits = names.find(stem)
        if len(hits) == 1:
            labels[bare[hits[0]]] = text
        elif hits:
            reason = say("several files fit: {names}", names=listing([bare[hit] for hit in hits], 3))
            images.oddities.append(Oddity(text, "row-without-image", reason))
    if labels:
        example = next(iter(labels))
        images.notes.append(say_count(
            "{n} label file was matched by the name that Label Studio gave to its image: {path} for {image}.",
            "{n} label files were matched by the names that Label Studio gave to their images, such as {path} for "
            "{image}.", len(labels), path=labels[example], image=example,
        ))  # fmt: skip
    return labels


def _find_labels(config: YoloConfig, images: YoloImages) -> dict[str, tuple[str, bool]]:
    """The label file of each image, and whether it exists.

    It lies where `labels` stands for `images` in the path, else beside the image, else where `label` or `labels` stands
    for another word for images, else anywhere under the same stem.
    """
    find_entry = files.entry_finder(config.root)
    labels, uploaded = {}, _find_uploads(config, images)
    for image in images.by_path:
        usual, *others = _label_files(image)
        label = next((path for path in dict.fromkeys((usual, *others)) if find_entry(path)), None)
        label = label or config.texts.get(PurePosixPath(image).stem) or uploaded.get(image)
        labels[image] = (label or usual, label is not None)
    return labels


def _label_files(image: str) -> list[str]:
    """The paths where an image's label file may lie, the usual one first: the last `images` in it becomes `labels`."""
    parts = str(PurePosixPath(image).with_suffix(".txt")).split("/")
    images = [n for n, part in enumerate(parts[:-1]) if part.lower() == "images"][-1:]
    others = [n for n, part in enumerate(parts[:-1]) if folder_content(part) == "image"][-1:]
    usual = [(n, _LABELS.get(parts[n], "labels")) for n in images]
    further = [(n, word) for n in others for word in ("labels", "label")]
    first, last = (
        ["/".join([*parts[:n], word, *parts[n + 1 :]]) for n, word in some] for some in (usual, further)
    )
    return [*first, "/".join(parts), *last]


def _are_class_folders(images: YoloImages, config: YoloConfig) -> bool:
    """Whether the images lie in folders of the classes, as YOLO's tools classify."""
    parents = {PurePosixPath(path).parent.name for path in images.by_path}
    return bool(parents) and parents <= set(config.names.values())


def _settle_targets(
    labels: dict[str, tuple[str, bool]], images: YoloImages, config: YoloConfig
) -> tuple[list[str | None], list[str]]:
    """The label file of each image, None for one without a label, and how images without a file are read.

    A missing file means that the image shows nothing, except in a split that has no label file at all, and in folders
    that no file describes: such images are not labelled yet.
    """
    by_split: dict[str | None, list[str]] = defaultdict(list)
    for image, (_, split) in images.by_path.items():
        by_split[split].append(image)
    unlabelled: set[str] = set()
    notes = []
    for split, members in by_split.items():
        if split is not None and len(by_split) > 1 and not any(labels[image][1] for image in members):
            unlabelled |= {*members}
            notes.append(say_count("{n} image of {split} is unlabelled: no image of the split has a label file.",
                                   "{n} images of {split} are unlabelled: no image of the split has a label file.",
                                   len(members), split=split))  # fmt: skip
    missing = {image for image, (_, exists) in labels.items() if not exists} - unlabelled
    if missing and config.splits:
        notes.append(say_count("{n} image has no label file and counts as background.",
                               "{n} images have no label file and count as background.", len(missing)))  # fmt: skip
    elif missing:
        unlabelled |= missing
        notes.append(say_count("{n} image has no label file and is unlabelled.",
                               "{n} images have no label file and are unlabelled.", len(missing)))  # fmt: skip
    return [None if image in unlabelled else label for image, (label, _) in labels.items()], notes


def _read_labels(
    root: str, images: YoloImages, targets: list[str | None], names: dict[int, str]
) -> tuple[list[str | None], list[Oddity]]:
    """The classes of each image as text, and the images whose classes can't be read."""
    texts, oddities = [], []
    for image, label in zip(images.by_path, targets, strict=True):
        text, fault = read_classes(root, label, names) if label else (None, "")
        texts.append(text)
        oddities += [Oddity(image, UNREADABLE_LABEL, f"{label}: {fault}")] if fault else []
    return texts, oddities


def _build_label_map(names: dict[int, str], root: str) -> LabelMap:
    """The label map of drawn masks: stored value 0 is background, k + 1 is class k."""
    classes = build_label_map([names[k] for k in sorted(names)], read_class_file(root)).names
    background = next((n for n, name in enumerate(classes) if name.strip().lower() in BACKGROUND), IGNORE)
    indices = [classes.index(names[k]) if names[k] in classes else IGNORE for k in sorted(names)]
    ignored = tuple(
        (names[k], k + 1) for k in sorted(names) if means_no_label(names[k]) and names[k] not in classes
    )
    values = (0, *(k + 1 for k in sorted(names)), IGNORE)
    return LabelMap(classes, values, (background, *indices, IGNORE), ignored=ignored)
