"""Train candidate settings for a short time on the real images, and compare them on the same validation images.

    candidates = [Candidate(say("resize"), {"view": "resize"}), Candidate(say("tile"), {"view": "tile"})]
    results = trials.run(plan, candidates)
    chosen = choose(results)
    plan = plan.model_copy(update={**chosen.settings, "reasons": {**plan.reasons, "view": describe(results)}})

A candidate trains for the epochs that its settings say, at the image size of the plan: whoever makes the candidates
limits their epochs, by `time_step` and not by a clock, so that the same plan always gives the same results. The result
of each candidate is cached on this machine under the content of its plan as soon as it is trained, so that an
interrupted trial resumes. A resumed run reads its plan and tries nothing.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field, ValidationError
from torch import nn

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.run.log import EpochLog
from pupila.artifacts.run.outcomes import Outcomes
from pupila.core import files
from pupila.core.json_text import dump_json
from pupila.core.messages import listing, number, say, say_images
from pupila.core.progress import progress
from pupila.core.records import Record
from pupila.core.vocabulary import TRAIN, VALIDATION
from pupila.learning.ema import AveragedWeights
from pupila.learning.loop import Checkpointer, EpochResult, State
from pupila.learning.models.network import Network
from pupila.learning.pool import EncoderPool
from pupila.learning.trainers.catalogue import TRAINERS
from pupila.learning.trainers.trainer import SplitRows
from pupila.stages.train.phases import FINETUNE, train_split
from pupila.stages.train.settings import TrainPlan
from pupila.stages.train.trials.scores import score_images

MARGIN = 1.0  # standard errors
_HEAD_EPOCH = 0.02  # cost of an epoch on cached features, in epochs with unfrozen blocks
# Of a plan, what changes nothing in a trial.
_BESIDE = {"reasons", "workers", "data_parts", "data_version", "folds", "patience"}


@dataclass(frozen=True, slots=True)
class Candidate:
    """Settings to try."""

    name: str  # in the language of the user, as `describe` writes it
    settings: dict[str, Any]  # fields of the plan that differ from it


class TrialResult(Record):
    """The result of one candidate."""

    name: str = Field(default="", description="of the candidate")
    settings: dict[str, Any] = Field(
        default_factory=dict, description="of the plan, which the candidate has changed"
    )
    scores: list[float] = Field(description="of each validation image in [0, 1], higher is better")
    seconds: float = Field(description="time of the trial")

    @property
    def score(self) -> float:
        """The mean over the validation images."""
        return sum(self.scores) / len(self.scores)


@dataclass(frozen=True, slots=True)
class Trials:
    """What the trials of a training share.

    Args:
        data: the data set.
        splits: made from it.
        build: plan to untrained network.
        pool: shared by the trainings of the process.
    """

    data: Dataset
    splits: SplitFile
    build: Callable[[TrainPlan], Network]
    pool: EncoderPool | None = None

    @property
    def split(self) -> SplitRows:
        """The labelled training and validation rows; with folds, those of the first fold validate. Never test rows."""
        targets = self.data.images["target"].to_list()
        images = [(row, a) for row, a in enumerate(self.splits.images) if targets[row] is not None]
        if any(a.fold is not None for _, a in images):
            folded = [(row, a.fold) for row, a in images if a.fold is not None]
            train, validation = (
                [row for row, fold in folded if bool(fold) is inside] for inside in (True, False)
            )
            return SplitRows.of(self.splits, train, validation)
        train, validation = ([row for row, a in images if a.split == name] for name in (TRAIN, VALIDATION))
        return SplitRows.of(self.splits, train, validation)

    def run(self, plan: TrainPlan, candidates: Sequence[Candidate]) -> list[TrialResult]:
        """Train each candidate and score it on each validation image; none where there is no validation image.

        Args:
            plan: with every setting that no candidate changes.
            candidates: from the cheapest to the most expensive one.
        """
        split = self.split
        if not (split.validation and split.train):
            return []
        plans = [plan.model_copy(update={**c.settings, "patience": 1_000_000}) for c in candidates]
        shared = [self.build(plan).weights_hash, split.train, split.validation]
        paths = [_result_file([p.model_dump(mode="json", exclude=_BESIDE), *shared]) for p in plans]
        results = [_read_result(path) for path in paths]
        missing = [place for place, result in enumerate(results) if result is None]
        trained = self._train_all([plans[place] for place in missing], split) if missing else iter(())
        for place, result in zip(missing, trained, strict=True):
            files.write_to_cache(paths[place], result.model_dump_json().encode())
            results[place] = result
        return [
            r.model_copy(update={"name": c.name, "settings": json.loads(dump_json(c.settings))})
            for r, c in zip(results, candidates, strict=True) if r is not None
        ]  # fmt: skip

    def _train_all(self, plans: Sequence[TrainPlan], split: SplitRows) -> Iterator[TrialResult]:
        """The result of each plan as soon as it is trained."""
        state = torch.get_rng_state()
        total = sum(map(_count_epochs, plans))
        with progress(say("trying settings, epochs"), max(1, round(total))) as advance:
            for plan in plans:
                start = time.monotonic()
                scores = self._train(plan, split, advance)
                yield TrialResult(scores=scores, seconds=round(time.monotonic() - start, 1))
        torch.set_rng_state(state)

    def _train(self, plan: TrainPlan, split: SplitRows, advance: Callable[[float], None]) -> list[float]:
        """The score of each validation image after a training."""
        trainer: Any = TRAINERS[plan.task](self.data, split, plan, self.build(plan), self.pool)
        if plan.schedule != "plateau":  # which needs each score
            trainer.validate = _skip_early_epochs(trainer.validate, {plan.epochs, plan.finetune_epochs})
        torch.manual_seed(plan.seed)
        parts: list[_Unrecorded] = []

        def make_checkpointer(part: str) -> Checkpointer:
            share = 1.0 if part == FINETUNE else _HEAD_EPOCH
            parts.append(_Unrecorded(part, lambda: advance(share)))
            return parts[-1]

        train_split(trainer, plan, make_checkpointer)
        outcomes = parts[-1].outcomes
        assert outcomes is not None  # there are validation images
        return score_images(plan.task, outcomes, plan.classes)


def _skip_early_epochs(
    validate: Callable[[nn.Module, int], EpochResult], ends: set[int]
) -> Callable[[nn.Module, int], EpochResult]:
    """Validates after the last epoch of a phase alone, whose number is in `ends`: the earlier ones decide nothing."""
    nothing = EpochResult(score=0.0, loss=None, collapsed=False, metrics={})
    return lambda module, epoch: validate(module, epoch) if epoch + 1 in ends else nothing


def _count_epochs(plan: TrainPlan) -> float:
    """The epochs of a training, those of a head counted by their cost."""
    return plan.epochs * _HEAD_EPOCH + (plan.finetune_epochs if plan.unfreeze else 0)


class _Unrecorded(Checkpointer):
    """Stores only the outcomes of validation; a phase ends with the weights of its last epoch."""

    def __init__(self, part: str, on_epoch: Callable[[], None]) -> None:
        super().__init__("", part)
        self._on_epoch = on_epoch

    def save(
        self,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        state: State,
        line: EpochLog,
        averaged: AveragedWeights,
    ) -> None:
        """Report the progress."""
        self._on_epoch()

    def save_example(self, state: State, example: bytes | None) -> None:
        """Nothing."""

    def add_outcomes(self, state: State, outcomes: Outcomes | None) -> None:
        """Keep the last ones."""
        self.outcomes = outcomes

    def save_best(self, module: nn.Module) -> None:
        """Nothing."""

    def restore(
        self, module: nn.Module, optimizer: torch.optim.Optimizer, averaged: AveragedWeights
    ) -> State:
        """A fresh state."""
        return State()

    def has_best(self) -> bool:
        """Never."""
        return False


def _result_file(key: Any) -> Path:
    """Where the result of one candidate is cached."""
    name = f"{files.sha256(dump_json(key, sort_keys=True).encode())[:24]}.json"
    return files.cache_folder() / "trials" / name


def _read_result(path: Path) -> TrialResult | None:
    try:
        return TrialResult.model_validate_json(files.read_from_cache(path) or b"")
    except ValidationError:
        return None


def choose(results: Sequence[TrialResult], margin: float = MARGIN) -> TrialResult:
    """The first candidate, or the later one with the best mean that beats it by more than noise.

    Args:
        results: from the cheapest to the most expensive candidate.
        margin: standard errors of the paired difference per image that a more expensive candidate has to win by.
    """
    best = results[0]
    for result in results[1:]:
        differences = np.subtract(result.scores, best.scores)
        error = float(differences.std(ddof=1)) / len(differences) ** 0.5 if len(differences) > 1 else np.inf
        if float(differences.mean()) > margin * error:
            best = result
    return best


def describe(results: Sequence[TrialResult]) -> str:
    """What was tried, its scores and times, for `plan.reasons`."""
    tried = [
        say("{name} {score} ({seconds} s)", name=r.name, score=number(r.score), seconds=number(r.seconds, 0))
        for r in results
    ]
    images = say_images(len(results[0].scores))
    return say("tried on {images}: {tried}", images=images, tried=listing(tried))
