"""What validation decides for masks once the weights stand: temperature, threshold and post-processing.

Threshold and post-processing are kept only if they help beyond the interval.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.core.threads import ahead
from pupila.imaging.images.decode import Array
from pupila.imaging.images.prepare import Preparation
from pupila.imaging.masks.codec import as_png, from_png
from pupila.stages.train.recipe import Concluded
from pupila.stages.train.settings import TrainPlan
from pupila.statistics.intervals import FEW_GROUPS, bootstrap
from pupila.statistics.metrics import segment as figures
from pupila.statistics.metrics.boundary import boundary_counts
from pupila.statistics.metrics.calibration import fit_temperature
from pupila.statistics.metrics.overlap import Overlaps, summary
from pupila.statistics.tests import SIGNIFICANT, holm, sign_flip
from pupila.tasks.segment import refined
from pupila.tasks.task import Decision

_LEVELS = 254  # steps of a kept probability; the middle one is a half
THRESHOLDS = tuple(round(0.2 + 0.05 * step, 2) for step in range(13))  # tried for the foreground
# Post-processing, in shares of the picture, tried in this order, each on top of what was kept before it.
TRIED: dict[str, tuple[float, ...]] = {
    "smooth": (0.01, 0.02),
    "largest_hole": (0.0005, 0.002, 0.01),
    "smallest_region": (0.0005, 0.002, 0.01),
}


@dataclass(frozen=True, slots=True)
class Answered:
    """What is kept of the answer to one image until all decisions are made."""

    png: bytes  # (H, W): of two classes the foreground's probability in `_LEVELS` steps, else the likeliest class
    logits: Array  # (S, C) float32 of some labelled pixels
    truth: Array  # (S,) int64 their classes

    def classes(self) -> set[int]:
        """The classes that were answered anywhere."""
        pixels = from_png(self.png)
        return set(
            np.unique(pixels >= _LEVELS // 2 if self.logits.shape[1] == 2 else pixels).astype(int).tolist()
        )


def levels_of(probability: Array) -> Array:
    """(H, W) probabilities as uint8 levels, 127 being a half."""
    return (probability * _LEVELS + 0.5).astype(np.uint8)


def mask_of(one: Answered, decision: Decision, spec: Preparation) -> Array:
    """(H, W) uint8 class indices that the kept answer becomes under a decision."""
    pixels = from_png(one.png)
    if one.logits.shape[1] > 2:
        return refined(pixels, decision, spec)
    level = 0.5 if decision.threshold is None else decision.threshold
    return refined((pixels >= round(level * _LEVELS)).astype(np.uint8), decision, spec)


@dataclass(frozen=True, slots=True)
class Tuning:
    """What the decisions are made on.

    Args:
        spec: what the shares of a decision are of.
        classes: C.
        found: V answers.
        truth: number of an answer to its (H, W) uint8 class indices.
        groups: (V,) group numbers.
    """

    spec: Preparation
    classes: int
    found: list[Answered]
    truth: Callable[[int], Array]
    groups: Array

    def counts(self, decisions: list[Decision]) -> Array:
        """(P, V, C, C) pixel counts under P decisions."""

        def counted(number: int) -> Array:
            truth = self.truth(number)
            masks = (mask_of(self.found[number], one, self.spec) for one in decisions)
            return np.stack([figures.counts(truth, mask, self.classes) for mask in masks])

        return np.stack(list(ahead(range(len(self.found)), counted)), axis=1)

    def best(self, decision: Decision, changes: list[dict[str, Any]]) -> Decision:
        """The decision with the change that helps most; as it is where none helps beyond its interval.

        Of several that are tried one helps by chance: the test of each is Holm-adjusted for all of them.
        """
        tried = [decision.model_copy(update=change) for change in changes]
        before, *after = self.counts([decision, *tried])
        labelled = before.any(axis=(1, 2))
        groups = self.groups[labelled]
        if len(np.unique(groups)) < FEW_GROUPS:
            return decision
        metric = figures.METRICS[figures.chosen_by(before.shape[-1])]
        scores = figures.image_scores(np.stack([before, *after])[:, labelled], metric)
        gained = scores[1:] - scores[0]
        proven = holm([sign_flip(one, groups) for one in gained])
        gains = [
            float(one.mean()) if p < SIGNIFICANT and _surely_grows(one, groups) else 0.0
            for one, p in zip(gained, proven, strict=True)
        ]
        return tried[int(np.argmax(gains))] if max(gains) > 0 else decision

    def overlaps(self, decision: Decision) -> tuple[Overlaps, list[bytes]]:
        """The pixel counts of the final masks, and the masks as PNG."""
        classes = self.classes

        def made(number: int) -> tuple[Array, Array, bytes]:
            truth = self.truth(number)
            mask = mask_of(self.found[number], decision, self.spec)
            return (
                figures.counts(truth, mask, classes),
                boundary_counts(truth, mask, classes),
                as_png(mask, classes),
            )

        told = list(ahead(range(len(self.found)), made))
        regions, boundaries = (np.stack([one[part] for one in told]) for part in (0, 1))
        return Overlaps(regions, boundaries), [png for _, _, png in told]


def _surely_grows(gained: Array, groups: Array) -> bool:
    """Whether the 95 % interval of the mean gain over groups lies above 0."""
    low, _ = bootstrap(groups, lambda times: np.asarray(times @ gained / times.sum(axis=1)))
    return bool(low > 0)


def conclude(
    plan: TrainPlan, data: Dataset, found: list[Answered], rows: list[int], groups: Array
) -> Concluded:
    """Temperature, threshold and post-processing, and the figures of the masks that they give.

    Args:
        plan: of the run.
        data: the data set.
        found: what was answered to V rows.
        rows: V row numbers.
        groups: (V,) group numbers.
    """
    decision = Decision(abstain_below=plan.abstain_below)
    if not found:
        return Concluded(1.0, decision, {}, pl.DataFrame({"mask": pl.Series([], dtype=pl.Binary)}))
    truth = np.concatenate([one.truth for one in found])
    temperature = fit_temperature(np.concatenate([one.logits for one in found]), truth)
    spec = Preparation(view=plan.view, height=plan.side, width=plan.side)
    tuning = Tuning(spec, len(plan.classes), found, lambda number: data.mask(rows[number]), groups)
    told = {"positive": plan.classes[1], "objective": "mean Dice"} if len(plan.classes) == 2 else None
    decision = refine(tuning, decision, told)
    overlaps, pngs = tuning.overlaps(decision)
    validation = validated(overlaps, groups, plan.classes)
    return Concluded(
        temperature, decision, validation, pl.DataFrame({"mask": pl.Series(pngs, dtype=pl.Binary)})
    )


def refine(tuning: Tuning, decision: Decision, told: dict[str, Any] | None) -> Decision:
    """The decision with the threshold and the post-processing that help.

    Args:
        tuning: what decides.
        decision: to begin with.
        told: what a decision says of a threshold; None: none is tried.
    """
    with progress(say("tuning the masks"), 1 + len(TRIED)) as advance:
        if told is not None:
            changes = [{**told, "threshold": value} for value in THRESHOLDS if value != 0.5]
            decision = tuning.best(decision, changes)
        advance(1)
        for name, values in TRIED.items():
            decision = tuning.best(decision, [{name: value} for value in values])
            advance(1)
    return decision


def validated(overlaps: Overlaps, groups: Array, classes: list[str]) -> dict[str, Any]:
    """What `bundle.json` says of masks: the chosen score first, then the means per image, then each class."""
    if not overlaps.labelled.any():
        return {}
    told = summary(overlaps, groups, classes)
    pooled = {f"pooled {name}": row for name, row in told["pooled"].items()}
    means = {f"mean {name}": rows["mean"] for name, rows in told["per_image"].items()}
    return {
        "n": told["images"],
        "groups": told["groups"],
        "metrics": {**means, **pooled} if len(classes) == 2 else {**pooled, **means},
        "baseline": baseline(overlaps.regions, classes),
    }


def score_name(classes: int) -> str:
    """What `metrics.segment.score` is called among `validated`'s metrics."""
    return f"{'mean' if classes == 2 else 'pooled'} {figures.chosen_by(classes)}"


def baseline(counts: Array, classes: list[str]) -> dict[str, Any]:
    """What always answering the best single class would reach, of (V, C, C) counts."""
    best = figures.best_constant(counts)
    return {"class": classes[best], score_name(len(classes)): figures.score(figures.constant(counts, best))}
