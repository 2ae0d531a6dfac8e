"""Batches and views: decided by (seed, image, epoch) alone, whatever the number of threads."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from pupila.core.threads import prefetch
from pupila.imaging.images.decode import Array, decode
from pupila.imaging.images.preprocess import Preprocessing, preprocess
from pupila.learning.loader.batches import chunks, order
from pupila.learning.loader.images import ResizedImages
from pupila.learning.loader.views import AugmentedViews
from tests.pictures import write_classes, write_photo

SMALL = Preprocessing(height=24, width=32)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return pupila.open(write_classes(tmp_path_factory.mktemp("data"), {"a": 5, "b": 4}))


@pytest.fixture
def _own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PUPILA_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows that were really decoded."""
    rows: list[int] = []
    pixels = Dataset.pixels

    def counted(data: Dataset, row: int, at_least: int | None = None) -> Array:
        rows.append(row)
        return pixels(data, row, at_least)

    monkeypatch.setattr(Dataset, "pixels", counted)
    return rows


def test_an_epoch_takes_each_place_once_in_an_order_of_its_own() -> None:
    first = order(50, seed=23, epoch=0)
    assert sorted(first.tolist()) == list(range(50))
    assert np.array_equal(first, order(50, seed=23, epoch=0))
    others = [order(50, seed=23, epoch=1), order(50, seed=24, epoch=0), np.arange(50)]
    assert not any(np.array_equal(first, other) for other in others)


def test_the_order_plays_no_part_in_numpys_own_draws() -> None:
    np.random.seed(0)
    before = order(50, seed=23, epoch=0)
    np.random.seed(1)
    assert np.array_equal(before, order(50, seed=23, epoch=0))


def test_balanced_chances_draw_every_class_equally_often() -> None:
    classes = np.array([0] * 900 + [1] * 90 + [2] * 10)
    chances = 1 / np.bincount(classes)[classes]
    drawn = Counter(classes[order(1000, 23, 0, chances)].tolist())
    assert sum(drawn.values()) == 1000
    assert all(drawn[number] == pytest.approx(333, abs=60) for number in range(3))  # 4 deviations


@pytest.mark.parametrize(("count", "size", "sizes"), [
    (10, 4, [4, 4, 2]), (13, 4, [4, 4, 5]), (5, 4, [5]), (8, 4, [4, 4]), (3, 1, [1, 2]), (1, 4, [1]), (0, 4, []),
])  # fmt: skip
def test_no_batch_of_one_is_left_over(count: int, size: int, sizes: list[int]) -> None:
    batches = chunks(np.arange(count), size)
    assert [len(batch) for batch in batches] == sizes
    assert [place for batch in batches for place in batch] == list(range(count))


@pytest.mark.parametrize("preset", ["A4", "none"])
def test_batches_are_equal_with_and_without_threads(data: Dataset, preset: str) -> None:
    views = AugmentedViews(ResizedImages(data, SMALL, list(range(9))), preset, seed=23)

    def make(rows: list[int]) -> Array:
        return views.inputs([(row, 3) for row in rows])

    batches = chunks(order(9, 23, 3), 2)
    alone, together = (list(prefetch(batches, make, workers)) for workers in (0, 2))
    assert [batch.shape for batch in alone] == [(2, 3, 24, 32)] * 3 + [(3, 3, 24, 32)]
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def test_a_plain_view_is_what_predict_would_see(data: Dataset) -> None:
    views = AugmentedViews(ResizedImages(data, SMALL, [4]), "A1", seed=23)
    content = Path(data.path(4)).read_bytes()
    assert np.array_equal(views.inputs([(4, None)])[0], preprocess(decode(content, min_side=64), SMALL))


def test_a_view_has_a_key_of_its_own_by_image_preset_seed_and_number(data: Dataset) -> None:
    pictures = ResizedImages(data, SMALL, [0, 1])
    report = [("A1", 23, 0, 0), ("A1", 23, 1, 0), ("A1", 23, 0, 1), ("A1", 24, 0, 0), ("A2", 23, 0, 0)]
    keys = {AugmentedViews(pictures, preset, seed).key(row, view) for preset, seed, row, view in report}
    assert len(keys) == len(report)
    plain = AugmentedViews(pictures, "A1", 23).key(0, None)
    assert plain == AugmentedViews(pictures, "none", 24).key(0, 5)  # the picture as it is, for every run
    assert plain not in keys


@pytest.mark.usefixtures("_own")
def test_each_picture_is_decoded_once_for_all_runs(data: Dataset, decoded: list[int]) -> None:
    first = ResizedImages(data, SMALL, [0, 1, 2])([2, 0])
    assert len(decoded) == 3
    again = ResizedImages(data, SMALL, [0, 1, 2, 3])
    assert len(decoded) == 4
    assert np.array_equal(again([2, 0]), first)
    ResizedImages(data, SMALL.model_copy(update={"mean": (0.5,) * 3}), [0, 1])
    assert len(decoded) == 4  # mean and std are applied later
    ResizedImages(data, SMALL.model_copy(update={"fit": "pad"}), [0, 1])
    assert len(decoded) == 6


@pytest.mark.usefixtures("_own")
def test_copies_of_one_picture_are_decoded_once(tmp_path: Path, decoded: list[int]) -> None:
    for name in ("a", "b"):
        write_photo(tmp_path / f"data/{name}/0.png", 5)
    pictures = ResizedImages(pupila.open(tmp_path / "data"), SMALL, [0, 1])
    assert len(decoded) == 1
    assert np.array_equal(*pictures([0, 1]))


@pytest.mark.usefixtures("_own")
@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"no picture")])
def test_an_image_that_changed_since_is_named(spoil: Callable[[Path], object], tmp_path: Path) -> None:
    opened = pupila.open(write_classes(tmp_path / "data", {"a": 1, "b": 1}))
    spoil(tmp_path / "data/b/000.jpg")
    with pytest.raises(PupilaError, match=r"b/000\.jpg can no longer be read"):
        ResizedImages(opened, SMALL, [0, 1])


@pytest.mark.usefixtures("_own")
def test_a_photo_that_was_replaced_since_is_refused_and_not_kept(tmp_path: Path) -> None:
    for number in (0, 1):
        write_photo(tmp_path / f"data/a/{number}.png", number)
    data = pupila.open(tmp_path / "data", layout="folders")
    first = (tmp_path / "data/a/0.png").read_bytes()
    (tmp_path / "data/a/0.png").write_bytes((tmp_path / "data/a/1.png").read_bytes())
    with pytest.raises(PupilaError, match="changed since"):
        ResizedImages(data, SMALL, [0])
    (tmp_path / "data/a/0.png").write_bytes(first)
    assert ResizedImages(data, SMALL, [0])([0]).shape == (1, 24, 32, 3)
