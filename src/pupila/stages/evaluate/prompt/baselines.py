"""Trivial answers to prompts: a gain over a weak start is no claim, so these stand beside every model."""

from dataclasses import dataclass

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.prompt_targets import Thing, things_of
from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.core.threads import ahead
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import Array
from pupila.imaging.images.prepare import resampled
from pupila.stages.evaluate.predictions import Answers
from pupila.stages.evaluate.prompt.predictions import UNTOLD, Answerer, PromptAnswers, answered
from pupila.statistics.metrics.classify import ratio
from pupila.tasks.prompt import Box, Prompt
from pupila.tasks.prompt_strategies import POINTS, filled_box, pixels_in

ENLARGED = (
    1.0,
    1.5,
    2.0,
    3.0,
    4.0,
    6.0,
    8.0,
    float("inf"),
)  # the points' box, times so much; the last: the picture
_GRID = 64  # cells a side of a mean mask
_LEVELS = np.linspace(0.05, 0.95, 19)  # shares of the training masks from which a mean mask may have a cell


@dataclass(frozen=True, slots=True)
class Trivial:
    """What the training split tells of answers that see no picture."""

    enlarged: float  # how much larger than the box of the positive points is what they stand for
    means: dict[int, Array]  # of a class: (_GRID, _GRID) float32, the share of its masks that have the cell
    levels: dict[int, float]  # from which share on the cell is answered

    def box(self, thing: Thing, prompt: Prompt) -> tuple[Array, float]:
        """The prompt's box, filled; of points theirs, enlarged."""
        return filled_box(prompt.box or _around(prompt, self.enlarged), thing.truth.shape), UNTOLD

    def mean(self, thing: Thing, prompt: Prompt) -> tuple[Array, float]:
        """Where the class mostly is; everywhere for a class that the training split does not have."""
        height, width = thing.truth.shape
        if thing.number not in self.means:
            return np.ones((height, width), np.uint8), UNTOLD
        share = resampled(self.means[thing.number], height, width)
        return (share >= self.levels[thing.number]).astype(np.uint8), UNTOLD


def fitted(data: Dataset, rows: list[int]) -> Trivial:
    """The trivial answers that fit the masks of some rows best.

    The box of the points gets the size of the highest mean IoU, and each mean mask the level of the highest pooled IoU.

    Args:
        data: with masks.
        rows: of the training split; none of them leaves the box as it is, and no mean mask.
    """

    def seen(row: int) -> list[tuple[int, Array, Array]]:
        return [(thing.number, _fits(thing), _gridded(thing)) for thing in things_of(data, row)]

    overlap = np.zeros(len(ENLARGED))
    cells: dict[int, Array] = {}
    with progress(say("fitting trivial answers"), len(rows)) as advance:
        for told in ahead(rows, seen):
            for number, fits, grid in told:
                overlap += fits
                cells[number] = cells.get(number, 0) + grid
            advance(1)
    means = {number: ratio(there, known).astype(np.float32) for number, (there, known) in cells.items()}
    levels = {number: _best_level(means[number], *grid) for number, grid in cells.items()}
    return Trivial(ENLARGED[int(overlap.argmax())], means, levels)


def trivial_answers(known: Trivial, data: Dataset, rows: list[int]) -> list[PromptAnswers]:
    """Those of the filled box and of the mean mask."""

    def asked(name: str, answer: Answerer) -> PromptAnswers:
        whose = Answers(name, "", rows, np.zeros(len(rows), dtype=bool))
        return answered(whose, data, lambda row: answer)

    return [asked(say("filled box"), known.box), asked(say("mean mask"), known.mean)]


def _fits(thing: Thing) -> Array:
    """The IoU of the points' box with the thing, at each size."""
    prompt, here, known = thing.prompt(POINTS), thing.truth == 1, thing.truth != IGNORE
    whole, found = int(here.sum()), []
    for times in ENLARGED:
        place = pixels_in(_around(prompt, times), thing.truth.shape)
        shared = int(here[place].sum())
        found.append(shared / (whole + int(known[place].sum()) - shared))
    return np.array(found)


def _gridded(thing: Thing) -> Array:
    """(2, _GRID, _GRID): how much of each cell is of the thing, and how much of it has a label."""
    parts = (thing.truth == 1, thing.truth != IGNORE)
    return np.stack([resampled(part.astype(np.float32), _GRID, _GRID) for part in parts])


def _best_level(mean: Array, there: Array, known: Array) -> float:
    chosen = mean >= _LEVELS[:, None, None]
    shared, answered_cells = (chosen * there).sum(axis=(1, 2)), (chosen * known).sum(axis=(1, 2))
    return float(_LEVELS[(shared / (there.sum() + answered_cells - shared)).argmax()])


def _around(prompt: Prompt, times: float) -> Box:
    """The box of the positive points, about its middle so many times as large; of one line a pixel wide."""
    x, y = np.array(prompt.points).T
    (left, right), (top, bottom) = ((float(one.min()) - 0.5, float(one.max()) + 0.5) for one in (x, y))
    across, down = (times - 1) * (right - left) / 2, (times - 1) * (bottom - top) / 2
    return left - across, top - down, right + across, bottom + down
