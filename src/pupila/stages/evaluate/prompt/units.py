"""What is prompted for: one mask per class and image, and the prompts that are drawn from it."""

import json
from dataclasses import asdict, dataclass

import numpy as np

from pupila.artifacts.dataset.prompt_targets import Thing, things_of
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.progress import progress
from pupila.core.threads import ahead
from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.evaluator import Bench
from pupila.tasks.prompt_strategies import BOX, POINTS, WAYS, Way
from pupila.tasks.segment import things

COUNTS = (1, 2, 3, 5, 8)  # points of a prompt whose number is varied
JITTERS = (0.0, 0.05, 0.1, 0.2)  # by how much a box is off, over its sides
MORE_POINTS = tuple(Way(f"{count} of points", points=count) for count in COUNTS)
OTHER_BOXES = tuple(
    BOX if jitter == BOX.jitter else Way(f"box off by {jitter:.0%}", jitter=jitter) for jitter in JITTERS
)
AT_BORDER = Way("points at the border", POINTS.points, POINTS.negatives, border=True)
FURTHER = (*MORE_POINTS, *OTHER_BOXES, AT_BORDER)  # how far an answer depends on the prompt


@dataclass(frozen=True, slots=True)
class Units:
    """What is judged: U things, in the order of the images and of the classes."""

    rows: list[int]  # of each thing's image in the data set
    numbers: list[int]  # of its class
    groups: Array  # (U,) of its image
    prompts: bytes  # `prompts.jsonl`: a line for each thing and way


def units_of(bench: Bench) -> Units:
    """The things of the images that are judged.

    Raises:
        PupilaError: the data have no masks, or there is none.
    """
    data = bench.data
    if data.legend is None:
        raise PupilaError(
            say("Prompts are drawn from masks, which these data don't have"), found=data.layout,
            wanted=say("images with masks"),
        )  # fmt: skip

    def drawn(row: int) -> list[tuple[int, list[str]]]:
        image = data.images["image"][row]
        return [(thing.number, [_line(image, thing, way) for way in WAYS]) for thing in things_of(data, row)]

    rows, numbers, groups, lines = [], [], [], []
    with progress(say("drawing prompts"), len(bench.rows)) as advance:
        found = ahead(bench.rows, drawn)
        for row, group, here in zip(bench.rows, bench.groups.tolist(), found, strict=True):
            for number, told in here:
                rows.append(row)
                numbers.append(number)
                groups.append(group)
                lines += told
            advance(1)
    if not rows:
        raise PupilaError(
            say("None of the images shows what could be prompted for"),
            found=say("{n} masks without it", n=len(bench.rows)), wanted=listing(list(things(data.classes).values())),
        )  # fmt: skip
    return Units(rows, numbers, np.array(groups), "".join(f"{line}\n" for line in lines).encode())


def _line(image: str, thing: Thing, way: Way) -> str:
    told = {"image": image, "class": thing.name, "way": way.name, **asdict(thing.prompt(way))}
    return json.dumps(told, ensure_ascii=False)
