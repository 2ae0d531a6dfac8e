"""Streams of groups to detect drift in: quiet ones, and ones that change after `QUIET` groups."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.drift_heads import fit_head, predict, predict_out_of_fold
from benchmarks.drift_images import Population
from pupila.statistics.drift.observations import Observations, stack_observations

Array = NDArray[Any]
Random = np.random.Generator

LENGTH, QUIET = 200, 50  # groups of a stream, and those of them before a change
SHIFT = 0.5  # standard deviations
FREQUENT = 3.0  # times as often a third of the classes comes


@dataclass(frozen=True, slots=True)
class Stream:
    """A reference and what follows it, an observation for each group."""

    reference: Observations
    observations: Observations
    photos: Observations | None = None  # all of them, where one stands for its group


def left_out_streams(population: Population, number: int) -> Iterator[Stream]:
    """A head of a third of the groups predicts reference and stream, which are a random partition of the others."""
    for seed in range(number):
        rows = _pick_photos(population, np.random.default_rng(seed))
        learned, others = np.sort(rows[: len(rows) // 3]), rows[len(rows) // 3 :]
        own = _predict_others(population, learned, others)
        reference = len(own) - LENGTH
        yield Stream(own.select(np.arange(reference)), own.select(np.arange(reference, len(own))))


def out_of_fold_streams(population: Population, number: int) -> Iterator[Stream]:
    """Heads of folds predict the reference; the head of all its groups predicts the stream, of unseen groups."""
    for seed in range(number):
        rows = _pick_photos(population, np.random.default_rng(seed))
        before, after = rows[:-LENGTH], rows[-LENGTH:]
        learned = np.sort(before)
        outputs = predict_out_of_fold(
            {"quiet": population.embeddings[learned]}, population.groups[learned], population.labels[learned],
            seed, population.labels.max() + 1,
        )["quiet"]  # fmt: skip
        yield Stream(_with_outputs(population, learned, outputs), _predict_others(population, learned, after))


def _predict_others(population: Population, learned: Array, rows: Array) -> Observations:
    """Of some photos, by a head of others."""
    head = fit_head(population.embeddings[learned], population.labels[learned])
    outputs = predict(head, population.embeddings[rows], population.labels.max() + 1)
    return _with_outputs(population, rows, outputs)


def _with_outputs(population: Population, rows: Array, outputs: Array) -> Observations:
    own = population.observations["quiet"].select(rows)
    return replace(own, confidence=outputs.max(axis=1), outputs=outputs)


def changed_streams(population: Population, change: str, number: int) -> Iterator[Stream]:
    """Random partitions whose stream changes."""
    every = population.observations["quiet"]
    for seed in range(number):
        random = np.random.default_rng(10_000 + seed)
        rows = _pick_photos(population, random)
        reference, stream = every.select(rows[:-LENGTH]), rows[-LENGTH:]
        quiet, rest = every.select(stream[:QUIET]), stream[QUIET:]
        if change == "share of classes":
            rest = _pick_frequent(population, set(population.groups[rest]), random)
        changed = population.observations[change if change in population.observations else "quiet"].select(
            rest
        )
        if change in SHIFTS:
            changed = SHIFTS[change](changed, reference)
        yield Stream(reference, stack_observations([quiet, changed]))


SHIFTS: dict[str, Callable[[Observations, Observations], Observations]] = {
    "0.5 sd of brightness": lambda o, r: replace(o, brightness=o.brightness + SHIFT * r.brightness.std()),
    "0.5 sd of sharpness": lambda o, r: replace(o, sharpness=o.sharpness - SHIFT * r.sharpness.std()),
    "0.5 sd of one projection": lambda o, r: replace(
        o, embedding=o.embedding + SHIFT * r.embedding.std(axis=0) * (np.arange(o.embedding.shape[1]) == 0)
    ),
}


def _pick_photos(population: Population, random: Random) -> Array:
    """One photo of each group, in random order."""
    order = random.permutation(len(population.groups))
    _, first = np.unique(population.groups[order], return_index=True)
    return random.permutation(order[first])


def _pick_frequent(population: Population, groups: set[int], random: Random) -> Array:
    """Half of the groups, one photo of each, where the first third of the classes comes `FREQUENT` times as often."""
    rows = np.flatnonzero(np.isin(population.groups, list(groups)))
    classes = population.labels.max() + 1
    sizes = np.bincount(population.groups)
    odds = (
        np.where(population.labels[rows] < max(1, classes // 3), FREQUENT, 1) / sizes[population.groups[rows]]
    )
    picked: list[int] = []
    keys = random.exponential(size=len(rows)) / odds  # sampling without replacement, weighted by the odds
    used: set[int] = set()
    for row in rows[np.argsort(keys)]:
        if population.groups[row] not in used:
            used.add(population.groups[row])
            picked.append(row)
    return np.array(picked[: len(groups) // 2])


def simulated_stream(random: Random, reference: int, length: int, alike: float = 0.9) -> Stream:
    """Groups of one to nine photos whose values have a correlation of `alike` within the group."""
    groups = reference + length
    sizes = random.integers(1, 10, groups)
    number = np.repeat(np.arange(groups), sizes)
    values = 14
    common, own = random.normal(size=(groups, values)), random.normal(size=(len(number), values))
    photos = _as_observations(np.sqrt(alike) * common[number] + np.sqrt(1 - alike) * own)
    first = np.cumsum(sizes) - sizes
    picked = first + random.integers(sizes)  # a photo at random stands for its group
    return Stream(
        photos.select(picked[:reference]),
        photos.select(picked[reference:]),
        photos.select(np.flatnonzero(number >= reference)),
    )


def _as_observations(normal: Array) -> Observations:
    logits = 2 * normal[:, 10:]
    outputs = np.exp(logits - logits.max(axis=1, keepdims=True))
    outputs /= outputs.sum(axis=1, keepdims=True)
    return Observations(outputs.max(axis=1), normal[:, 0], np.exp(normal[:, 1]), normal[:, 2:10], outputs)
