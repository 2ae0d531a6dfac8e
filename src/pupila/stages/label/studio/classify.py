"""One class per image in Label Studio: a single choice."""

from collections.abc import Iterable
from typing import Self

from pupila.artifacts.dataset.formats.tools.studio_tasks import Json
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.messages import say
from pupila.stages.label.studio.choices import ChoicesFormat, make_choices, make_choices_tag
from pupila.stages.label.studio.items import NAME, Annotation, Region
from pupila.stages.label.studio.studio_format import UnusableAnnotation
from pupila.stages.label.targets import check_target
from pupila.tasks.classify import CLASSIFY


class ClassifyFormat(ChoicesFormat):
    """One choice per image."""

    target = CLASSIFY.target

    @classmethod
    def for_export(cls, data: Dataset, targets: Iterable[str]) -> Self:
        """The classes of the data, and those of labels that are no longer in force."""
        return cls(data, [*data.classes, *targets])

    @classmethod
    def for_import(cls, data: Dataset, regions: Iterable[Region]) -> Self:
        """Any class may be chosen."""
        check_target(data, cls.target)
        return cls(data, data.classes)

    @classmethod
    def decides_target(cls, region: Region, labelled: bool) -> bool:
        """A choice may also stand beside a drawing."""
        return False

    def control_tag(self) -> list[str]:
        """A button per class."""
        return make_choices_tag(NAME, "single", self.names)

    def regions(self, row: int, target: str) -> list[Json]:
        """The choice."""
        return [make_choices("c0", NAME, [target])]

    def read_target(self, row: int, annotation: Annotation) -> str | None:
        """The class that was chosen."""
        chosen = [name for region in annotation.regions if region.is_choice for name in region.names]
        if len(set(chosen)) > 1:
            raise UnusableAnnotation(say("several classes for one image"))
        return chosen[0] if chosen else None
