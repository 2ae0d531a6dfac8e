"""From configurations to cells: each is planned once, and settings that can't be trained are named with the reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pupila.artifacts.sweep.definition import FixedChoice, SweepEntry
from pupila.artifacts.sweep.folder import cell_folder
from pupila.core.errors import PupilaError
from pupila.core.json_text import dump_json
from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.experiments.configurations import Entry
from pupila.experiments.inputs import SweepInputs
from pupila.experiments.parse_space import FOLDS
from pupila.experiments.space import Space
from pupila.stages.train.cell import FixedPart, PlannedCell, plan_cell, write_planned
from pupila.stages.train.config import TrainConfig


@dataclass
class CellPlanner:
    """Plans the cells of a sweep, so that engine and precision are the same for all cells with one encoder.

    Args:
        inputs: data and split.
        space: what varies, and the settings that all cells share.
        device: of the sweep; "auto" where it was not decided yet.
        threads: of torch.
        choices: for the encoders so far; grows.
    """

    inputs: SweepInputs
    space: Space
    device: str
    threads: int
    choices: list[FixedChoice] = field(default_factory=list)
    planned: dict[str, PlannedCell] = field(default_factory=dict)  # id -> cell

    def plan(self, expected: Sequence[Entry], are_first: bool = True) -> list[SweepEntry]:
        """Rows of the table for these entries, in order.

        Args:
            expected: entries.
            are_first: whether the sweep has no other rows: then it needs one that can be trained.

        Raises:
            PupilaError: none of the first rows can be trained.
        """
        rows: list[SweepEntry] = []
        faults: list[PupilaError] = []
        with progress(say("planning cells"), len(expected)) as advance:
            for entry in expected:
                row, fault = self._plan_one(entry)
                rows.append(row)
                faults += [fault] if fault is not None else []
                advance(1)
        if are_first and faults and len(faults) == len(expected):
            raise faults[0]
        return rows

    def _plan_one(self, entry: Entry) -> tuple[SweepEntry, PupilaError | None]:
        settings = dict(entry.settings)
        row = SweepEntry(
            cell="",
            settings=settings,
            seed=settings.get("seed", 0),
            trial=entry.trial,
            rung=entry.rung,
            share=entry.share,
        )
        try:
            cell = self._plan_cell(row)
        except PupilaError as fault:
            return row.model_copy(update={"reason": first_line(fault)}), fault
        self.planned.setdefault(cell.id, cell)
        return row.model_copy(update={"cell": cell.id, "seed": cell.plan.seed}), None

    def _plan_cell(self, row: SweepEntry) -> PlannedCell:
        """Plan a cell, and keep what was decided with it for all others."""
        settings = {name: value for name, value in self.space.settings(row.settings).items() if name != FOLDS}
        fixed = FixedPart(self.device, self.threads, self.choices)
        config = TrainConfig.parse(settings, "train")
        cell = plan_cell(config, self.inputs.data, self.inputs.split_for(row), fixed, self.inputs.pool)
        self.device = cell.plan.device if self.device == "auto" else self.device
        if cell.choice not in self.choices:
            self.choices.append(cell.choice)
        return cell

    def phases(self, settings: Mapping[str, Any]) -> dict[str, int]:
        """The epochs of each phase of a training with these settings; empty where they can't be trained."""
        try:
            return self._plan_cell(SweepEntry(cell="", settings=dict(settings), seed=0)).phases
        except PupilaError:
            return {}

    def write(self, sweep: str) -> None:
        """Write the plans of the cells into their folders."""
        for cell in self.planned.values():
            write_planned(cell_folder(sweep, cell.id), cell)


def first_line(fault: BaseException) -> str:
    """What went wrong, in one line; an error without words is named by its type."""
    text = str(fault).partition("\n")[0].removesuffix(".")
    return text if isinstance(fault, PupilaError) else f"{type(fault).__name__}: {text}".removesuffix(": ")


def entry_key(entry: Entry | SweepEntry) -> str:
    """The same text for the same row of a table."""
    share = entry.share.model_dump() if entry.share else None
    return dump_json([sorted(entry.settings.items()), entry.trial, entry.rung, share], default=str)
