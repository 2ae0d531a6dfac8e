"""Which image stands for its group: related images are no independent evidence of drift."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from pupila.artifacts.predictions.log import PredictionRecord

WINDOW = 200  # images after which a group that had no further one is closed
HOURS = 1.0  # and the time, by the records
_MOST_CLOSED = 100_000  # names of closed groups that are remembered


@dataclass(slots=True)
class _Open:
    record: PredictionRecord  # the one that stands for the group
    last: int  # number of its last image
    time: datetime  # of its last image


class GroupPicker:
    """Reduces a stream of images to one for each group: the one with the least SHA-256, an image at random.

    A group without a name is an image by itself; the same file again is the same group. A named group is closed when
    `WINDOW` images came after its last one, or one that is `HOURS` later; what comes later of a closed group is
    counted, and left out.
    """

    def __init__(self) -> None:
        self.images = self.late = self.repeated = 0
        self._open: OrderedDict[str, _Open] = OrderedDict()  # by name, the one that waits longest first
        self._closed: OrderedDict[str, None] = OrderedDict()  # the latest

    @property
    def open(self) -> int:
        """Groups that may have further images."""
        return len(self._open)

    def add(self, record: PredictionRecord) -> Iterator[PredictionRecord]:
        """The groups that are closed now."""
        self.images += 1
        name, moment = record.group or f"sha256:{record.image}", datetime.fromisoformat(record.time)
        if name in self._closed:
            self._closed.move_to_end(name)
            self.late += bool(record.group)
            self.repeated += not record.group
        elif record.group:
            present = self._open.pop(name, None)
            best = min(record, record if present is None else present.record, key=lambda own: own.image)
            self._open[name] = _Open(best, self.images, moment)
        else:
            self._close(name)
            yield record
        while self._open and self._is_over(next(iter(self._open.values())), moment):
            oldest, group = self._open.popitem(last=False)
            self._close(oldest)
            yield group.record

    def finish(self) -> Iterator[PredictionRecord]:
        """The groups that are still open, at the end of a log."""
        while self._open:
            name, group = self._open.popitem(last=False)
            self._close(name)
            yield group.record

    def _is_over(self, group: _Open, now: datetime) -> bool:
        return group.last <= self.images - WINDOW or now - group.time >= timedelta(hours=HOURS)

    def _close(self, name: str) -> None:
        self._closed[name] = None
        if len(self._closed) > _MOST_CLOSED:
            self._closed.popitem(last=False)
