"""Run folders that no training wrote: plan, log, report and bundle with figures that are known."""

import json
import math
from pathlib import Path
from typing import Any

from pupila.artifacts.bundle.validation import ValidationSummary
from pupila.artifacts.run.folder import example_file, write_report
from pupila.artifacts.run.log import EpochLog, write_log
from pupila.artifacts.run.plan import COMPLETED, PlanFile, RunPlan, RunState, write_plan
from pupila.core import files
from pupila.statistics.estimate import Estimate
from pupila.statistics.metrics.baseline import Baseline
from tests.colours import plain, write_colours
from tests.pictures import encoded

CREATED = "2026-03-01T12:00:00.250000+00:00"
START = 1772366400.25  # the same, in seconds since 1970
VALIDATION = ValidationSummary(
    n=40, groups=30,
    metrics={"accuracy": Estimate(value=0.9, low=0.8, high=0.95), "macro_f1": Estimate(value=0.85)},
    baseline=Baseline(name="red", metrics={"accuracy": 0.4}),
)  # fmt: skip


def make_lines(epochs: int = 3, part: str = "head", seconds: float = 1.5) -> list[EpochLog]:
    """Lines of a part; the accuracy of its second epoch is no number."""
    return [
        EpochLog(
            part=part, phase=part.rpartition("-")[2], epoch=epoch, train_loss=1 / epoch, seconds=seconds,
            validation_loss=None if epoch == 1 else 0.5 / epoch, score=0.1 * epoch, lr=0.001,
            metrics={"accuracy": math.nan if epoch == 2 else 0.1 * epoch},
        )
        for epoch in range(1, epochs + 1)
    ]  # fmt: skip


def write_run(
    folder: Path,
    lines: list[EpochLog] | None = None,
    state: RunState = COMPLETED,
    created: str = CREATED,
    **plan: Any,
) -> Path:
    """A run; one that ended has a bundle and a report."""
    folder.mkdir(parents=True, exist_ok=True)
    fields = {"task": "classify", "model": "lenet", "classes": ["red", "green", "blue"], "data_hash": "d" * 64,
              "splits_hash": "s" * 64, "epochs": 3, "lr": 2.9999999999999997e-05, "options": {"pad": "same"},
              **plan}  # fmt: skip
    content = PlanFile[RunPlan](
        state=state,
        settings={"epochs": 3, "lr": "auto"},
        plan=RunPlan(**fields),
        created=created,
        data="shop",
    )
    write_plan(str(folder), content)
    write_log(str(folder), make_lines() if lines is None else lines)
    if state != "running":
        write_colours(folder / "bundle", validation=VALIDATION)
        write_report(str(folder), "<p>report</p>")
    return folder


def write_example(folder: Path, part: str, epoch: int) -> bytes:
    """A picture of predictions, 12 wide and 8 high."""
    content = encoded(plain(200, 0, 0, 12)[:8])
    files.write_bytes(example_file(str(folder), part, epoch), content)
    return content


def read_log_points(folder: Path) -> dict[str, list[tuple[int, float | None]]]:
    """Curve -> (epoch, figure) of each line of `log.jsonl`, as any JSON reader sees it; what is null is None."""
    points: dict[str, list[tuple[int, float | None]]] = {}
    for text in (folder / "log.jsonl").read_text().splitlines():
        line = json.loads(text)
        figures = {
            **{name: line[name] for name in ("train_loss", "score", "lr", "seconds")},
            **line["metrics"],
        }
        if line["validation_loss"] is not None:
            figures["validation_loss"] = line["validation_loss"]
        for name, value in figures.items():
            points.setdefault(f"{line['part']}/{name}", []).append((line["epoch"], value))
    return points


def number_or_none(value: float) -> float | None:
    """As JSON writes it."""
    return None if math.isnan(value) else value
