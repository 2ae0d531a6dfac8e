"""Training for classes: a head on kept features, macro F1 on validation, calibration and a tuned threshold."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import nn

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.threads import ahead
from pupila.imaging.images.decode import Array
from pupila.learning.features import Features
from pupila.learning.loader.batches import chunks, order
from pupila.learning.loader.pictures import Pictures
from pupila.learning.loader.views import View, Views
from pupila.learning.loop import Batch, Judged
from pupila.learning.losses import OVERLAPS, class_weights, loss_of, terms_of
from pupila.learning.models.network import Network, Thawed
from pupila.stages.train.engine import encoder_on
from pupila.stages.train.recipe import Concluded, Kind, Sides
from pupila.stages.train.settings import OF_PROMPTS, TrainPlan, TrainSettings, as_it_is, at_odds
from pupila.statistics.metrics.calibration import fit_temperature
from pupila.statistics.metrics.classify import accuracy, confusion, macro_f1, majority
from pupila.statistics.metrics.estimates import overall
from pupila.statistics.metrics.threshold import positive_of, rarer, tune
from pupila.tasks.classify import CLASSIFY, chosen, softmax
from pupila.tasks.task import Decision

_JUDGED_AT_ONCE = 64  # pictures
_FEATURES_AT_ONCE = 4096


class ClassLesson:
    """A `Lesson` of classes.

    Args:
        data: the data set.
        sides: what to learn from and what to judge by.
        plan: every setting, decided.
        network: is trained in place.
    """

    def __init__(self, data: Dataset, sides: Sides, plan: TrainPlan, network: Network) -> None:
        self.sides, self.plan, self.network = sides, plan, network
        self.targets = numbers_of(data.images["target"].to_list(), plan.classes)
        pictures = Pictures(data, network.preparation, [*sides.train, *sides.validation])
        self.views = Views(pictures, plan.augment, plan.seed)
        counts = np.bincount(self.targets[sides.train], minlength=len(plan.classes))
        weights = class_weights(counts, plan.class_weights)
        self.criterion = loss_of(plan.loss, None if weights is None else weights.to(plan.device), plan)
        self.chances = None
        if plan.sampling == "balanced":
            self.chances = 1.0 / np.maximum(counts, 1)[self.targets[sides.train]]

    def batches(self, epoch: int) -> list[list[int]]:
        """Row numbers of the epoch's batches."""
        places = order(len(self.sides.train), self.plan.seed, epoch, self.chances)
        return chunks(np.asarray(self.sides.train)[places], self.plan.batch_size)

    def inputs(self, items: list[int], view: int) -> tuple[Array, Array]:
        """(K, 3, H, W) float32 pictures and (K,) int64 classes."""
        return self.views.inputs([(row, view) for row in items]), self.targets[items]

    def module(self, thaw: int | str) -> nn.Module:
        """Encoder and head."""
        return Thawed(self.network, thaw)

    def judged(self, module: nn.Module, epoch: int) -> Judged:
        """What validation says of a module that answers pictures."""
        return self.judged_by(self.collected(module), epoch)

    def collected(self, module: nn.Module) -> Array:
        """(V, C) float32 logits of the validation rows, in their order."""
        rows = chunks(np.asarray(self.sides.validation, dtype=np.int64), _JUDGED_AT_ONCE)
        inputs = ahead(rows, lambda some: self.views.inputs([(row, None) for row in some]), self.plan.workers)
        return _answers(module, inputs, self.plan)

    def head(self) -> "FrozenHead":
        """The head on the encoder's kept features."""
        return FrozenHead(self)

    def judged_by(self, logits: Array, epoch: int) -> Judged:
        """What validation says of (V, C) logits; without validation a later epoch is a better one."""
        if not len(logits):
            return Judged(score=float(epoch), loss=None, classes_answered=len(self.plan.classes), metrics={})
        truth, answers = self.targets[self.sides.validation], logits.argmax(axis=1)
        with torch.inference_mode():
            device = self.plan.device
            loss = self.criterion(torch.from_numpy(logits).to(device), torch.from_numpy(truth).to(device))
        matrix = confusion(truth, answers, len(self.plan.classes))
        score = float(macro_f1(matrix))
        return Judged(
            score=score,
            loss=float(loss),
            classes_answered=len(set(answers.tolist())),
            metrics={"macro_f1": score, "accuracy": float(accuracy(matrix))},
        )


class FrozenHead:
    """The head, which learns from features that are made once for each picture and view."""

    def __init__(self, lesson: ClassLesson) -> None:
        self.lesson, plan = lesson, lesson.plan
        self.features = Features(lesson.views, encoder_on(plan.engine, lesson.network, plan.device))
        self.views: list[View] = list(range(min(plan.views, plan.epochs)))
        train, validation = lesson.sides.train, lesson.sides.validation
        wanted = [(row, view) for view in self.views for row in train] + [(row, None) for row in validation]
        self.features.fill(wanted)
        self.module = lesson.network.head.to(plan.device)

    def stream(self, epoch: int) -> tuple[int, Iterator[Batch]]:
        """Batches in the epoch, and the batches."""
        self.module.train()
        batches = self.lesson.batches(epoch)
        view, device = self.views[epoch % len(self.views)], self.lesson.plan.device
        return len(batches), (
            (
                torch.from_numpy(self.features(rows, view)).to(device),
                torch.from_numpy(self.lesson.targets[rows]).to(device),
            )
            for rows in batches
        )

    def judged(self, module: nn.Module, epoch: int) -> Judged:
        """What validation says of the head."""
        return self.lesson.judged_by(self.collected(module), epoch)

    def collected(self, module: nn.Module) -> Array:
        """(V, C) float32 logits of the validation rows, in their order."""
        some = chunks(np.asarray(self.lesson.sides.validation, dtype=np.int64), _FEATURES_AT_ONCE)
        return _answers(module, (self.features(rows, None) for rows in some), self.lesson.plan)


def numbers_of(names: list[str | None], classes: list[str]) -> Array:
    """(N,) int64 class numbers of the names, -1 where there is none."""
    numbers = {name: number for number, name in enumerate(classes)}
    return np.array([numbers.get(str(name), -1) for name in names], dtype=np.int64)


def _answers(module: nn.Module, inputs: Any, plan: TrainPlan) -> Array:
    """(V, C) float32 logits, in float32 whatever the steps run in."""
    module.eval()
    with torch.inference_mode():
        found = [module(torch.from_numpy(batch).to(plan.device)).float().cpu().numpy() for batch in inputs]
    return np.concatenate(found) if found else np.empty((0, len(plan.classes)), np.float32)


def _collapsed(logits: Array) -> bool:
    return len(logits) > 0 and len(set(logits.argmax(axis=1).tolist())) < 2


@dataclass(frozen=True, slots=True)
class _Validation:
    """Validation images: logits, class numbers, groups."""

    logits: Array
    numbers: Array
    groups: Array


def _conclude(plan: TrainPlan, data: Dataset, logits: Array, rows: list[int], groups: Array) -> Concluded:
    """Temperature, threshold, and the figures of the answers that they give."""
    numbers = numbers_of(data.images["target"][rows].to_list(), plan.classes)
    temperature = fit_temperature(logits, numbers)
    decision = _decided(plan, logits, numbers, temperature)
    answered = chosen(softmax(logits / temperature), plan.classes, decision)
    return Concluded(
        temperature,
        decision,
        _validated(plan.classes, numbers, answered, groups),
        pl.DataFrame({
            "prediction": pl.Series([plan.classes[number] for number in answered], dtype=pl.String),
            **{f"logit:{name}": pl.Series(logits[:, number]) for number, name in enumerate(plan.classes)},
        }),
    )  # fmt: skip


def _validated(classes: list[str], numbers: Array, answers: Array, groups: Array) -> dict[str, Any]:
    if not len(numbers):
        return {}
    return {
        "n": len(numbers),
        "groups": len(set(groups.tolist())),
        "metrics": overall(numbers, answers, groups, len(classes)),
        "baseline": _always(classes, numbers),
    }


def _always(classes: list[str], numbers: Array) -> dict[str, Any]:
    most, metrics = majority(numbers, len(classes))
    return {"class": classes[most], **metrics}


def _baseline(data: Dataset, rows: list[int]) -> dict[str, Any]:
    """What always answering the most frequent class would reach."""
    return _always(data.classes, numbers_of(data.images["target"][rows].to_list(), data.classes))


def _decided(plan: TrainPlan, logits: Array, numbers: Array, temperature: float) -> Decision:
    """How the bundle's probabilities become answers; a threshold is tuned on validation."""
    decision = Decision(abstain_below=plan.abstain_below)
    if plan.threshold is None or not len(logits):
        return decision
    named, objective = positive_of(plan.threshold, plan.classes)
    positive = rarer(numbers) if named is None else named
    scores = softmax(logits / temperature)[:, positive]
    try:
        tuned = tune(objective, scores, numbers == positive)
    except PupilaError:  # none reaches it: said on the page, for a trained model is not thrown away
        tuned = None
    return decision.model_copy(
        update={"positive": plan.classes[positive], "threshold": tuned, "objective": plan.threshold}
    )


def _check(wish: TrainSettings, data: Dataset) -> None:
    if len(data.classes) < 2 and not as_it_is(wish):
        raise PupilaError(
            say("Nothing to tell apart"), found=say("one class: {names}", names=listing(data.classes)),
            wanted=say("two classes or more"),
        )  # fmt: skip
    if wish.class_weights != "none" and wish.sampling == "balanced":
        raise at_odds(f"class_weights={wish.class_weights}, sampling=balanced",
                      say("one of them: together they count the rare classes twice"), "sampling=natural")  # fmt: skip
    if wish.threshold is not None:
        if len(data.classes) != 2:
            raise at_odds(f"threshold={wish.threshold}", say("two classes, not {n}", n=len(data.classes)),
                          "threshold=null")  # fmt: skip
        positive_of(wish.threshold, data.classes)
    overlaps = [name for _, name in terms_of(wish.loss) if name in OVERLAPS] if wish.loss != "auto" else []
    if overlaps:
        raise at_odds(f"loss={wish.loss}", say("masks: {names} measures how they overlap", names=listing(overlaps)),
                      "loss=cross_entropy")  # fmt: skip


CLASSES = Kind(
    task=CLASSIFY,
    usual=lambda network: {"loss": "cross_entropy", "epochs": 20, "fine_epochs": 10},
    augment="A1",
    idle=("encoder", "view", "overlap", "tversky_beta", *OF_PROMPTS),
    score=lambda classes: "macro F1",
    batch=32,
    lesson=ClassLesson,
    joined=lambda parts: np.concatenate(parts),
    collapsed=_collapsed,
    conclude=_conclude,
    baseline=_baseline,
    check=_check,
)
