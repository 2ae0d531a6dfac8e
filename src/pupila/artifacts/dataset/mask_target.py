"""The stored values of a mask target: of a file, of several files of one image, or drawn from an annotation."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.artifacts.dataset.formats.masks.mask_files import MaskFile, read_mask_files
from pupila.artifacts.dataset.formats.tables.class_files import build_label_map
from pupila.artifacts.dataset.formats.tools.annotations import draw_annotation, is_annotation
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.convert import apply_orientation
from pupila.imaging.images.decode import ImageFault, ImageLimits
from pupila.imaging.masks.codec import SAME_SHAPE, StoredMask, read_stored_mask, resize_mask
from pupila.imaging.masks.inference import ValueCounts, count_places, count_values, infer_label_map
from pupila.imaging.masks.label_map import BACKGROUND, LabelMap, class_colours
from pupila.imaging.masks.no_label import means_no_label

Array = NDArray[Any]

_FOREGROUND = "foreground"  # the class of objects without a category


def is_drawn(target: str) -> bool:
    """Whether the stored values are class indices that come from names: of an annotation, or of several mask files."""
    return is_annotation(target) or read_mask_files(target) is not None


def read_target(
    root: str,
    target: str,
    drawing: LabelMap | None,
    size: tuple[int, int],
    limits: ImageLimits,
    colour: bool = False,
) -> tuple[StoredMask, bytes]:
    """The stored values of a target, and the bytes that they come from.

    Args:
        root: folder or URI that the target is relative to.
        target: a mask file, an annotation, or several mask files.
        drawing: the label map of what is drawn (see `is_drawn`).
        size: (height, width) of the upright image, for annotations.
        limits: what to refuse.
        colour: read palettes and grey levels of a mask file as colours.

    Raises:
        ImageFault: the mask can't be read.
        OSError: a file can't be read.
    """
    if drawing is not None and is_annotation(target):
        return draw_annotation(root, target, drawing, size, limits)
    if drawing is not None and (mask_files := read_mask_files(target)) is not None:
        return _unite(root, mask_files, drawing, limits)
    content = files.read_bytes(files.join(root, target))
    return read_stored_mask(content, colour, limits), content


def is_as_stored(shape: tuple[int, int], own: int, orientation: int, size: tuple[int, int]) -> bool | None:
    """Whether a mask lies as the camera stored the photo, and must be turned with it; None: its size does not decide.

    Args:
        shape: (height, width) of the mask, turned by its own EXIF orientation.
        own: that orientation.
        orientation: of the image.
        size: (height, width) of the upright image.
    """
    if own != 1 or orientation == 1:
        return False
    quarter = orientation in (5, 6, 7, 8)
    ratio, straight, turned = shape[1] / shape[0], size[1] / size[0], size[0] / size[1]
    if not quarter or abs(straight / turned - 1) <= 2 * SAME_SHAPE:
        return None
    return abs(ratio / turned - 1) <= SAME_SHAPE


def read_classes(stored: StoredMask, label_map: LabelMap, orientation: int, size: tuple[int, int]) -> Array:
    """(height, width) uint8 class indices of a mask, turned with the photo where it lies as the camera stored it.

    Args:
        stored: as its file holds it.
        label_map: of the data set.
        orientation: of the image, EXIF.
        size: (height, width) of the upright image.
    """
    values = stored.values
    if is_as_stored(values.shape, stored.orientation, orientation, size):
        values = apply_orientation(values, orientation)
    return resize_mask(label_map.read(values)[0], *size)


def name_layers(targets: list[str], given: LabelMap | None) -> LabelMap | None:
    """The label map of targets of several mask files: background, then their categories; None where no target is one.

    Args:
        targets: of the data set.
        given: from a class file.
    """
    layers = [mask_file for target in targets for mask_file in read_mask_files(target) or ()]
    if not layers:
        return None
    categories = sorted({layer.category for layer in layers if layer.category is not None})
    if given is not None and given.source and len(given.names) > 2 and not categories:
        given = None  # a list of names that is about something else
    if given is not None and (not categories or set(categories) <= {*given.names}):
        return LabelMap.plain(given.names)
    loose = any(layer.category is None for layer in layers)
    return build_label_map([*([_FOREGROUND] if loose else []), *categories], given)


def _unite(
    root: str, mask_files: list[MaskFile], label_map: LabelMap, limits: ImageLimits
) -> tuple[StoredMask, bytes]:
    """One mask of the layers, later ones on top; its `overlap` counts pixels of several classes."""
    contents = {path: files.read_bytes(files.join(root, path)) for path in {each.path for each in mask_files}}
    digests = "".join(files.sha256(contents[each.path]) for each in mask_files).encode()
    values = first = None
    overlap: Array | None = None
    for each in mask_files:
        stored = read_stored_mask(contents[each.path], limits=limits, page=each.page)
        if len(mask_files) == 1 and _holds_indices(stored, label_map):
            return stored, digests
        marked, unlabelled = _find_marked(stored, each.path)
        if values is None or first is None or overlap is None:
            first = stored
            values = np.full(marked.shape, _background(label_map), dtype=np.uint8)
            taken, overlap = np.zeros(marked.shape, dtype=bool), np.zeros(marked.shape, dtype=bool)
        if marked.shape != values.shape:
            sizes = [f"{shape[1]} x {shape[0]}" for shape in (values.shape, marked.shape)]
            raise ImageFault("unreadable", say("its files differ in size: {sizes}", sizes=listing(sizes)))
        index = _class_index(each.category, label_map)
        overlap |= marked & taken & (values != index)
        values[unlabelled & ~taken] = IGNORE
        values[marked] = index
        taken |= marked
    assert first is not None, mask_files
    assert values is not None, mask_files
    assert overlap is not None, mask_files
    united = StoredMask(values, False, "L", first.format, first.orientation, overlap=int(overlap.sum()))
    return united, digests


def _background(label_map: LabelMap) -> int:
    names = enumerate(label_map.names)
    return next((index for index, name in names if name.strip().lower() in BACKGROUND), IGNORE)


def _class_index(category: str | None, label_map: LabelMap) -> int:
    """The class index of a layer; that of the only class beside the background for an object without a category."""
    if (category or _FOREGROUND) in label_map.names:
        return label_map.names.index(category or _FOREGROUND)
    if category is not None and means_no_label(category):
        return IGNORE
    others = [index for index, name in enumerate(label_map.names) if name.strip().lower() not in BACKGROUND]
    if category is None and len(others) == 1:
        return others[0]
    raise ImageFault("unreadable", say("its category {name} is not among the classes", name=category))


def _holds_indices(stored: StoredMask, label_map: LabelMap) -> bool:
    """Whether a lone file holds class indices: it says so, or has the palette that earlier versions wrote."""
    count = len(label_map.names)
    colours = class_colours(count)[:count].astype(np.int64) @ (1 << 16, 1 << 8, 1)
    return stored.indices or stored.palette[:count] == tuple(colours.tolist())


def _find_marked(stored: StoredMask, path: str) -> tuple[Array, Array]:
    """The pixels that a layer marks, and those without a label; (H, W) bool each.

    Raises:
        ImageFault: it holds more than one class.
    """
    values, counts = count_values(stored.values)
    known = dict(zip(values.tolist(), counts.tolist(), strict=True))
    occurrences = ValueCounts(known, *count_places(stored.values), lossy=stored.format == "JPEG")
    try:
        label_map = infer_label_map(occurrences, stored.coloured)
    except PupilaError as fault:
        raise ImageFault("unreadable", str(fault)) from fault
    indices, _ = label_map.read(stored.values)
    present = np.unique(indices[indices != IGNORE])
    if len(label_map.names) > 2 and len(present) > 2:
        shown = listing([str(value) for value in values.tolist()], 4)
        reason = say("{path} has several values ({values}), but is one class or object of its image",
                     path=path, values=shown)  # fmt: skip
        raise ImageFault("unreadable", reason)
    lowest = label_map.values[label_map.indices.index(0)] if label_map.indices else 0
    if stored.coloured and lowest:
        raise ImageFault("unreadable", say("{path} has no black background", path=path))
    return (indices != 0) & (indices != IGNORE), indices == IGNORE
