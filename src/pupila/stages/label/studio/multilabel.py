"""Several classes per image in Label Studio: the classes that the image shows, and those that are unknown.

A submitted annotation is about all classes that it could choose: what it chooses in neither place is absent. These are
the classes that its task was exported with, and those that any annotation of the import chooses; others stay unknown.
"""

from collections.abc import Iterable
from typing import Self

from pupila.artifacts.dataset.formats.tools.studio_tasks import OFFERED_FIELD, Json
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.messages import listing, say
from pupila.stages.label.studio.choices import ChoicesFormat, make_choices, make_choices_tag
from pupila.stages.label.studio.items import NAME, Annotation, Region
from pupila.stages.label.studio.studio_format import UnusableAnnotation
from pupila.stages.label.targets import check_target
from pupila.tasks.label_text import present_classes, read_labels, write_labels
from pupila.tasks.multilabel import MULTILABEL

UNKNOWN_TAG = "unknown"  # name of the tag for classes that nobody can tell


class LabelsFormat(ChoicesFormat):
    """Any number of choices per image."""

    target = MULTILABEL.target

    @classmethod
    def for_export(cls, data: Dataset, targets: Iterable[str]) -> Self:
        """The classes of the data, and those of labels that are no longer in force."""
        return cls(data, [*data.classes, *(name for text in targets for name in read_labels(text))])

    @classmethod
    def for_import(cls, data: Dataset, regions: Iterable[Region]) -> Self:
        """Those that any annotation chooses; each task adds what it was exported with."""
        check_target(data, cls.target)
        chosen = (name for region in regions if region.is_choice for name in region.names)
        return cls(data, sorted(set(chosen)))

    @classmethod
    def decides_target(cls, region: Region, labelled: bool) -> bool:
        """Several classes at once; where the data have one class, such an annotation is at fault."""
        return not labelled and region.is_choice and (len(region.names) > 1 or region.tag == UNKNOWN_TAG)

    def control_tag(self) -> list[str]:
        """A box per class, and one to say that it is unknown."""
        return [
            *make_choices_tag(NAME, "multiple", self.names),
            f'  <Header name="header" value="{UNKNOWN_TAG}:" size="6"/>',
            *make_choices_tag(UNKNOWN_TAG, "multiple", self.names),
        ]

    def task_fields(self) -> Json:
        """The classes to choose from: the data may have others by the time of the import."""
        return {OFFERED_FIELD: self.names}

    def regions(self, row: int, target: str) -> list[Json]:
        """The classes that are present, and those that are unknown."""
        known = read_labels(target)
        unknown = [name for name in self.names if name not in known]
        parts = (("c0", NAME, present_classes(target)), ("c1", UNKNOWN_TAG, unknown))
        return [make_choices(number, tag, names) for number, tag, names in parts if names]

    def read_target(self, row: int, annotation: Annotation) -> str | None:
        """The labels; None where every class is unknown."""
        chosen = [
            (name, region.tag == UNKNOWN_TAG)
            for region in annotation.regions
            if region.is_choice
            for name in region.names
        ]
        present, unknown = ({name for name, out in chosen if out is state} for state in (False, True))
        if both := sorted(present & unknown):
            raise UnusableAnnotation(
                say("a class that is present and unknown at once: {names}", names=listing(both))
            )
        about = {*annotation.offered, *self.names} - unknown
        known = {name: name in present for name in about}
        return write_labels(known) if known else None
