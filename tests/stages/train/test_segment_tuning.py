"""What validation decides for masks, on kept answers made by hand."""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from pupila.imaging.masks.codec import as_png, from_png
from pupila.stages.train.segment_tuning import Answered, conclude, levels_of
from pupila.statistics.metrics import segment as figures
from pupila.tasks.task import Decision

Array = NDArray[Any]
IMAGES, SIDE = 24, 40
NOWHERE = np.zeros((0, 2), np.float32), np.zeros(0, np.int64)


@dataclass(frozen=True)
class Plan:
    """What deciding has to know of a plan."""

    classes: tuple[str, ...] = ("land", "water")
    abstain_below: float = 0.0
    view: str = "resize"
    side: int = SIDE


@dataclass(frozen=True)
class Masks:
    """A data set's masks."""

    truths: list[Array]

    def mask(self, row: int) -> Array:
        return self.truths[row]


def truths() -> list[Array]:
    """A lake in each picture, of another width."""
    drawn = np.zeros((IMAGES, SIDE, SIDE), np.uint8)
    for number, mask in enumerate(drawn):
        mask[8:32, 6 : 14 + number % 20] = 1
    return list(drawn)


def decided(probabilities: list[Array], known: list[Array]) -> tuple[Decision, list[Array], dict[str, Any]]:
    answers = [
        Answered(as_png(levels_of(one), 0), *sample(one, truth))
        for one, truth in zip(probabilities, known, strict=True)
    ]
    told = conclude(
        cast(Any, Plan()), cast(Any, Masks(known)), answers, list(range(len(known))), np.arange(len(known))
    )
    return told.decision, [from_png(png) for png in told.answers["mask"]], told.validation


def sample(probability: Array, truth: Array) -> tuple[Array, Array]:
    likely = np.clip(probability.ravel()[::7], 0.01, 0.99)
    logits = np.stack([np.log(1 - likely), np.log(likely)], axis=1).astype(np.float32)
    return logits, truth.ravel()[::7].astype(np.int64)


def test_a_threshold_that_finds_what_a_half_misses_is_kept() -> None:
    known = truths()
    probabilities = [np.where(mask == 1, 0.42, 0.1).astype(np.float32) for mask in known]
    for one in probabilities:
        one[8:20, 6:10] = 0.9  # a corner of each lake is sure
    decision, masks, validation = decided(probabilities, known)
    assert decision.positive == "water"
    assert decision.threshold is not None and 0.1 < decision.threshold <= 0.42
    assert all(np.array_equal(mask, truth) for mask, truth in zip(masks, known, strict=True))
    assert validation["metrics"]["mean Dice"]["value"] == 1


def test_what_helps_one_image_alone_is_not_kept() -> None:
    known = truths()
    probabilities = [np.where(mask == 1, 0.95, 0.05).astype(np.float32) for mask in known]
    probabilities[3][known[3] == 1] = 0.42
    decision, _, _ = decided(probabilities, known)
    assert (decision.threshold, decision.smallest_region, decision.largest_hole, decision.smooth) == (
        None,
        0,
        0,
        0,
    )


def test_specks_and_holes_are_mended_where_every_image_has_them() -> None:
    known = truths()
    probabilities = [np.where(mask == 1, 0.95, 0.05).astype(np.float32) for mask in known]
    for number, one in enumerate(probabilities):
        one[1:3, number : number + 2] = 0.9  # a speck of four pixels
        one[20:22, 9:11] = 0.1  # a hole of four
    decision, masks, _ = decided(probabilities, known)
    assert decision != Decision()
    before = np.stack(
        [figures.counts(t, (p >= 0.5).astype(np.uint8), 2) for t, p in zip(known, probabilities, strict=True)]
    )
    after = np.stack([figures.counts(t, m, 2) for t, m in zip(known, masks, strict=True)])
    assert figures.score(after) > figures.score(before)


def test_few_groups_prove_nothing() -> None:
    known = truths()[:8]
    probabilities = [np.where(mask == 1, 0.42, 0.1).astype(np.float32) for mask in known]
    decision, _, _ = decided(probabilities, known)
    assert decision == Decision()
