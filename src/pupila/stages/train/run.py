"""Train one run: plan, training, validation predictions and bundle, in one folder that can be resumed."""

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
from pupila.artifacts.run.folder import (
    BUNDLE,
    EXAMPLES,
    remove_training_state,
    write_out_of_fold,
    write_report,
)
from pupila.artifacts.run.log import EpochLog, LogCallback, Note, read_log, write_log
from pupila.artifacts.run.plan import (
    COLLAPSED,
    COMPLETED,
    INTERRUPTED,
    PLAN_FILE,
    RUNNING,
    PlanFile,
    RunState,
    read_plan,
    write_plan,
)
from pupila.core import files
from pupila.core.display import Displayed, Summary
from pupila.core.errors import PupilaError
from pupila.core.messages import number, say, translate
from pupila.core.vocabulary import TRAIN, VALIDATION
from pupila.learning.export.exporters import check_exportable
from pupila.learning.loop import Checkpointer
from pupila.learning.models.build import BUILDERS
from pupila.learning.models.network import Network
from pupila.learning.trainers.catalogue import TRAINERS
from pupila.learning.trainers.trainer import SplitRows, TaskTrainer
from pupila.stages.train.budget import fit_to_budget
from pupila.stages.train.catalogue import find_recipe
from pupila.stages.train.finish import BundleImages, write_run_bundle
from pupila.stages.train.page import describe_run, make_run_page
from pupila.stages.train.phases import FINETUNE, HEAD, TrainedSplit, train_split
from pupila.stages.train.plan import check_settings, decide, find_unused_settings, refuse_unused_settings
from pupila.stages.train.recipe import TrainingRecipe
from pupila.stages.train.settings import TrainPlan, TrainSettings, skips_training
from pupila.statistics.metrics.titles import metric_title


@dataclass(frozen=True, repr=False)
class Run(Displayed):
    """A finished training."""

    folder: str
    plan: TrainPlan
    state: RunState
    log: list[EpochLog]
    bundle: Bundle

    def summary(self) -> Summary:
        """State, model and folder; on a card with the sentences of the report."""
        lines = describe_run(self.plan, self.state, self.bundle.info)
        facts = {f"{number}.": line for number, line in enumerate(lines, start=1)}
        headline = say(
            "{model}, {state}, in {folder}", model=self.plan.model, state=self.state, folder=self.folder
        )
        return Summary("Run", headline, facts)


class TrainingRun:
    """Trains one run.

    Args:
        data: the data set.
        splits: made from these very data.
        folder: of the run, on disk.
        on_log: called with each line of the log.
    """

    def __init__(
        self, data: Dataset, splits: SplitFile, folder: str, on_log: LogCallback = lambda line: None
    ) -> None:
        self.data, self.splits, self.folder, self.on_log = data, splits, folder, on_log
        self.recipe = self._find_recipe("auto")
        self._lines: dict[str, list[EpochLog]] = {}
        self._user_settings: dict[str, Any] = {}  # what the user set, as JSON

    def run(self, settings: TrainSettings, resume: bool = False) -> Run:
        """Decide the plan (or read that of the run to resume), train, and write the results.

        Raises:
            PupilaError: the folder holds a run and `resume` is not set, or the run was made from other data, with other
                settings or by an older version.
        """
        plan, network = self._open_plan(settings, resume)
        if (finished := self._read_finished(plan)) is not None:
            return finished
        if network.weights_file:
            self.on_log(Note(say("Weights from {file}.", file=network.weights_file)))
        if not network.task.caches_features or network.task.takes_prompts:
            check_exportable(network)
        self._report_baseline(plan)
        while True:
            torch.manual_seed(plan.seed)
            try:
                predictions, rows, folds, trained, network = self._train(plan, network)
                break
            except (RuntimeError, MemoryError) as fault:
                if plan.batch_size == 1 or not _is_out_of_memory(fault):
                    raise
                plan = self._halve_batch(plan)
                network = self.build_network(plan)
        state = COLLAPSED if self.recipe.is_collapsed(trained.predictions) else COMPLETED
        state = INTERRUPTED if trained.interrupted else state
        groups = np.array([a.component for a in self.splits.images])[rows]
        result = self.recipe.calibrate(plan, self.data, predictions, rows, groups)
        learned_from = (
            rows if skips_training(plan) else self._split_rows(TRAIN) + self._split_rows(VALIDATION)
        )
        images = BundleImages(rows, learned_from)
        bundle = write_run_bundle(files.join(self.folder, BUNDLE), plan, network, self.data, result, images)
        self._write_predictions(result.predictions, rows, folds)
        unused = set(find_unused_settings(plan, plan, network))
        page = make_run_page(plan, state, self.log, bundle.info, self._read_examples(), unused)
        write_report(self.folder, render(page))
        self._write_plan(plan, state)
        return Run(self.folder, plan, state, self.log, bundle)

    def _open_plan(self, settings: TrainSettings, resume: bool) -> tuple[TrainPlan, Network]:
        where = files.join(self.folder, PLAN_FILE)
        if files.exists(where):
            if not resume:
                raise PupilaError(
                    say("The folder already contains a run"), actual=where, expected=say("an empty folder"),
                    remedy=say("--resume to continue this run, or --out FOLDER to start another one"),
                )  # fmt: skip
            stored = read_plan(self.folder, self.data.root)
            plan = TrainPlan.model_validate(stored.plan.model_dump())
            self._user_settings = stored.settings
            self._check_same_data(plan)
            self._check_same_settings(settings)
            self.recipe = self._find_recipe(plan.model)
            if "workers" in settings.model_fields_set:
                plan = plan.model_copy(update={"workers": settings.workers})
            torch.set_num_threads(plan.threads)
            return plan, self.build_network(plan)
        plan, network = self._decide(settings)
        self._user_settings = settings.model_dump(mode="json", exclude_unset=True)
        self._write_plan(plan, RUNNING)
        return plan, network

    def _check_same_data(self, plan: TrainPlan) -> None:
        """Refuse to resume on another data set, or on another split of the same one."""
        if plan.data_hash != self.data.hash:
            raise PupilaError(
                say("The run was trained on other data"), actual=self.data.hash[:12], expected=plan.data_hash[:12],
                remedy="--out FOLDER",
            )  # fmt: skip
        if plan.splits_hash != self.splits.hash:
            raise PupilaError(
                say("The run was trained on another split"), actual=self.splits.hash[:12],
                expected=plan.splits_hash[:12],
                remedy=say("--out FOLDER trains on the split that is there now"),
            )  # fmt: skip

    def _report_baseline(self, plan: TrainPlan) -> None:
        """Log the validation score of the baseline before training starts."""
        rows = self._split_rows(VALIDATION)
        if plan.folds:
            rows = self._split_rows(TRAIN) + rows
        if rows and plan.classes == self.data.classes:
            baseline = self.recipe.baseline(self.data, rows)
            metric = self.recipe.metric(len(plan.classes))
            self.on_log(Note(say(
                "Validation baseline ({baseline}): {metric} {value}.", metric=metric_title(metric),
                value=number(baseline.metrics[metric]),
                baseline=translate(self.recipe.baseline_name).format(name=baseline.name),
            )))  # fmt: skip

    def _halve_batch(self, plan: TrainPlan) -> TrainPlan:
        """The plan with half the batch size; training starts again, so that the run matches its plan."""
        reason = say("halved from {n}, which ran out of memory", n=plan.batch_size)
        reasons = {**plan.reasons, "batch_size": reason}
        plan = plan.model_copy(update={"batch_size": plan.batch_size // 2, "reasons": reasons})
        self.on_log(Note(say("Out of memory: batch size halved to {n}.", n=plan.batch_size)))
        remove_training_state(self.folder)
        self._lines.clear()
        self._write_plan(plan, RUNNING)
        return plan

    def _read_finished(self, plan: TrainPlan) -> Run | None:
        """The run as it was written, if it is complete."""
        state = read_plan(self.folder, self.data.root).state
        if state not in (COMPLETED, COLLAPSED):
            return None
        return Run(
            self.folder, plan, state, read_log(self.folder), read_bundle(files.join(self.folder, BUNDLE))
        )

    def _check_same_settings(self, settings: TrainSettings) -> None:
        """Refuse settings that differ from those of the resumed run; `workers` may differ."""
        requested = settings.model_dump(mode="json", exclude_unset=True, exclude={"workers"})
        other = {
            name: value for name, value in requested.items() if self._user_settings.get(name, value) != value
        }
        other |= {name: value for name, value in requested.items() if name not in self._user_settings}
        if other:
            raise PupilaError(
                say("The run to resume has other settings"), actual=_format_settings(other),
                expected=_format_settings({name: self._user_settings.get(name, say("not set")) for name in other}),
                remedy=say("omit these settings, or --out FOLDER to start another run"),
            )  # fmt: skip

    def plan(self, settings: TrainSettings) -> TrainPlan:
        """The plan of a training with these settings; nothing is written."""
        return self._decide(settings)[0]

    def _find_recipe(self, model: str) -> TrainingRecipe:
        return find_recipe(self.data.task.name if self.data.task else "", model)

    def _decide(self, settings: TrainSettings) -> tuple[TrainPlan, Network]:
        self.recipe = self._find_recipe(settings.model)
        check_settings(settings, self.data, self.splits, self.recipe)
        reasons: dict[str, str] = {}
        requested = settings
        if settings.budget is not None and not skips_training(settings):
            within = fit_to_budget(settings, self.data, self.splits, self.build_network, self.recipe)
            settings, reasons = within.settings, within.reasons
        network = self.build_network(settings)
        plan = decide(settings, self.data, self.splits, network, self.recipe)
        refuse_unused_settings(requested, plan, network)
        return plan.model_copy(update={"reasons": {**plan.reasons, **reasons}}), network

    def build_network(self, settings: TrainSettings) -> Network:
        """The untrained network, the same for the same seed."""
        torch.manual_seed(settings.seed)
        classes = None if skips_training(settings) else len(self.data.classes)
        network = BUILDERS[self.recipe.task.name](
            settings, classes, None if settings.image_size == "auto" else settings.image_size
        )
        spec = network.preprocessing.model_copy(update={"bands": self.data.bands})
        if settings.view == "tile":
            overlap = spec.height // 4 if settings.overlap == "auto" else settings.overlap
            spec = spec.model_copy(update={"view": settings.view, "overlap": overlap})
        return replace(network, preprocessing=spec)

    def _write_plan(self, plan: TrainPlan, state: RunState) -> None:
        content = PlanFile[TrainPlan](state=state, settings=self._user_settings, plan=plan)
        write_plan(self.folder, content)

    def _train(
        self, plan: TrainPlan, network: Network
    ) -> tuple[Any, list[int], list[int | None], TrainedSplit, Network]:
        """Validation or out-of-fold predictions with their rows and folds, and the network that is bundled."""
        if skips_training(plan):
            rows = self._split_rows(VALIDATION) if plan.classes == self.data.classes else []
            trainer = self._make_trainer(plan, network, SplitRows([], rows))
            predictions = trainer.predict_validation(trainer.build_module(0).to(plan.device))
            return predictions, rows, [None] * len(rows), TrainedSplit(predictions, {}), network
        if not plan.folds:
            split = SplitRows(self._split_rows(TRAIN), self._split_rows(VALIDATION))
            trained = self._train_split(plan, network, split, "")
            return trained.predictions, split.validation, [None] * len(split.validation), trained, network
        every = [
            row for row, a in enumerate(self.splits.images) if a.fold is not None and self._is_labelled(row)
        ]
        fold_of = {row: self.splits.images[row].fold for row in every}
        rows, best = [], []
        for fold in range(plan.folds):
            split = SplitRows(
                [r for r in every if fold_of[r] != fold], [r for r in every if fold_of[r] == fold]
            )
            trained = self._train_split(plan, self.build_network(plan), split, f"fold{fold}-")
            if trained.interrupted:
                raise KeyboardInterrupt
            rows += split.validation
            best.append(trained)
        # The bundled model is trained on all folds, for the mean number of epochs of the best fold models.
        finetune_epochs = _mean_best_epoch(best, FINETUNE, plan.finetune_epochs)
        plan = plan.model_copy(update={
            "epochs": _mean_best_epoch(best, HEAD if network.pretrained else FINETUNE, plan.epochs),
            "finetune_epochs": max(1, finetune_epochs),
            "unfreeze": plan.unfreeze if finetune_epochs or not network.pretrained else 0,
            "patience": 10_000,
        })  # fmt: skip
        whole = self._train_split(plan, network, SplitRows(every, []), "whole-")
        predictions = self.recipe.concatenate([trained.predictions for trained in best])
        return (
            predictions,
            rows,
            [fold_of[row] for row in rows],
            TrainedSplit(predictions, whole.states),
            network,
        )

    def _train_split(self, plan: TrainPlan, network: Network, split: SplitRows, name: str) -> TrainedSplit:
        trainer = self._make_trainer(plan, network, split)

        def make_checkpointer(phase: str) -> Checkpointer:
            return Checkpointer(
                self.folder, f"{name}{phase}", lambda lines: self._write_log(f"{name}{phase}", lines)
            )

        return train_split(trainer, plan, make_checkpointer)

    def _make_trainer(self, plan: TrainPlan, network: Network, split: SplitRows) -> TaskTrainer:
        return TRAINERS[self.recipe.task.name](self.data, split, plan, network)

    def _read_examples(self) -> dict[str, bytes]:
        """The example images of some epochs in order; with folds, those of the first one."""
        paths = Path(self.folder, EXAMPLES).glob("*.png")
        shown = [path for path in paths if not path.stem.startswith("fold") or path.stem.startswith("fold0-")]
        ordered = sorted(shown, key=lambda path: path.stem.replace(FINETUNE, "later"))  # after "head"
        return {path.stem: path.read_bytes() for path in ordered}

    def _write_log(self, part: str, lines: list[EpochLog]) -> None:
        self._lines[part] = list(lines)
        write_log(self.folder, self.log)
        self.on_log(self.log[-1])

    @property
    def log(self) -> list[EpochLog]:
        """All lines of the log."""
        return [line for lines in self._lines.values() for line in lines]

    def _split_rows(self, split: str) -> list[int]:
        return [
            row for row, a in enumerate(self.splits.images) if a.split == split and self._is_labelled(row)
        ]

    def _is_labelled(self, row: int) -> bool:
        return self.data.images["target"][row] is not None

    def _write_predictions(self, predictions: pl.DataFrame, rows: list[int], folds: list[int | None]) -> None:
        """`oof.parquet`: the prediction for every image that the model was not trained on."""
        frame = self.data.images[rows].select("image", "sha256", "target").with_columns(
            split=pl.lit(VALIDATION),
            fold=pl.Series(folds, dtype=pl.Int64),
            component=pl.Series([self.splits.images[row].component for row in rows], dtype=pl.Int64),
        )  # fmt: skip
        write_out_of_fold(self.folder, pl.concat([frame, predictions], how="horizontal"))


def _format_settings(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in settings.items())


def _is_out_of_memory(fault: Exception) -> bool:
    """Whether the error means out of memory; torch raises a plain RuntimeError for it on a CPU."""
    if isinstance(fault, torch.OutOfMemoryError | MemoryError):
        return True
    return "allocate memory" in str(fault) or "not enough memory" in str(fault)


def _mean_best_epoch(folds: list[TrainedSplit], phase: str, otherwise: int) -> int:
    best = [trained.states[phase].best_epoch for trained in folds if phase in trained.states]
    return round(float(np.mean(best))) if best else otherwise


def find_free_folder(folder: str) -> str:
    """The folder, or the first of FOLDER-2, FOLDER-3 and so on that does not exist."""
    path, number = folder, 1
    while Path(path).exists():
        number += 1
        path = f"{folder}-{number}"
    return path
