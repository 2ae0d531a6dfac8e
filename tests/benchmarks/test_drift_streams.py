"""The quiet streams of the drift benchmark: whose head predicts what."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from benchmarks.drift_heads import predict_out_of_fold
from benchmarks.drift_images import Population
from benchmarks.drift_streams import LENGTH, Stream, left_out_streams, out_of_fold_streams

from pupila.statistics.drift.observations import Observations

GROUPS, CLASSES = 390, 3


@pytest.fixture(scope="module")
def population() -> Population:
    """Two photos of each group, whose number is their brightness; embeddings and classes are independent."""
    random, photos = np.random.default_rng(0), 2 * GROUPS
    embeddings = random.normal(size=(photos, 300))
    unknown = np.full(photos, np.nan)
    observations = Observations(
        unknown,
        np.arange(photos, dtype=float),
        unknown,
        embeddings[:, :2],
        np.full((photos, CLASSES), np.nan),
    )
    labels = random.integers(CLASSES, size=photos)
    return Population({"quiet": observations}, embeddings, np.arange(photos) // 2, labels)


@pytest.mark.parametrize(
    ("pair", "reference"),
    [(left_out_streams, GROUPS * 2 // 3 - LENGTH), (out_of_fold_streams, GROUPS - LENGTH)],
)
def test_reference_and_stream_share_no_group_and_no_head_saw_its_photo(
    pair: Callable[[Population, int], Iterator[Stream]], reference: int, population: Population
) -> None:
    (stream,) = pair(population, 1)
    parts = (stream.reference, stream.observations)
    assert [len(part) for part in parts] == [reference, LENGTH]
    rows = np.concatenate([part.brightness for part in parts]).astype(int)
    assert len(set(population.groups[rows])) == reference + LENGTH
    outputs = np.concatenate([part.outputs for part in parts])
    assert outputs.sum(axis=1) == pytest.approx(1)
    assert np.concatenate([part.confidence for part in parts]) == pytest.approx(outputs.max(axis=1))
    # a head that saw a photo is nearly always right on it; one that did not can only guess
    assert np.mean(outputs.argmax(axis=1) == population.labels[rows]) < 0.5


def test_a_class_that_a_head_never_saw_has_probability_zero() -> None:
    groups = np.arange(20)
    labels = np.where(groups == 7, 2, groups % 2)
    embeddings = {"quiet": np.random.default_rng(1).normal(size=(20, 4))}
    outputs = predict_out_of_fold(embeddings, groups, labels, 0, 3)["quiet"]
    assert outputs[7, 2] == 0
    assert outputs.sum(axis=1) == pytest.approx(1)
