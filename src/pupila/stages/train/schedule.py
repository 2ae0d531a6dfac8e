"""Which trainings a run has: none, one, or one for each fold, and one on all of them or their mean."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.core.messages import say
from pupila.core.vocabulary import TRAIN, VALIDATION
from pupila.learning.loop import Checkpointer
from pupila.learning.models.ensemble import average_networks
from pupila.learning.models.network import Network
from pupila.learning.pool import EncoderPool
from pupila.learning.trainers.catalogue import TRAINERS
from pupila.learning.trainers.trainer import SplitRows, TaskTrainer
from pupila.stages.train.phases import FINETUNE, HEAD, TrainedSplit, train_split
from pupila.stages.train.preparation import build_network
from pupila.stages.train.recipe import TrainingRecipe
from pupila.stages.train.settings import TrainPlan, skips_training


@dataclass(frozen=True, slots=True)
class TrainedNetwork:
    """The network for the bundle, and predictions for images that the predicting model was not trained on."""

    network: Network
    predictions: Any  # in the form of the task
    rows: list[int]  # of the data set, one for each prediction
    folds: list[int | None]  # of these rows
    interrupted: bool  # by Ctrl-C: it can be resumed
    probe: Any = None  # predictions of the linear probe for the same rows; None: there is none
    fine_tuning: str = ""  # what came of it, where it follows a head and there are validation images


@dataclass(frozen=True)
class Schedule:
    """Trains the network of a run.

    Args:
        data: the data set.
        splits: made from it.
        recipe: of the task.
        make_checkpointer: name of a part of the run, such as "fold0-head", to its checkpointer.
        pool: shared by the trainings of a process.
        adapt: changes what trains a network, such as its criterion.
    """

    data: Dataset
    splits: SplitFile
    recipe: TrainingRecipe
    make_checkpointer: Callable[[str], Checkpointer]
    pool: EncoderPool = field(default_factory=EncoderPool)
    adapt: Callable[[TaskTrainer], TaskTrainer] = lambda trainer: trainer

    def train(self, plan: TrainPlan, network: Network) -> TrainedNetwork:
        """Train as planned, and predict validation or the folds."""
        if skips_training(plan):
            rows = self.rows(VALIDATION) if plan.classes == self.data.classes else []
            trainer = TRAINERS[plan.task](self.data, SplitRows([], rows), plan, network, self.pool)
            predictions = trainer.predict_validation(trainer.build_module(0).to(plan.device))
            return TrainedNetwork(network, predictions, rows, [None] * len(rows), False)
        if plan.folds:
            return self._train_folds(plan, network)
        split = SplitRows.of(self.splits, self.rows(TRAIN), self.rows(VALIDATION))
        trained = self._train_split(plan, network, split, "")
        folds: list[int | None] = [None] * len(split.validation)
        outcome = _describe_fine_tuning(trained) if split.validation else ""
        return TrainedNetwork(
            network, trained.predictions, split.validation, folds, trained.interrupted, trained.probe, outcome
        )

    def rows(self, split: str) -> list[int]:
        """The labelled rows of a split."""
        return [
            row for row, a in enumerate(self.splits.images) if a.split == split and self._is_labelled(row)
        ]

    def _is_labelled(self, row: int) -> bool:
        return self.data.images["target"][row] is not None

    def _train_folds(self, plan: TrainPlan, network: Network) -> TrainedNetwork:
        fold_of = {
            row: a.fold
            for row, a in enumerate(self.splits.images)
            if a.fold is not None and self._is_labelled(row)
        }
        rows: list[int] = []
        best: list[TrainedSplit] = []
        members: list[Network] = []
        for fold in range(plan.folds):
            split = SplitRows.of(
                self.splits,
                [row for row in fold_of if fold_of[row] != fold],
                [row for row in fold_of if fold_of[row] == fold],
            )
            fresh = build_network(plan, self.data, self.recipe, self.pool)
            trained = self._train_split(plan, fresh, split, f"fold{fold}-")
            if trained.interrupted:
                raise KeyboardInterrupt
            rows += split.validation
            best.append(trained)
            members.append(fresh)
        predictions = self.recipe.concatenate([trained.predictions for trained in best])
        folds: list[int | None] = [fold_of[row] for row in rows]
        probes = [trained.probe for trained in best]
        probe = None if any(each is None for each in probes) else self.recipe.concatenate(probes)
        if plan.ensemble:
            return TrainedNetwork(average_networks(members), predictions, rows, folds, False, probe)
        whole = self._train_split(
            _plan_whole(plan, network, best), network, SplitRows.of(self.splits, [*fold_of], []), "whole-"
        )
        return TrainedNetwork(network, predictions, rows, folds, whole.interrupted, probe)

    def _train_split(self, plan: TrainPlan, network: Network, split: SplitRows, prefix: str) -> TrainedSplit:
        trainer = self.adapt(TRAINERS[plan.task](self.data, split, plan, network, self.pool))
        return train_split(trainer, plan, lambda phase: self.make_checkpointer(f"{prefix}{phase}"))


def _describe_fine_tuning(trained: TrainedSplit) -> str:
    """Whether unfrozen blocks beat the head on the frozen encoder; nothing where there was only one of them."""
    if not {HEAD, FINETUNE} <= trained.states.keys():
        return ""
    state = trained.states[FINETUNE]
    if not state.epoch and state.best_score >= 1:
        return say("no epoch can score higher on validation than the frozen encoder, which stays")
    if epoch := state.best_epoch:
        return say(
            "epoch {n} with unfrozen blocks scores higher on validation than the frozen encoder", n=epoch
        )
    return say(
        "no epoch with unfrozen blocks scores higher on validation than the frozen encoder, which stays"
    )


def _plan_whole(plan: TrainPlan, network: Network, best: list[TrainedSplit]) -> TrainPlan:
    """The plan of the bundled model, trained on all folds for the mean number of epochs of the best fold models."""
    finetune_epochs = _mean_best_epoch(best, FINETUNE, 0)
    return plan.model_copy(update={
        "epochs": _mean_best_epoch(best, HEAD if network.pretrained else FINETUNE, plan.epochs),
        "finetune_epochs": max(1, finetune_epochs),
        "unfreeze": plan.unfreeze if finetune_epochs or not network.pretrained else 0,
        "patience": 10_000,
    })  # fmt: skip


def _mean_best_epoch(folds: list[TrainedSplit], phase: str, otherwise: int) -> int:
    best = [trained.states[phase].best_epoch for trained in folds if phase in trained.states]
    return round(float(np.mean(best))) if best else otherwise
