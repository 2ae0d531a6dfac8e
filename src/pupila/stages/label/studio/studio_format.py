"""How labels are written for Label Studio and read back, which depends on the task that the labels are for."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar, Self

from pupila.artifacts.dataset.formats.tools.studio_tasks import Json
from pupila.artifacts.dataset.manifest import Dataset
from pupila.stages.label.studio.items import IMAGE, NAME, Annotation, Region
from pupila.tasks.task import Target


class UnusableAnnotation(Exception):
    """An annotation that can't be imported; its text is the reason."""


class StudioFormat(ABC):
    """How labels of one task look in Label Studio.

    Args:
        data: the data set.
    """

    target: ClassVar[Target]

    def __init__(self, data: Dataset) -> None:
        self.data = data

    @classmethod
    @abstractmethod
    def for_export(cls, data: Dataset, targets: Iterable[str]) -> Self:
        """The format of the labels with these targets."""

    @classmethod
    @abstractmethod
    def for_import(cls, data: Dataset, regions: Iterable[Region]) -> Self:
        """The format of these annotations.

        Raises:
            PupilaError: they have another target, or other classes than the data.
        """

    @classmethod
    @abstractmethod
    def decides_target(cls, region: Region, labelled: bool) -> bool:
        """Whether a region can only belong to this task, so that it decides the target.

        Args:
            region: of an annotation.
            labelled: whether the data have a target already, which another one would contradict.
        """

    @classmethod
    @abstractmethod
    def fits_target(cls, region: Region) -> bool:
        """Whether a region says something about the target."""

    @abstractmethod
    def control_tag(self) -> list[str]:
        """The lines of the labelling configuration that offer the classes."""

    def task_fields(self) -> Json:
        """What every task says for its import, besides the image."""
        return {}

    @abstractmethod
    def regions(self, row: int, target: str) -> list[Json]:
        """The label of a row as regions.

        Raises:
            PupilaError: its mask can't be read.
        """

    @abstractmethod
    def read_target(self, row: int, annotation: Annotation) -> str | None:
        """The target that an annotation gives the row; None: unsure.

        Raises:
            UnusableAnnotation: it can't be imported.
        """


def make_region(kind: str, number: str, tag: str = NAME) -> Json:
    """The start of a region, made with a tag of the labelling configuration."""
    return {"id": number, "type": kind, "from_name": tag, "to_name": IMAGE}
