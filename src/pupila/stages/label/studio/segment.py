"""Masks in Label Studio: brushes, written and read; polygons and rectangles, read."""

from collections.abc import Iterable, Sequence
from typing import Self
from xml.sax.saxutils import quoteattr

import numpy as np

from pupila.artifacts.dataset.formats.tools.annotations import draw_shape
from pupila.artifacts.dataset.formats.tools.studio_tasks import Json
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.messages import say
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import Array
from pupila.imaging.masks.brush import encode
from pupila.imaging.masks.codec import SAME_SHAPE, resize_mask
from pupila.imaging.masks.label_map import BACKGROUND, LabelMap, css_colours
from pupila.stages.label.mask_files import choose_label_map, fill_index, read_mask, write_mask
from pupila.stages.label.studio.items import IMAGE, NAME, Annotation, Region
from pupila.stages.label.studio.studio_format import StudioFormat, UnusableAnnotation, make_region
from pupila.tasks.segment import SEGMENT

BRUSH = "brushlabels"  # type of a region, and the name of its classes


class SegmentFormat(StudioFormat):
    """A mask per image.

    Args:
        data: the data set.
        label_map: what the values of its masks mean.
    """

    target = SEGMENT.target

    def __init__(self, data: Dataset, label_map: LabelMap) -> None:
        super().__init__(data)
        self.label_map = label_map

    @classmethod
    def for_export(cls, data: Dataset, targets: Iterable[str]) -> Self:
        """The classes of the data."""
        return cls(data, data.require_label_map())

    @classmethod
    def for_import(cls, data: Dataset, regions: Iterable[Region]) -> Self:
        """The classes of the masks, or those that are drawn in the first masks."""
        drawn = [name for region in regions if cls.decides_target(region, False) for name in region.names]
        return cls(data, choose_label_map(data, drawn))

    @classmethod
    def decides_target(cls, region: Region, labelled: bool) -> bool:
        """A shape with a class belongs into a mask."""
        return cls.fits_target(region) and bool(region.names)

    @classmethod
    def fits_target(cls, region: Region) -> bool:
        """A drawing does."""
        return region.has_area

    def control_tag(self) -> list[str]:
        """A brush per class, in the colours of the other pages."""
        names = self.label_map.names
        shown = css_colours(len(names))
        options = [
            f"    <Label value={quoteattr(name)} background={quoteattr(shown[index])}/>"
            for index, name in _drawn_classes(names)
        ]
        return [f'  <BrushLabels name="{NAME}" toName="{IMAGE}">', *options, "  </BrushLabels>"]

    def regions(self, row: int, target: str) -> list[Json]:
        """A brush for each class in the mask."""
        height, width = self._size(row)
        size = {"original_width": width, "original_height": height, "image_rotation": 0}
        mask = read_mask(self.data, row, target)
        return [
            {
                **make_region(BRUSH, f"m{index}"), **size,
                "value": {"format": "rle", "rle": encode(mask == index), BRUSH: [name]},
            }
            for index, name in _drawn_classes(self.label_map.names)
            if (mask == index).any()
        ]  # fmt: skip

    def read_target(self, row: int, annotation: Annotation) -> str | None:
        """The path of the mask, which is written; None if no pixel has a label."""
        drawn = [region for region in annotation.regions if region.has_area]
        if annotation.regions and not drawn:
            raise UnusableAnnotation(say("a choice without a drawing is no mask"))
        mask = self._draw_mask(row, drawn)
        return None if (mask == IGNORE).all() else write_mask(self.data, row, mask, self.label_map)

    def _draw_mask(self, row: int, regions: Sequence[Region]) -> Array:
        """Class indices of (height, width): the regions one over the other; nothing drawn is all background."""
        size, names = self._size(row), self.label_map.names
        mask = np.full(size, fill_index(self.label_map), dtype=np.uint8)
        for region in regions:
            height, width = region.size(*size)
            if abs(height * size[1] / (width * size[0]) - 1) > SAME_SHAPE:
                raise UnusableAnnotation(say("drawn on an image of another shape"))
            if not region.names:
                raise UnusableAnnotation(say("a region without a class"))
            try:
                covered = draw_shape(region.outline((height, width)), (height, width))
            except (ValueError, KeyError, TypeError) as fault:
                raise UnusableAnnotation(say("unreadable region ({reason})", reason=fault)) from fault
            index = names.index(region.names[-1]) if region.names[-1] in names else fill_index(self.label_map)
            mask[resize_mask(covered.astype(np.uint8), *size) == 1] = index
        return mask

    def _size(self, row: int) -> tuple[int, int]:
        height, width = self.data.images.select("height", "width").row(row)
        return height, width


def _drawn_classes(classes: Sequence[str]) -> list[tuple[int, str]]:
    """The classes to draw: all but the background."""
    named = [name.strip().lower() in BACKGROUND for name in classes]
    plain = len(classes) == 2 and not any(named)
    return [(i, name) for i, name in enumerate(classes) if not named[i] and not (plain and i == 0)]
