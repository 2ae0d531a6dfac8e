"""Train one run: plan, training, validation predictions and bundle, in one folder that can be resumed."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from pupila.artifacts.bundle.folder import Bundle, has_bundle
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.report.page import render
from pupila.artifacts.run.folder import (
    BUNDLE,
    Run,
    remove_training_state,
    write_out_of_fold,
    write_report,
)
from pupila.artifacts.run.lock import hold_run
from pupila.artifacts.run.log import EpochLog, LogCallback, Note, write_log
from pupila.artifacts.run.outcomes import write_outcomes
from pupila.artifacts.run.plan import (
    COLLAPSED,
    COMPLETED,
    INTERRUPTED,
    PLAN_FILE,
    RUNNING,
    PlanFile,
    RunPlan,
    RunState,
    read_plan,
    write_plan,
)
from pupila.core import files
from pupila.core.display import Summary
from pupila.core.errors import PupilaError
from pupila.core.messages import number, say, translate
from pupila.core.vocabulary import TRAIN, VALIDATION
from pupila.learning.export.exporters import check_exportable
from pupila.learning.loop import Checkpointer
from pupila.learning.models.network import Network
from pupila.learning.pool import EncoderPool
from pupila.stages.train.budgets.filling import ENCODING, leave_out
from pupila.stages.train.budgets.finish import remember_finish
from pupila.stages.train.budgets.report import add_budget, describe_budget
from pupila.stages.train.budgets.start import apply_skips, prepare_watch, resume_watch, start_watch
from pupila.stages.train.budgets.watch import BudgetWatch
from pupila.stages.train.clock import CommandClock
from pupila.stages.train.config import TrainConfig, parse_plan
from pupila.stages.train.finish import BundleImages, describe_bundle, write_run_bundle
from pupila.stages.train.introduction import (
    describe_clamped_batch,
    describe_interruption,
    describe_model,
    describe_time,
)
from pupila.stages.train.page import describe_run, make_run_page
from pupila.stages.train.phases import FINETUNE
from pupila.stages.train.plan import find_unused_settings
from pupila.stages.train.preparation import TRIAL_SECONDS, build_network, find_training, prepare_training
from pupila.stages.train.probe import add_probe
from pupila.stages.train.recipe import ValidationResult
from pupila.stages.train.reference import describe_left_out, leave_out_reference, pick_rows
from pupila.stages.train.resume import check_same_data, check_same_settings
from pupila.stages.train.schedule import Schedule, TrainedNetwork
from pupila.stages.train.settings import TrainPlan, skips_training
from pupila.statistics.metrics.titles import metric_title


@dataclass(frozen=True, repr=False)
class TrainedRun(Run):
    """The run that a training wrote: a `Run` whose plan has the settings of its task."""

    is_mirrored: bool = True  # False: its mirror lacks some of it

    @cached_property
    def plan(self) -> TrainPlan:
        """Every setting decided, as training reads it.

        Raises:
            PupilaError: settings that are no plan of the task.
        """
        plan: TrainPlan = parse_plan(self.plan_file.plan)
        return plan

    def summary(self) -> Summary:
        """State, model and folder; on a card with the sentences of the report."""
        lines = describe_run(self.plan, self.state, self.bundle.info)
        facts = {f"{number}.": line for number, line in enumerate(lines, start=1)}
        headline = say(
            "{model}, {state}, in {folder}", model=self.plan.model, state=self.state, folder=self.folder
        )
        return Summary("TrainedRun", headline, facts)


@dataclass(frozen=True, slots=True)
class Training:
    """A trained network with its validation, before anything is exported."""

    plan: TrainPlan  # its batch size is halved where memory ran out
    state: RunState
    trained: TrainedNetwork
    result: ValidationResult


class TrainingRun:
    """Trains one run.

    Args:
        data: the data set.
        splits: made from these very data.
        folder: of the run, on disk.
        on_log: called with each line of the log, and with notes.
        pool: shared by the trainings of a process; None: one of its own.
        clock: of the command, for a budget; None: it begins now.
    """

    def __init__(
        self,
        data: Dataset,
        splits: SplitFile,
        folder: str,
        on_log: LogCallback = lambda line: None,
        pool: EncoderPool | None = None,
        clock: CommandClock | None = None,
    ) -> None:
        self.clock = clock or CommandClock.start_now()
        self._watch: BudgetWatch | None = None  # of a run with a budget
        self.pool = pool or EncoderPool()
        self.data, self.splits, self.folder, self.on_log = data, splits, folder, on_log
        self.recipe = find_training(data, "auto")
        self._used = splits  # without images for which there is no time
        self._lines: dict[str, list[EpochLog]] = {}
        self._checkpointers: dict[str, Checkpointer] = {}
        self._user_settings: dict[str, Any] = {}  # what the user set, as JSON
        self._created = datetime.now(UTC).isoformat()  # of a resumed run: when it began
        self._has_written_bundle = False

    def run(self, config: TrainConfig, resume: bool = False) -> TrainedRun:
        """Decide the plan (or read that of the run to resume), train, and write the results.

        Raises:
            PupilaError: the folder holds a run and `resume` is not set, or the run was made from other data, with other
                settings or by an older version; or another process trains in the folder.
        """
        with hold_run(self.folder):
            return self._run(config, resume)

    def _run(self, config: TrainConfig, resume: bool) -> TrainedRun:
        plan, network = self._open_plan(config, resume)
        run = TrainedRun(self.folder)
        if run.state in (COMPLETED, COLLAPSED) and has_bundle(files.join(self.folder, BUNDLE)):
            return run
        before = run.state
        try:
            return self._complete(plan, network)
        except KeyboardInterrupt:
            exported = "now" if self._has_written_bundle else "before" if before == INTERRUPTED else ""
            self.on_log(Note(describe_interruption(len(self.log), self.folder, exported)))
            raise

    def _complete(self, plan: TrainPlan, network: Network) -> TrainedRun:
        if self._watch is None or self._watch.left > TRIAL_SECONDS:
            check_exportable(network)
        self._introduce(plan, network)
        training = self._train_and_validate(plan, network)
        plan, trained, result = training.plan, training.trained, training.result
        self.on_log(
            Note(say("Exporting the model, and comparing its predictions with those of the trained one."))
        )
        bundle = self._write_bundle(plan, trained, result)
        self._has_written_bundle = True
        for line in describe_bundle(bundle, plan):
            self.on_log(Note(line))
        self._write_predictions(result.predictions, trained)
        self._write_outcomes()
        unused = set(find_unused_settings(plan, plan, trained.network))
        page = make_run_page(plan, training.state, self.log, bundle.info, self._read_examples(), unused)
        if self._watch is not None:
            self._end_watch(self._watch, plan, training)
            page = add_budget(page, self._watch.log)
        write_report(self.folder, render(page))
        self._write_plan(plan, training.state)
        return TrainedRun(self.folder)

    def train_planned(self) -> Training:
        """Train the run whose plan lies in the folder, up to its validation predictions: nothing is exported.

        `run` with `resume` finishes it into a bundle later, without training again.

        Raises:
            KeyboardInterrupt: Ctrl-C; what was trained so far is there when it is called again.
            PupilaError: as `run`.
        """
        with hold_run(self.folder):
            plan, network = self._open_plan(TrainConfig(), resume=True)
            training = self._train_and_validate(plan, network)
            if training.trained.interrupted:
                raise KeyboardInterrupt
            self._write_predictions(training.result.predictions, training.trained)
            self._write_outcomes()
            self._write_plan(training.plan, training.state)
            return training

    def _train_and_validate(self, plan: TrainPlan, network: Network) -> Training:
        """Train, and tune and measure the predictions on validation."""
        plan, trained = self._train(plan, network)
        if choices := [line.choice for line in self.log if line.choice]:
            plan = plan.model_copy(update={"reasons": {**plan.reasons, "l2": choices[-1]}})
        if trained.fine_tuning and "unfreeze" in plan.reasons:
            plan = plan.model_copy(update={"reasons": {**plan.reasons, "unfreeze": trained.fine_tuning}})
        state = COLLAPSED if self.recipe.is_collapsed(trained.predictions) else COMPLETED
        groups = np.array([a.component for a in self.splits.images])[trained.rows]
        result = self.recipe.calibrate(plan, self.data, trained.predictions, trained.rows, groups)
        result = add_probe(result, self.recipe, self.data, trained, groups)
        return Training(plan, INTERRUPTED if trained.interrupted else state, trained, result)

    def _open_plan(self, config: TrainConfig, resume: bool) -> tuple[TrainPlan, Network]:
        where = files.join(self.folder, PLAN_FILE)
        if not files.exists(where):
            self.recipe = find_training(self.data, config.model)
            self._watch = start_watch(config, self.clock, self._tell)
            plan, network = prepare_training(config, self.data, self.splits, self.pool, watch=self._watch)
            self._user_settings = config.model_dump(mode="json", exclude_unset=True)
            self._write_plan(plan, RUNNING)
            self._leave_out(plan, network)
            return plan, network
        if not resume:
            raise PupilaError(
                say("The folder already contains a run"), actual=where, expected=say("an empty folder"),
                remedy=say("--resume to continue this run, or --out FOLDER to start another one"),
            )  # fmt: skip
        stored = read_plan(self.folder, self.data.root)
        plan, self._user_settings, self._created = parse_plan(stored.plan), stored.settings, stored.created
        check_same_data(plan, self.data, self.splits)
        check_same_settings(config, self._user_settings)
        self.recipe = find_training(self.data, plan.model)
        if "workers" in config.model_fields_set:
            plan = plan.model_copy(update={"workers": config.workers})
        torch.set_num_threads(plan.threads)
        self._watch = resume_watch(stored.budget, self.clock, self._tell)
        network = build_network(plan, self.data, self.recipe, self.pool)
        self._leave_out(plan, network)
        return plan, network

    def _leave_out(self, plan: TrainPlan, network: Network) -> None:
        """Train without the images of the reference, and of a budget without those that it has no time for."""
        self.splits = leave_out_reference(self.data, self.splits, plan.reference_share, plan.seed)
        self._used = self.splits
        if self._watch is not None:
            prepare_watch(self._watch, plan, self._user_settings, network.pretrained)
            self._watch.on_change = lambda log: self._write_plan(plan, RUNNING)
            self._used = leave_out(self.data, self.splits, plan.seed, self._watch.log)

    def _end_watch(self, watch: BudgetWatch, plan: TrainPlan, training: Training) -> None:
        """Tell how the budget was spent; at the end of the run record it, and remember what the end took."""
        if training.state != INTERRUPTED:
            network, images = training.trained.network, len(training.trained.rows)
            remember_finish(network, images, not plan.unfreeze, watch.finish_run())
        self.on_log(Note(describe_budget(watch.log)))

    def _tell(self, sentence: str) -> None:
        self.on_log(Note(sentence))

    def _introduce(self, plan: TrainPlan, network: Network) -> None:
        """Say what is trained, and the validation score of the baseline; data and split have been reported."""
        self.on_log(Note(describe_model(plan, network)))
        if isinstance(self._user_settings.get("batch_size"), int) and "batch_size" in plan.reasons:
            self.on_log(Note(describe_clamped_batch(plan)))
        if left_out := describe_left_out(self.splits):
            self.on_log(Note(left_out))
        schedule = self._make_schedule(plan, network)
        rows = schedule.rows(VALIDATION)
        if plan.folds:
            rows = schedule.rows(TRAIN) + rows
        for sentence in self.recipe.warnings(self.data, schedule.rows(TRAIN), rows):
            self.on_log(Note(sentence))
        if rows and plan.classes == self.data.classes:
            baseline, metric = self.recipe.baseline(self.data, rows), self.recipe.metric(len(plan.classes))
            if metric not in baseline.metrics:  # said among the warnings
                return
            self.on_log(Note(say(
                "Validation baseline ({baseline}): {metric} {value}.", metric=metric_title(metric),
                value=number(baseline.metrics[metric]),
                baseline=translate(self.recipe.baseline_name).format(name=baseline.name),
            )))  # fmt: skip

    def _train(self, plan: TrainPlan, network: Network) -> tuple[TrainPlan, TrainedNetwork]:
        """Train; where memory runs out, again with half the batch."""
        while True:
            torch.manual_seed(plan.seed)
            try:
                trained = self._make_schedule(plan, network).train(plan, network)
                return plan if self._watch is None else apply_skips(plan, self._watch.log), trained
            except (RuntimeError, MemoryError) as fault:
                if plan.batch_size == 1 or not _is_out_of_memory(fault):
                    raise
                plan = self._halve_batch(plan)
                network = build_network(plan, self.data, self.recipe, self.pool)

    def _make_schedule(self, plan: TrainPlan, network: Network) -> Schedule:
        def make_checkpointer(part: str) -> Checkpointer:
            self._checkpointers[part] = Checkpointer(
                self.folder, part, lambda lines: self._write_log(lines, plan, network), self._tell
            )
            self._checkpointers[part].pacer = self._watch
            return self._checkpointers[part]

        return Schedule(self.data, self._used, self.recipe, make_checkpointer, self.pool)

    def _halve_batch(self, plan: TrainPlan) -> TrainPlan:
        """The plan with half the batch size; training starts again, so that the run matches its plan."""
        reason = say("halved from {n}, which ran out of memory", n=plan.batch_size)
        reasons = {**plan.reasons, "batch_size": reason}
        plan = plan.model_copy(update={"batch_size": plan.batch_size // 2, "reasons": reasons})
        self.on_log(Note(say("Out of memory: batch size halved to {n}.", n=plan.batch_size)))
        remove_training_state(self.folder)
        self._lines.clear()
        self._checkpointers.clear()
        self._write_plan(plan, RUNNING)
        if self._watch is not None:
            self._watch.restart(ENCODING)
            self._watch.on_change = lambda log: self._write_plan(plan, RUNNING)
        return plan

    def _write_bundle(self, plan: TrainPlan, trained: TrainedNetwork, result: ValidationResult) -> Bundle:
        schedule = self._make_schedule(plan, trained.network)
        learned_from = (
            trained.rows if skips_training(plan) else schedule.rows(TRAIN) + schedule.rows(VALIDATION)
        )
        reference = pick_rows(plan, self.data, self._used, trained.rows, result.predictions)
        images = BundleImages(trained.rows, learned_from, reference)
        folder = files.join(self.folder, BUNDLE)
        return write_run_bundle(folder, plan, trained.network, self.data, result, images)

    def _write_plan(self, plan: TrainPlan, state: RunState) -> None:
        content = PlanFile[RunPlan](
            state=state, settings=self._user_settings, plan=plan, created=self._created, data=self.data.name,
            budget=None if self._watch is None else self._watch.log,
        )  # fmt: skip
        write_plan(self.folder, content)

    def _write_log(self, lines: list[EpochLog], plan: TrainPlan, network: Network) -> None:
        """The log with the lines of one part, the last of which is new."""
        last = lines[-1]
        self._lines[last.part] = list(lines)
        write_log(self.folder, self.log)
        self.on_log(last)
        if last.epoch == 1 and last.lr:  # else the head is fitted, at once
            self.on_log(Note(describe_time(last, plan, network)))

    def _write_outcomes(self) -> None:
        """`outcomes.npz`: the validation images in each epoch of each part."""
        parts = {part: checkpointer.outcomes for part, checkpointer in self._checkpointers.items()}
        write_outcomes(self.folder, {part: own for part, own in parts.items() if own is not None})

    @property
    def log(self) -> list[EpochLog]:
        """All lines of the log."""
        return [line for lines in self._lines.values() for line in lines]

    def _read_examples(self) -> dict[str, bytes]:
        """The example images of some epochs in order; with folds, those of the first one."""
        examples = Run(self.folder).examples()
        shown = [name for name in examples if not name.startswith("fold") or name.startswith("fold0-")]
        ordered = sorted(shown, key=lambda name: name.replace(FINETUNE, "later"))  # after "head"
        return {name: examples[name] for name in ordered}

    def _write_predictions(self, predictions: pl.DataFrame, trained: TrainedNetwork) -> None:
        """`oof.parquet`: the prediction for every image that the model was not trained on."""
        components = [self.splits.images[row].component for row in trained.rows]
        frame = self.data.images[trained.rows].select("image", "sha256", "target").with_columns(
            split=pl.lit(VALIDATION),
            fold=pl.Series(trained.folds, dtype=pl.Int64),
            component=pl.Series(components, dtype=pl.Int64),
        )  # fmt: skip
        write_out_of_fold(self.folder, pl.concat([frame, predictions], how="horizontal"))


def _is_out_of_memory(fault: Exception) -> bool:
    """Whether the error means out of memory; torch raises a plain RuntimeError for it on a CPU."""
    if isinstance(fault, torch.OutOfMemoryError | MemoryError):
        return True
    return "allocate memory" in str(fault) or "not enough memory" in str(fault)


def find_free_folder(folder: str) -> str:
    """The folder, or the first of FOLDER-2, FOLDER-3 and so on that does not exist."""
    path, number = folder, 1
    while Path(path).exists():
        number += 1
        path = f"{folder}-{number}"
    return path
