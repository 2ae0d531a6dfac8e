"""Which image stands for its group: related images are no independent evidence of drift."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from pupila.artifacts.predictions.log import PredictionRecord

WINDOW = 200  # images after which a group that had no further one is closed


@dataclass(slots=True)
class _Open:
    record: PredictionRecord  # the one that stands for the group
    last: int  # number of its last image


class GroupPicker:
    """Reduces a stream of images to one for each group: the one with the least SHA-256, an image at random.

    A group without a name is an image by itself; the same file again is the same group. A named group is closed when
    `WINDOW` images came after its last one; what comes later of a closed group is counted, and left out.
    """

    def __init__(self) -> None:
        self.images = self.late = 0
        self._open: OrderedDict[str, _Open] = OrderedDict()  # by name, the one that waits longest first
        self._closed: OrderedDict[str, None] = OrderedDict()  # the latest

    def add(self, record: PredictionRecord) -> Iterator[PredictionRecord]:
        """The groups that are closed now."""
        raise NotImplementedError

    def finish(self) -> Iterator[PredictionRecord]:
        """The groups that are still open, at the end of a log."""
        raise NotImplementedError
