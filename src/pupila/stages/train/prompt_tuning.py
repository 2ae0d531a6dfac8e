"""What validation decides for prompts once the weights stand: temperature, threshold and post-processing."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.prompt_targets import Thing, things_of, truth_of
from pupila.core.messages import say
from pupila.core.threads import ahead
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import Array
from pupila.imaging.images.prepare import Preparation
from pupila.stages.train.recipe import Concluded
from pupila.stages.train.segment_tuning import Answered, Tuning, refine
from pupila.stages.train.settings import TrainPlan
from pupila.statistics.metrics.calibration import fit_temperature
from pupila.statistics.metrics.overlap import Overlaps, summary
from pupila.statistics.metrics.segment import METRICS, counts
from pupila.tasks.prompt import Raw, number_of
from pupila.tasks.prompt_strategies import BOX, WAYS, filled_box
from pupila.tasks.task import Decision

_SAMPLED = 500  # cells of a mask, by which the temperature is fitted


@dataclass(frozen=True, slots=True)
class Unit:
    """A class of an image, asked for in one way, and what is kept of the answer."""

    row: int  # of the data set
    number: int  # of the class
    way: str
    kept: Answered | None = None

    def answered(self, png: bytes, logits: Array, truth: Array) -> "Unit":
        """The unit with its answer: see `Answered`."""
        return replace(self, kept=Answered(png, logits, truth))

    @property
    def answer(self) -> Answered:
        """What is kept."""
        assert self.kept is not None  # it was asked
        return self.kept

    def classes(self) -> set[int]:
        """Whether anything was answered, and whether anything was not."""
        return self.answer.classes()


def sampled(raw: Raw, kind: str, small: Array, seed: list[int]) -> tuple[Array, Array]:
    """(S, 2) logits of not belonging and of belonging, and (S,) whether it does, of some labelled cells.

    Args:
        raw: what the decoder said.
        kind: of the decoder.
        small: (h, w) uint8 truth: 1, 0 or IGNORE.
        seed: decides which cells.
    """
    known = np.flatnonzero(small.ravel() != IGNORE)
    some = known[np.random.default_rng(seed).integers(len(known), size=_SAMPLED)] if len(known) else known
    logits = raw.masks[number_of(raw, kind)].ravel()[some]
    return np.stack([np.zeros_like(logits), logits], axis=1), small.ravel()[some].astype(np.int64)


def conclude(plan: TrainPlan, data: Dataset, found: list[Unit], rows: list[int], groups: Array) -> Concluded:
    """The decisions, and the figures of what points and boxes ask for.

    Args:
        plan: of the run.
        data: the data set.
        found: what was answered of V rows; rows without a thing to point at have no unit.
        rows: V row numbers.
        groups: (V,) group numbers.
    """
    decision = Decision(abstain_below=plan.abstain_below)
    blank = pl.DataFrame({f"iou:{way.name}": pl.Series([None] * len(rows), dtype=pl.Float64) for way in WAYS})
    if not found:
        return Concluded(1.0, decision, {}, blank)
    group_of = dict(zip(rows, groups.tolist(), strict=True))
    own = np.array([group_of[unit.row] for unit in found])
    kept = [unit.answer for unit in found]
    temperature = fit_temperature(*(np.concatenate(part) for part in zip(
        *((one.logits, one.truth) for one in kept), strict=True)))  # fmt: skip
    spec = Preparation(height=plan.side, width=plan.side)

    def truth(number: int) -> Array:
        return truth_of(data.mask(found[number].row), found[number].number)

    tuning = Tuning(spec, 2, kept, truth, own)
    decision = refine(tuning, decision, {"positive": "thing", "objective": "mean Dice"})
    overlaps, _ = tuning.overlaps(decision)
    return Concluded(
        temperature, decision, _validated(overlaps, found, own, data), _answers(overlaps, found, rows)
    )


def _validated(overlaps: Overlaps, found: list[Unit], groups: Array, data: Dataset) -> dict[str, Any]:
    """What `bundle.json` says: the chosen score first, then the means of each way of asking."""
    every = summary(overlaps, groups, ["other", "thing"])
    metrics = {score_name(2): every["per_image"]["IoU"]["mean"]}
    for way in WAYS:
        own = np.array([number for number, unit in enumerate(found) if unit.way == way.name])
        told = summary(overlaps.on(own), groups[own], ["other", "thing"])["per_image"]
        metrics |= {f"mean {name} ({way.name})": told[name]["mean"] for name in ("IoU", "Dice")}
    rows = list(dict.fromkeys(unit.row for unit in found))
    return {
        "n": len(rows),
        "groups": len(set(groups.tolist())),
        "metrics": metrics,
        "baseline": baseline(data, rows),
    }


def _answers(overlaps: Overlaps, found: list[Unit], rows: list[int]) -> pl.DataFrame:
    """What `oof.parquet` holds of each row: the mean IoU of its classes, for each way of asking."""
    scores = METRICS["IoU"](overlaps.regions)[:, 1]
    told: dict[str, list[float | None]] = {}
    for way in WAYS:
        of: dict[int, list[float]] = {}
        for unit, score in zip(found, scores.tolist(), strict=True):
            if unit.way == way.name:
                of.setdefault(unit.row, []).append(score)
        told[f"iou:{way.name}"] = [float(np.mean(of[row])) if row in of else None for row in rows]
    return pl.DataFrame({name: pl.Series(values, dtype=pl.Float64) for name, values in told.items()})


def score_name(_: int) -> str:
    """What validation chooses by: over the images' classes, and over all ways of asking for them."""
    return "mean IoU"


def baseline(data: Dataset, rows: list[int]) -> dict[str, Any]:
    """What filling the box of each thing would reach."""

    def score(thing: Thing) -> float:
        box = thing.prompt(BOX).box
        assert box is not None  # it is asked for with one
        return float(METRICS["IoU"](counts(thing.truth, filled_box(box, thing.truth.shape), 2))[1])

    def scores(row: int) -> list[float]:
        return [score(thing) for thing in things_of(data, row)]

    every = [one for found in ahead(rows, scores) for one in found]
    return {
        "class": say("the filled box of a prompt with a box"),
        score_name(2): float(np.mean(every)) if every else 0.0,
    }
