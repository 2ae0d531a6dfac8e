"""Choices among class names: the tag that offers them, and the region that holds those that were made."""

from collections.abc import Iterable
from typing import Literal
from xml.sax.saxutils import quoteattr

from pupila.artifacts.dataset.formats.tools.studio_tasks import CHOICES, Json
from pupila.artifacts.dataset.manifest import Dataset
from pupila.stages.label.studio.items import IMAGE, Region
from pupila.stages.label.studio.studio_format import StudioFormat, make_region


class ChoicesFormat(StudioFormat):
    """Choices among class names.

    Args:
        data: the data set.
        names: classes to choose from.
    """

    def __init__(self, data: Dataset, names: Iterable[str]) -> None:
        super().__init__(data)
        self.names = list(dict.fromkeys(names))

    @classmethod
    def fits_target(cls, region: Region) -> bool:
        """A choice does."""
        return region.is_choice


def make_choices_tag(name: str, choice: Literal["single", "multiple"], classes: Iterable[str]) -> list[str]:
    """The lines of a tag that offers the classes."""
    options = [f"    <Choice value={quoteattr(each)}/>" for each in classes]
    start = f'  <Choices name="{name}" toName="{IMAGE}" choice="{choice}" showInline="true">'
    return [start, *options, "  </Choices>"]


def make_choices(number: str, tag: str, classes: list[str]) -> Json:
    """A region with the chosen classes."""
    return {**make_region(CHOICES, number, tag), "value": {CHOICES: classes}}
