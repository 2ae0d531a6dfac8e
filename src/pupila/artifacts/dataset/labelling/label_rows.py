"""The labels of a layout, before it is decided what the targets are."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LabelRows:
    """The known classes of each row."""

    rows: list[Mapping[str, bool] | None]  # class name -> whether the image shows it; None: no label
    classes: list[str]  # all names
    notes: list[str] = field(default_factory=list)  # how they were found, for the user

    @property
    def exclude_each_other(self) -> bool:
        """Whether every labelled row shows exactly one of several classes, and none is unknown."""
        labelled = [labels for labels in self.rows if labels is not None]
        return len(self.classes) > 1 and all(
            len(labels) == len(self.classes) and sum(labels.values()) == 1 for labels in labelled
        )
