"""Successive halving: all configurations with few epochs, the best of them with more, until the last have them all.

Rungs are synchronous: the next one begins when all configurations of a rung have ended, so that its cells depend on
scores and not on the order in which cells ended. Each rung trains from the start, with a plan of its own.

Source: Jamieson and Talwalkar 2016, arXiv:1502.07943; the rungs are those of Li et al. 2018, arXiv:1603.06560.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from pupila.core.errors import PupilaError
from pupila.core.messages import integer, listing, number, say, say_count
from pupila.experiments.configurations import (
    FAILED,
    PENDING,
    Configuration,
    RunCells,
    Scored,
    run_configurations,
)

Epochs = Mapping[
    str, int
]  # of each phase of a training: {"epochs": 20}, or {"epochs": 3, "finetune_epochs": 24}


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of a halving."""

    number: int  # from 0
    configurations: int
    share: float  # of the epochs


@dataclass(frozen=True, slots=True)
class HalvingOptions:
    """What a user sets of a halving."""

    factor: int  # the best 1/factor of a rung are promoted to factor times its epochs
    min_epochs: int = 1  # of the first rung


def plan_rungs(halving: HalvingOptions, configurations: int, epochs: int) -> list[Rung]:
    """The rungs of a halving: as many as configurations and epochs allow.

    Args:
        halving: its options.
        configurations: of the first rung.
        epochs: of the last one, in the longest phase.

    Raises:
        PupilaError: a factor below 2, or more epochs in the first rung than in the last.
    """
    factor = halving.factor
    if factor < 2:
        raise PupilaError(
            say("Invalid halving"),
            actual=f"--halving {factor}",
            expected=say("2 or more"),
            remedy="--halving 3",
        )
    if not 1 <= halving.min_epochs <= epochs:
        raise PupilaError(
            say("Invalid halving"), actual=f"--min-epochs {halving.min_epochs}",
            expected=say("1 to {epochs}, the epochs of the last rung", epochs=epochs),
        )  # fmt: skip
    steps = 0
    while configurations >= factor ** (steps + 1) and epochs >= halving.min_epochs * factor ** (steps + 1):
        steps += 1
    counts = [configurations // factor**step for step in range(steps + 1)]
    return [Rung(n, count, float(factor) ** (n - steps)) for n, count in enumerate(counts)]


def shorten(epochs: Epochs, share: float) -> dict[str, int]:
    """The epochs of each phase in a rung, at least one; exact where the share divides them."""
    return {name: max(1, math.ceil(round(value * share, 9))) for name, value in epochs.items()}


def _shorten_configuration(
    epochs: Callable[[Configuration], Epochs], share: float, configuration: Configuration
) -> dict[str, int]:
    return shorten(epochs(configuration), share)


@dataclass(frozen=True, slots=True)
class Halved:
    """The outcome of a halving."""

    configurations: list[
        Scored
    ]  # in the order of the first rung, each as it ended in the last rung that it reached
    rungs: list[list[Scored]]  # who trained in each rung


def halve(
    first: Sequence[Scored],
    rungs: Sequence[Rung],
    run: RunCells,
    epochs: Callable[[Configuration], Epochs],
    seeds: Sequence[int] = (),
) -> Halved:
    """Continue from the scores of the first rung to the last one.

    Args:
        first: all configurations, with their scores of rung 0.
        rungs: of `plan_rungs`.
        run: trains cells.
        epochs: of each phase of a configuration, in the last rung.
        seeds: where the seed is an axis.
    """
    ended = [replace(result, rung=0) for result in first]
    trained = [list(ended)]
    places = list(range(len(ended)))
    for rung in rungs[1:]:
        if any(ended[place].state == PENDING for place in places):
            break
        places = choose(ended, places, rung.configurations)
        if not places:
            break
        results = run_configurations(
            [ended[place].configuration for place in places],
            run,
            seeds,
            rung.number,
            partial(_shorten_configuration, epochs, rung.share),
        )
        trained.append(results)
        for place, result in zip(places, results, strict=True):
            ended[place] = result
    return Halved(ended, trained)


def choose(ended: Sequence[Scored], places: Sequence[int], count: int) -> list[int]:
    """The places of the configurations that are promoted, in their order.

    Args:
        ended: all configurations.
        places: of those that trained in the last rung. The best are promoted; of equal scores the
            configuration that comes first; a failed one never is.
        count: how many are promoted.
    """
    scores = {place: score for place in places if (score := ended[place].score) is not None}
    return sorted(sorted(scores, key=lambda place: (-scores[place], place))[:count])


def describe_rungs(rungs: Sequence[Rung], epochs: Epochs) -> str:
    """What a halving will train: "27 with 3 epochs, 9 with 9 epochs, 3 with 27 epochs"."""
    parts = [
        say_count("{count} with {n} epoch", "{count} with {n} epochs", sum(shorten(epochs, rung.share).values()),
                  count=integer(rung.configurations))
        for rung in rungs
    ]  # fmt: skip
    return say(
        "Successive halving of {n} configurations: {parts}.",
        n=integer(rungs[0].configurations),
        parts=listing(parts, len(parts)),
    )


def describe_halving(halved: Halved, rungs: Sequence[Rung]) -> list[str]:
    """What a halving decided by a tie, and which configurations failed, in sentences."""
    sentences = []
    for rung, trained in zip(rungs, halved.rungs, strict=False):
        if failed := sum(result.state == FAILED for result in trained):
            sentences.append(say_count(
                "{n} configuration failed in rung {rung} and ended there.",
                "{n} configurations failed in rung {rung} and ended there.", failed, rung=rung.number,
            ))  # fmt: skip
        scores = sorted((r.score for r in trained if r.score is not None), reverse=True)
        count = rungs[rung.number + 1].configurations if rung.number + 1 < len(rungs) else len(scores)
        if count < len(scores) and scores[count - 1] == scores[count]:
            sentences.append(say(
                "Rung {rung} had equal scores of {score} on both sides of the cut: the first of these configurations "
                "was promoted.", rung=rung.number, score=number(scores[count]),
            ))  # fmt: skip
    return sentences
