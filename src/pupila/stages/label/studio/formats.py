"""How labels look in Label Studio, by what is true of one image."""

from collections.abc import Sequence

from pupila.artifacts.dataset.manifest import Dataset
from pupila.stages.label.studio.classify import ClassifyFormat
from pupila.stages.label.studio.items import Region
from pupila.stages.label.studio.multilabel import LabelsFormat
from pupila.stages.label.studio.segment import SegmentFormat
from pupila.stages.label.studio.studio_format import StudioFormat
from pupila.tasks.classify import CLASSIFY
from pupila.tasks.multilabel import MULTILABEL
from pupila.tasks.segment import SEGMENT
from pupila.tasks.task import Target

STUDIO_FORMATS: dict[Target, type[StudioFormat]] = {
    CLASSIFY.target: ClassifyFormat,
    MULTILABEL.target: LabelsFormat,
    SEGMENT.target: SegmentFormat,
}
FIRST_TARGET = CLASSIFY.target  # of unlabelled data whose annotations could be of any task


def export_format(data: Dataset, targets: Sequence[str]) -> StudioFormat:
    """The format of the labels with these targets."""
    return STUDIO_FORMATS[data.target or FIRST_TARGET].for_export(data, targets)


def import_format(data: Dataset, regions: Sequence[Region]) -> StudioFormat:
    """The format of these annotations: that of a task which alone has such regions, else that of the data.

    Raises:
        PupilaError: the annotations have another target, or other classes than the data.
    """
    own = (
        target
        for target, studio in STUDIO_FORMATS.items()
        if any(studio.decides_target(region, data.target is not None) for region in regions)
    )
    target = next(own, data.target or FIRST_TARGET)
    return STUDIO_FORMATS[target].for_import(data, regions)
