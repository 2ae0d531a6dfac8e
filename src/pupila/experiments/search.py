"""Search a space: configurations are suggested, trained as cells, and their scores reported to the sampler."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pupila.core.messages import integer, listing, say, say_count
from pupila.experiments.configurations import (
    COLLAPSED,
    FAILED,
    PENDING,
    Configuration,
    RunCells,
    Scored,
    run_configurations,
)
from pupila.experiments.space import configuration_key
from pupila.experiments.study import RANDOM, STARTUP_TRIALS, Journal, Trial

Extra = Callable[[Configuration], Mapping[str, Any]]


def search(
    journal: Journal,
    trials: int,
    run: RunCells,
    seeds: Sequence[int] = (),
    rung: int | None = None,
    extra: Extra = lambda configuration: {},
) -> list[Scored]:
    """Run a search to its end, or resume one that was interrupted.

    Trials are suggested in rounds, and their scores reported when all of the round have ended, in the order of
    their numbers, so that suggestions do not depend on which cell was the fastest. Those that an interruption
    has left without an outcome are trained again, or read from their cells. Where every
    configuration of a finite space was tried, the search ends.

    Args:
        journal: open.
        trials: in all, those of earlier calls included.
        run: trains cells; an exception of it leaves the trials of the round to the next call.
        seeds: with which each configuration is trained; its score is the mean.
        rung: of the first rung of a halving; None without one.
        extra: the epochs of that rung.

    Returns:
        The trials in order; pending ones where the budget is used up.
    """
    scored: list[Scored] = []
    stored = journal.trials()
    size = journal.space.size
    while len(scored) < trials:
        end = min(round_end(journal, len(scored)), trials)
        while len(stored) < end and not _is_exhausted(stored, size):
            stored.append(journal.suggest())
        some = stored[len(scored) : end]
        if not some:
            break
        results = run_configurations(
            [Configuration(trial.configuration, trial.number) for trial in some], run, seeds, rung, extra
        )
        for trial, result in zip(some, results, strict=True):
            if not trial.finished and result.state != PENDING:
                journal.report(trial.number, result.score)
        scored += results
        if any(result.state == PENDING for result in results):
            break
        stored = journal.trials()
    return scored


def round_end(journal: Journal, number: int) -> int:
    """The number after the last trial of the round that a trial belongs to.

    Random suggestions ignore all scores: the first ones of tpe are one round, and so are all of a random search.
    """
    size = journal.sampling.round_size
    if journal.sampling.sampler == RANDOM:
        return number + 1_000_000
    if number < STARTUP_TRIALS:
        return STARTUP_TRIALS
    return number + size - (number - STARTUP_TRIALS) % size


def _is_exhausted(stored: Sequence[Trial], size: int | None) -> bool:
    """Whether every configuration was suggested."""
    return size is not None and len({configuration_key(trial.configuration) for trial in stored}) >= size


def describe_search(scored: Sequence[Scored], trials: int, size: int | None) -> list[str]:
    """How a search went, in sentences: how many trials, how many collapsed or failed, which were repeated.

    Args:
        scored: what `search` returned.
        trials: requested number.
        size: different configurations of the space; None: endlessly many.
    """
    different = len({configuration_key(result.configuration.settings) for result in scored})
    sentences = [say_count("{n} trial.", "{n} trials.", len(scored))]
    if different < len(scored):
        sentences.append(say(
            "{n} of them repeated an earlier configuration, whose stored result counted.",
            n=integer(len(scored) - different),
        ))  # fmt: skip
    if size is not None and different >= size and len(scored) < trials:
        sentences.append(say(
            "The search ended before trial {trials}: all {size} configurations of the space were tried.",
            trials=integer(trials), size=integer(size),
        ))  # fmt: skip
    for state, describe in (
        (COLLAPSED, _describe_collapsed), (FAILED, _describe_failed), (PENDING, _describe_pending)
    ):  # fmt: skip
        names = [say("trial {n}", n=r.configuration.trial) for r in scored if r.state == state]
        if names:
            sentences.append(describe(len(names), listing(names)))
    return sentences


def _describe_collapsed(count: int, names: str) -> str:
    return say_count(
        "{n} collapsed and counts with its score: {names}.",
        "{n} collapsed and count with their scores: {names}.", count, names=names,
    )  # fmt: skip


def _describe_failed(count: int, names: str) -> str:
    return say("{n} failed, as the sampler knows: {names}.", n=integer(count), names=names)


def _describe_pending(count: int, names: str) -> str:
    return say_count(
        "{n} is not trained yet, as the budget is used up: {names}.",
        "{n} are not trained yet, as the budget is used up: {names}.", count, names=names,
    )  # fmt: skip
