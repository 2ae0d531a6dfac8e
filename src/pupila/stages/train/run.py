"""A run: plan, lessons, answers on validation, and the bundle, in one folder that can go on after a kill."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from pupila.artifacts.bundle.folder import Bundle, read_bundle
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.report.page import render
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.version import __version__
from pupila.core.vocabulary import SCHEMA_VERSION, TRAIN, VALIDATION
from pupila.learning.loop import Keeper
from pupila.learning.models.build import BUILDERS
from pupila.learning.models.network import Network
from pupila.stages.train.budget import within_budget
from pupila.stages.train.finish import Images, bundled, check_exportable
from pupila.stages.train.page import run_page
from pupila.stages.train.phases import Learned, learn
from pupila.stages.train.plan import check, decide, refuse_idle
from pupila.stages.train.recipe import Kind, Sides
from pupila.stages.train.recipes import kind_of
from pupila.stages.train.settings import TrainPlan, TrainSettings, as_it_is

PLAN_FILE, LOG_FILE, ANSWERS_FILE, REPORT_FILE = "plan.json", "log.jsonl", "oof.parquet", "report.html"
RUNNING, DONE, COLLAPSED, INTERRUPTED = "running", "done", "collapsed", "interrupted"
Tell = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Run:
    """A finished training."""

    folder: str
    plan: TrainPlan
    state: str  # done, collapsed or interrupted
    log: list[dict[str, Any]]  # one line per epoch
    bundle: Bundle


class Trainer:
    """Trains one run.

    Args:
        data: the data set.
        splits: made from these very data.
        folder: of the run, on disk.
        tell: called with each line of the log.
    """

    def __init__(self, data: Dataset, splits: SplitFile, folder: str, tell: Tell = lambda line: None) -> None:
        self.data, self.splits, self.folder, self.tell = data, splits, folder, tell
        self.kind = self._kind("auto")
        self._lines: dict[str, list[dict[str, Any]]] = {}
        self._wish: dict[str, Any] = {}  # what the user set, as JSON

    def run(self, wish: TrainSettings, resume: bool = False) -> Run:
        """Plan (or read the plan of the run that goes on), learn, and write what came out.

        Raises:
            PupilaError: a run is there already and `resume` is not set, or was made from other data.
        """
        plan, network = self._planned(wish, resume)
        if (finished := self._finished(plan)) is not None:
            return finished
        if not network.pooled or network.prompts:
            check_exportable(network, self.kind.task)
        self._tell_baseline(plan)
        while True:
            torch.manual_seed(plan.seed)
            try:
                found, rows, folds, learned, network = self._lessons(plan, network)
                break
            except (RuntimeError, MemoryError) as fault:
                if plan.batch_size == 1 or not _is_memory(fault):
                    raise
                plan = self._halved(plan)
                network = self.network(plan)
        state = COLLAPSED if self.kind.collapsed(learned.found) else DONE
        state = INTERRUPTED if learned.interrupted else state
        groups = np.array([a.component for a in self.splits.images])[rows]
        concluded = self.kind.conclude(plan, self.data, found, rows, groups)
        seen = rows if as_it_is(plan) else self._rows(TRAIN) + self._rows(VALIDATION)
        images = Images(self.kind.task, rows, seen)
        bundle = bundled(files.join(self.folder, "bundle"), plan, network, self.data, concluded, images)
        self._write_answers(concluded.answers, rows, folds)
        page = run_page(plan, state, self.log, bundle.info, self._examples())
        files.write_bytes(files.join(self.folder, REPORT_FILE), render(page).encode())
        self._write_plan(plan, state)
        return Run(self.folder, plan, state, self.log, bundle)

    def _planned(self, wish: TrainSettings, resume: bool) -> tuple[TrainPlan, Network]:
        where = files.join(self.folder, PLAN_FILE)
        if files.exists(where):
            if not resume:
                raise PupilaError(
                    say("A run is there already"), found=where, wanted=say("an empty folder"),
                    remedy=say("--resume goes on with it; --out FOLDER begins another"),
                )  # fmt: skip
            stored = files.read_json(where)
            plan, self._wish = TrainPlan.model_validate(stored["plan"]), stored.get("wish", {})
            if (plan.data_hash, plan.splits_hash) != (self.data.hash, self.splits.hash):
                raise PupilaError(
                    say("The run was made from other data"), found=self.data.hash[:12], wanted=plan.data_hash[:12],
                    remedy="--out FOLDER",
                )  # fmt: skip
            self._check_same(wish)
            self.kind = self._kind(plan.model)
            if "workers" in wish.model_fields_set:
                plan = plan.model_copy(update={"workers": wish.workers})
            torch.set_num_threads(plan.threads)
            return plan, self.network(plan)
        plan, network = self._decided(wish)
        self._wish = wish.model_dump(mode="json", exclude_unset=True)
        self._write_plan(plan, RUNNING)
        return plan, network

    def _tell_baseline(self, plan: TrainPlan) -> None:
        """What the model has to beat, before it begins."""
        rows = self._rows(TRAIN) + self._rows(VALIDATION) if plan.folds else self._rows(VALIDATION)
        if rows and plan.classes == self.data.classes:
            told, score = self.kind.baseline(self.data, rows), self.kind.score(len(plan.classes))
            self.tell({"note": say(
                "To beat: always answering {name} has {score} {value:.3f} on validation.",
                name=told["class"], score=score, value=told[score],
            )})  # fmt: skip

    def _halved(self, plan: TrainPlan) -> TrainPlan:
        """The plan with half the batch; the run begins anew, so that it is what its plan says."""
        told = say("halved from {n}, for which there was no memory", n=plan.batch_size)
        reasons = {**plan.reasons, "batch_size": told}
        plan = plan.model_copy(update={"batch_size": plan.batch_size // 2, "reasons": reasons})
        self.tell({"note": say("Out of memory: the batch is halved to {n}.", n=plan.batch_size)})
        for kept in ("checkpoints", "examples"):
            files.remove_folder(Path(self.folder, kept))
        self._lines.clear()
        self._write_plan(plan, RUNNING)
        return plan

    def _finished(self, plan: TrainPlan) -> Run | None:
        """The run as it was written, if it had come to its end."""
        state = files.read_json(files.join(self.folder, PLAN_FILE))["state"]
        if state not in (DONE, COLLAPSED):
            return None
        log = files.join(self.folder, LOG_FILE)
        lines = files.read_bytes(log).decode().splitlines() if files.exists(log) else []
        return Run(self.folder, plan, state, [json.loads(line) for line in lines], read_bundle(self.folder))

    def _check_same(self, wish: TrainSettings) -> None:
        """Refuse settings that the run that goes on was not begun with; threads change nothing."""
        told = wish.model_dump(mode="json", exclude_unset=True, exclude={"workers"})
        other = {name: value for name, value in told.items() if self._wish.get(name, value) != value}
        other |= {name: value for name, value in told.items() if name not in self._wish}
        if other:
            raise PupilaError(
                say("The run has other settings"), found=_pairs(other),
                wanted=_pairs({name: self._wish.get(name, say("not set")) for name in other}),
                remedy=say("leave --set out, or --out FOLDER for another run"),
            )  # fmt: skip

    def plan(self, wish: TrainSettings) -> TrainPlan:
        """What would be done."""
        return self._decided(wish)[0]

    def _kind(self, model: str) -> Kind:
        return kind_of(self.data.task.name if self.data.task else "", model)

    def _decided(self, wish: TrainSettings) -> tuple[TrainPlan, Network]:
        self.kind = self._kind(wish.model)
        check(wish, self.data, self.splits, self.kind)
        reasons: dict[str, str] = {}
        asked = wish
        if wish.budget is not None and not as_it_is(wish):
            within = within_budget(wish, self.data, self.splits, self.network, self.kind)
            wish, reasons = within.wish, within.reasons
        network = self.network(wish)
        plan = decide(wish, self.data, self.splits, network, self.kind)
        refuse_idle(asked, plan, network)
        return plan.model_copy(update={"reasons": {**plan.reasons, **reasons}}), network

    def network(self, wish: TrainSettings) -> Network:
        """The untrained network, the same for the same seed."""
        torch.manual_seed(wish.seed)
        classes = None if as_it_is(wish) else len(self.data.classes)
        network = BUILDERS[self.kind.task.name](wish, classes, None if wish.side == "auto" else wish.side)
        spec = network.preparation.model_copy(update={"bands": self.data.bands})
        if wish.view == "tile":
            overlap = spec.height // 4 if wish.overlap == "auto" else wish.overlap
            spec = spec.model_copy(update={"view": wish.view, "overlap": overlap})
        return replace(network, preparation=spec)

    def _write_plan(self, plan: TrainPlan, state: str) -> None:
        files.write_json(files.join(self.folder, PLAN_FILE), {
            "schema": SCHEMA_VERSION, "made_by": f"pupila {__version__}", "state": state, "wish": self._wish,
            "plan": plan.model_dump(mode="json"),
        })  # fmt: skip

    def _lessons(
        self, plan: TrainPlan, network: Network
    ) -> tuple[Any, list[int], list[int | None], Learned, Network]:
        """Validation or out-of-fold answers with their rows and folds, and the network that is bundled."""
        if as_it_is(plan):
            rows = self._rows(VALIDATION) if plan.classes == self.data.classes else []
            lesson = self.kind.lesson(self.data, Sides([], rows), plan, network)
            found = lesson.collected(lesson.module(0).to(plan.device))
            return found, rows, [None] * len(rows), Learned(found, {}), network
        if not plan.folds:
            sides = Sides(self._rows(TRAIN), self._rows(VALIDATION))
            learned = self._learned(plan, network, sides, "")
            return learned.found, sides.validation, [None] * len(sides.validation), learned, network
        every = [
            row for row, a in enumerate(self.splits.images) if a.fold is not None and self._labelled(row)
        ]
        fold_of = {row: self.splits.images[row].fold for row in every}
        rows, best = [], []
        for fold in range(plan.folds):
            sides = Sides([r for r in every if fold_of[r] != fold], [r for r in every if fold_of[r] == fold])
            learned = self._learned(plan, self.network(plan), sides, f"fold{fold}-")
            if learned.interrupted:
                raise KeyboardInterrupt
            rows += sides.validation
            best.append(learned)
        # The bundled model learns from all folds, for as long as the folds' best took on average.
        fine = _mean_epochs(best, "fine", plan.fine_epochs)
        plan = plan.model_copy(update={
            "epochs": _mean_epochs(best, "head" if network.pretrained else "fine", plan.epochs),
            "fine_epochs": max(1, fine),
            "thaw": plan.thaw if fine or not network.pretrained else 0,
            "patience": 10_000,
        })  # fmt: skip
        whole = self._learned(plan, network, Sides(every, []), "whole-")
        found = self.kind.joined([learned.found for learned in best])
        return found, rows, [fold_of[row] for row in rows], Learned(found, whole.states), network

    def _learned(self, plan: TrainPlan, network: Network, sides: Sides, name: str) -> Learned:
        lesson = self.kind.lesson(self.data, sides, plan, network)

        def keeper(phase: str) -> Keeper:
            return Keeper(self.folder, f"{name}{phase}", lambda lines: self._logged(f"{name}{phase}", lines))

        return learn(lesson, keeper)

    def _examples(self) -> dict[str, bytes]:
        """What was shown of some epochs, in their order; of folds, of the first one."""
        paths = Path(self.folder, "examples").glob("*.png")
        shown = [path for path in paths if not path.stem.startswith("fold") or path.stem.startswith("fold0-")]
        ordered = sorted(shown, key=lambda path: path.stem.replace("fine", "late"))  # after "head"
        return {path.stem: path.read_bytes() for path in ordered}

    def _logged(self, part: str, lines: list[dict[str, Any]]) -> None:
        """`log.jsonl`: one line per epoch, of all folds and phases in their order."""
        self._lines[part] = [{"part": part, **line} for line in lines]
        text = "".join(json.dumps(line) + "\n" for line in self.log)
        files.write_bytes(files.join(self.folder, LOG_FILE), text.encode())
        self.tell(self.log[-1])

    @property
    def log(self) -> list[dict[str, Any]]:
        """All lines of the log."""
        return [line for lines in self._lines.values() for line in lines]

    def _rows(self, split: str) -> list[int]:
        return [row for row, a in enumerate(self.splits.images) if a.split == split and self._labelled(row)]

    def _labelled(self, row: int) -> bool:
        return self.data.images["target"][row] is not None

    def _write_answers(self, answers: pl.DataFrame, rows: list[int], folds: list[int | None]) -> None:
        """`oof.parquet`: what was answered to every image that the model had not learned from."""
        frame = self.data.images[rows].select("image", "sha256", "target").with_columns(
            split=pl.lit(VALIDATION),
            fold=pl.Series(folds, dtype=pl.Int64),
            component=pl.Series([self.splits.images[row].component for row in rows], dtype=pl.Int64),
        )  # fmt: skip
        files.write_parquet(
            files.join(self.folder, ANSWERS_FILE), pl.concat([frame, answers], how="horizontal")
        )


def _pairs(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in settings.items())


def _is_memory(fault: Exception) -> bool:
    """Whether it says that there is not enough memory; on a CPU torch has no class for it."""
    if isinstance(fault, torch.OutOfMemoryError | MemoryError):
        return True
    return "allocate memory" in str(fault) or "not enough memory" in str(fault)


def _mean_epochs(folds: list[Learned], phase: str, otherwise: int) -> int:
    best = [learned.states[phase].best_epoch for learned in folds if phase in learned.states]
    return round(float(np.mean(best))) if best else otherwise


def free_folder(wanted: str) -> str:
    """The folder, or the first of FOLDER-2, FOLDER-3 and so on that is not there yet."""
    path, number = wanted, 1
    while Path(path).exists():
        number += 1
        path = f"{wanted}-{number}"
    return path
