"""Frozen features: the encoder runs once per image and view, and what it answered is what it would answer."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from pupila.imaging.images.decode import Array
from pupila.imaging.images.preprocess import Preprocessing
from pupila.learning import features as features_module
from pupila.learning.features import Encoder, FeatureRequest, Features, fill_features
from pupila.learning.loader.images import ResizedImages
from pupila.learning.loader.views import AugmentedViews, View
from tests.pictures import write_classes, write_photo

SMALL = Preprocessing(height=24, width=32)
EPOCHS = 3
ROWS = list(range(6))
EVERY: list[tuple[int, View]] = [(row, view) for view in range(EPOCHS) for row in ROWS]


@dataclass
class Counted:
    """An encoder that counts the different pictures of each call: the mean of each channel, and of its left half."""

    sizes: list[int] = field(default_factory=list)
    version: str = "weights 1"
    parallel: bool = False
    batch: int = features_module.BATCH

    def encoder(self) -> Encoder:
        return Encoder(self._run, 6, self.version, self.parallel, self.batch)

    def _run(self, pixels: Array) -> Array:
        assert len(pixels) == self.batch  # last digits must not depend on what else is lacking
        self.sizes.append(len(np.unique(pixels, axis=0)))
        return np.concatenate([pixels.mean(axis=(2, 3)), pixels[..., :16].mean(axis=(2, 3))], axis=1)


@pytest.fixture(autouse=True)
def _own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PUPILA_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return pupila.open(write_classes(tmp_path_factory.mktemp("data"), {"a": 3, "b": 3}))


def created(
    data: Dataset, counted: Counted, preset: str = "A2", seed: int = 23, **preprocessing: Any
) -> Features:
    prepared = SMALL.model_copy(update=preprocessing)
    return Features(
        AugmentedViews(ResizedImages(data, prepared, list(range(len(data)))), preset, seed), counted.encoder()
    )


def test_the_encoder_sees_each_image_and_view_once(data: Dataset) -> None:
    counted = Counted()
    assert created(data, counted).fill([*EVERY, *EVERY, (0, None)]) == 19
    assert sum(counted.sizes) == 19
    assert created(data, counted).fill([*EVERY, (1, None)]) == 1  # a second run
    assert sum(counted.sizes) == 20


@pytest.mark.parametrize("parallel", [False, True])
def test_as_many_views_as_epochs_are_as_if_nothing_were_kept(data: Dataset, parallel: bool) -> None:
    features = created(data, Counted(parallel=parallel))
    features.fill(EVERY)
    for epoch in range(EPOCHS):
        fresh = Counted().encoder().run(features.views.inputs([(row, epoch) for row in [*ROWS, 0, 0]]))[:6]
        for again in (features, created(data, Counted())):
            assert np.array_equal(again(ROWS, epoch), fresh)
    assert not np.array_equal(features(ROWS, 0), features(ROWS, 1))


def test_without_augmentation_one_view_serves_all_epochs(data: Dataset) -> None:
    counted = Counted()
    assert created(data, counted, preset="none").fill([*EVERY, *((row, None) for row in ROWS)]) == 6
    assert created(data, counted, preset="A1").fill([(row, None) for row in ROWS]) == 0


def test_copies_of_one_picture_are_encoded_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_photo(tmp_path / f"data/{name}/0.png", 5)
    counted = Counted()
    features = created(pupila.open(tmp_path / "data"), counted)
    assert features.fill([(0, 0), (1, 0)]) == 1
    assert np.array_equal(*features([0, 1], 0))


@pytest.mark.parametrize("other", [
    {"version": "weights 2"}, {"seed": 24}, {"preset": "A1"}, {"mean": (0.5, 0.5, 0.5)}, {"height": 32},
])  # fmt: skip
def test_other_weights_draws_or_preprocessing_are_other_features(
    data: Dataset, other: dict[str, Any]
) -> None:
    created(data, Counted()).fill(EVERY)
    counted = Counted(version=other.pop("version", "weights 1"))
    assert created(data, counted, **other).fill(EVERY) == sum(counted.sizes) == len(EVERY)


@pytest.mark.parametrize("name", ["DECODER", "DRAWING"])
def test_another_way_to_decode_or_draw_gives_other_features(
    data: Dataset, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    created(data, Counted()).fill(EVERY)
    monkeypatch.setattr(features_module, name, "another")
    assert created(data, Counted()).fill(EVERY) == len(EVERY)


def test_a_damaged_feature_is_made_again_and_no_other(data: Dataset) -> None:
    first = created(data, Counted())
    first.fill(EVERY)
    before = first(ROWS, EPOCHS - 1)
    assert first.store is not None
    (path,) = first.store.folder.glob("*.rows")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1  # of the last row, which is that of the last image's last view
    path.write_bytes(content)
    counted = Counted()
    features = created(data, counted)
    assert features.fill(EVERY) == 1
    assert counted.sizes == [1]
    assert np.array_equal(features(ROWS, EPOCHS - 1), before)
    assert created(data, counted).fill(EVERY) == 0


def test_a_killed_encoding_resumes_after_the_saved_part(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features_module, "_PART_ROWS", 4)
    counted = Counted(batch=2)

    def dies_at_the_fourth_batch(pixels: Array) -> Array:
        if len(counted.sizes) == 3:
            raise KeyboardInterrupt
        return counted._run(pixels)

    features = created(data, counted)
    features.encoder = replace(features.encoder, run=dies_at_the_fourth_batch)
    with pytest.raises(KeyboardInterrupt):
        features.fill(EVERY)
    assert created(data, Counted(batch=2)).fill(EVERY) == len(EVERY) - 2 * 2


def test_half_floats_are_cached_and_larger_values_are_refused(data: Dataset) -> None:
    full, half = created(data, Counted()), created(data, Counted())
    full.fill(EVERY)
    half = Features(half.views, half.encoder, "float16")
    assert half.fill(EVERY) == len(EVERY)  # not those of the other type
    assert half.store is not None and half.store.dtype == np.float16
    actual, expected = half(ROWS, 0), full(ROWS, 0)
    assert actual.dtype == np.float32 and np.array_equal(
        actual, expected.astype(np.float16).astype(np.float32)
    )
    large = Counted(version="large")
    encoder = replace(large.encoder(), run=lambda pixels: 1e5 + large._run(pixels))
    with pytest.raises(PupilaError, match=r"(?s)exceed the range of float16.*--cache float32"):
        Features(half.views, encoder, "float16").fill(EVERY)


def test_without_a_cache_features_are_the_same_and_nothing_is_written(data: Dataset, tmp_path: Path) -> None:
    cached, counted = created(data, Counted(batch=1)), Counted(batch=1)
    cached.fill(EVERY)
    fresh = Features(cached.views, counted.encoder(), "none")
    written = sorted((tmp_path / "cache").rglob("*.rows"))
    assert fresh.fill(EVERY) == 0
    assert np.array_equal(fresh(ROWS, 1), cached(ROWS, 1)) and len(counted.sizes) == len(ROWS)
    assert sorted((tmp_path / "cache").rglob("*.rows")) == written


def test_what_was_not_filled_is_an_error(data: Dataset) -> None:
    with pytest.raises(KeyError):
        created(data, Counted())([0], 0)


def test_encoders_on_the_same_views_get_each_from_one_drawing(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[int, View]] = []
    draw = AugmentedViews.draw

    def count(views: AugmentedViews, pairs: list[tuple[int, View]]) -> list[Array]:
        drawn.extend(pairs)
        return draw(views, pairs)

    counted = [Counted(version=f"weights {number}", parallel=True) for number in range(2)]
    first, other = created(data, counted[0]), created(data, counted[1], mean=(0.5, 0.5, 0.5))
    first.fill(EVERY[:5])
    monkeypatch.setattr(AugmentedViews, "draw", count)
    plain: list[tuple[int, View]] = [(7, None)] if len(data) > 7 else [(5, None)]
    requests = [FeatureRequest(first, [*EVERY, *plain]), FeatureRequest(other, EVERY)]
    assert fill_features(requests) == (len(EVERY) + 1 - 5) + len(EVERY)
    assert sorted(drawn, key=str) == sorted([*EVERY, *plain], key=str)
    monkeypatch.undo()
    for features, encoder in ((first, counted[0]), (other, counted[1])):
        fresh = encoder.encoder().run(features.views.inputs([(row, 1) for row in [*ROWS, 0, 0]]))[:6]
        assert np.array_equal(features(ROWS, 1), fresh)
    assert fill_features(requests) == 0


def test_trainings_with_other_rows_fill_one_store(data: Dataset) -> None:
    counted = Counted(parallel=True)
    halves = [
        Features(AugmentedViews(ResizedImages(data, SMALL, rows), "A2", 23), counted.encoder())
        for rows in (ROWS[:3], ROWS[2:])
    ]
    pairs: list[list[tuple[int, View]]] = [[(row, 0) for row in rows] for rows in (ROWS[:3], ROWS[2:])]
    assert fill_features([FeatureRequest(*each) for each in zip(halves, pairs, strict=True)]) == 6
    assert np.array_equal(created(data, counted)(ROWS[2:], 0), _refreshed(halves[1])(ROWS[2:], 0))


def _refreshed(features: Features) -> Features:
    assert features.store is not None
    features.store.refresh()
    return features


def test_two_at_once_encode_nothing_twice(data: Dataset) -> None:
    started, counted = threading.Event(), Counted()

    @dataclass
    class Waiting(Counted):
        def _run(self, pixels: Array) -> Array:
            started.wait()  # until the other one begins, too
            return counted._run(pixels)

    features = [created(data, Waiting()) for _ in range(2)]

    def begin() -> int:
        started.set()
        return features[1].fill(EVERY)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(features[0].fill, EVERY)
        second = pool.submit(begin)
        assert sorted([first.result(), second.result()]) == [0, len(EVERY)]
    assert sum(counted.sizes) == len(EVERY)
    assert np.array_equal(features[0](ROWS, 2), features[1](ROWS, 2))
