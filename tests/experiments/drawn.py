"""Sweeps that were never trained: folders with drawn outcomes, so that it is known which cells are equal."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import polars as pl

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.run.folder import write_out_of_fold
from pupila.artifacts.run.log import EpochLog, write_log
from pupila.artifacts.run.outcomes import Outcomes, write_outcomes
from pupila.artifacts.run.plan import COMPLETED, PlanFile, RunPlan, write_plan
from pupila.artifacts.sweep.cell import CellError, CellResult, CellTiming
from pupila.artifacts.sweep.definition import Axis, Share, SweepEntry, SweepFile
from pupila.artifacts.sweep.folder import Sweep, cell_folder, write_sweep
from pupila.artifacts.sweep.sealed import write_sealed
from pupila.imaging.images.decode import Array
from pupila.statistics.estimate import Estimate
from pupila.statistics.metrics.baseline import Baseline
from pupila.statistics.metrics.estimates import estimate_overall

CLASSES = ["ant", "bee"]


@dataclass(frozen=True)
class DrawnCell:
    """One row of a drawn sweep."""

    settings: dict[str, Any]
    right: Array | None = None  # (N,) bool: whether each validation image is right; None: no result
    seed: int = 0
    state: str = "completed"
    parameters: int = 1000
    milliseconds: float | None = None
    host: str = "drawn"
    score: float | None = field(default=None)  # None: as the outcomes say; NaN: not measurable
    trial: int | None = None
    rung: int | None = None
    share: float | None = None  # of a learning curve
    epochs: tuple[Array, ...] = ()  # (N,) bool each: what was right after each epoch, stored as outcomes


def draw_right(count: int, wrong: int, seed: int) -> Array:
    """(count,) bool, of which exactly `wrong` are false."""
    right = np.ones(count, dtype=bool)
    right[np.random.default_rng(seed).permutation(count)[:wrong]] = False
    return right


def targets_of(count: int) -> Array:
    """(count,) class numbers, half of each."""
    return np.arange(count) % len(CLASSES)


def write_drawn(
    folder: Path, axes: Sequence[Axis], cells: Sequence[DrawnCell], groups: Array | None = None, **info: Any
) -> Sweep:
    """Write the folder of a sweep."""
    entries = []
    for number, cell in enumerate(cells):
        name = "" if cell.state == "impossible" else f"cell{number:04d}"
        settings = {**cell.settings, "seed": cell.seed}
        reason = "momentum has no effect" if cell.state == "impossible" else ""
        entries.append(
            SweepEntry(
                cell=name,
                settings=settings,
                seed=cell.seed,
                trial=cell.trial,
                rung=cell.rung,
                reason=reason,
                share=None if cell.share is None else Share(share=cell.share),
            )
        )
        if name:
            _write_cell(str(folder), name, cell, groups)
    write_sweep(str(folder), SweepFile(
        data_hash="d" * 64, splits_hash="s" * 64, task="classify", metric="macro_f1", axes=list(axes), base={},
        threads=1, entries=entries, **{"closed": True, **info},
    ))  # fmt: skip
    return Sweep(str(folder))


def _write_cell(sweep: str, name: str, cell: DrawnCell, groups: Array | None) -> None:
    folder = cell_folder(sweep, name)
    timing = CellTiming(seconds=1.5, host=cell.host, milliseconds=cell.milliseconds)
    if cell.state == "failed":
        write_sealed(
            f"{folder}/error.json", CellError(cell=name, reason="Out of memory", attempts=9, timing=timing)
        )
    if cell.right is None:
        return
    targets, own = targets_of(len(cell.right)), np.arange(len(cell.right)) if groups is None else groups
    predicted = np.where(cell.right, targets, 1 - targets)
    metrics = estimate_overall(targets, predicted, own, len(CLASSES))
    if cell.score is not None:
        value = None if np.isnan(cell.score) else cell.score
        metrics["macro_f1"] = Estimate(value=value)
    write_sealed(f"{folder}/result.json", CellResult(
        cell=name, state="collapsed" if cell.state == "collapsed" else "completed", metric="macro_f1", metrics=metrics,
        images=len(targets), groups=len(set(own.tolist())), baseline=Baseline(name="ant", metrics={"macro_f1": 1 / 3}),
        best_epoch=2, epochs=3, parameters=cell.parameters, predictions="h" * 64, timing=timing,
    ))  # fmt: skip
    write_out_of_fold(folder, pl.DataFrame({
        "image": [f"{number:05d}.jpg" for number in range(len(targets))],
        "sha256": [f"{number:064d}" for number in range(len(targets))],
        "target": [CLASSES[number] for number in targets], "split": "validation",
        "fold": pl.Series([None] * len(targets), dtype=pl.Int64), "component": own,
        "prediction": [CLASSES[number] for number in predicted],
    }))  # fmt: skip
    if cell.epochs:
        plan = RunPlan(task="classify", model="small", classes=CLASSES, data_hash="d", splits_hash="s")
        write_plan(folder, PlanFile[RunPlan](state=COMPLETED, settings={}, plan=plan))
        values = np.stack([np.where(right, targets, 1 - targets) for right in cell.epochs]).astype(np.uint8)
        write_outcomes(folder, {"head": Outcomes(np.arange(len(targets)), targets, values)})
    write_log(folder, [
        EpochLog(part="head", phase="head", epoch=epoch, train_loss=1 / epoch, validation_loss=1.2 / epoch,
                 metrics={"macro_f1": 0.5 + epoch / 10}, score=0.5 + epoch / 10, lr=0.01, seconds=1.0)
        for epoch in (1, 2, 3)
    ])  # fmt: skip


def drawn_data(has_test_split: bool = True, count: int = 1) -> tuple[Dataset, SplitFile]:
    """The data set and the split that a drawn sweep pretends to have; images are never read.

    Args:
        has_test_split: whether there is one image in it.
        count: validation images, each a group of its own.
    """
    images = pl.DataFrame({"target": ["ant"] * count + ["bee"]})
    data = SimpleNamespace(classes=CLASSES, images=images)
    splits = ["validation"] * count + ["test" if has_test_split else "train"]
    rows = [SimpleNamespace(split=split, component=number) for number, split in enumerate(splits)]
    return cast(Dataset, data), cast(SplitFile, SimpleNamespace(verdict="clean", images=rows))
