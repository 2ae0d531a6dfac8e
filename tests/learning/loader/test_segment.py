"""Pictures with their masks: placed as everywhere, tiles at full resolution, rare classes drawn."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pupila
from pupila.artifacts.bundle.golden import preprocess_bytes
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.preprocess import Preprocessing
from pupila.learning.loader.segment import ArrayCache, MaskedViews
from pupila.tasks.segment import SEGMENT
from tests.pictures import write_photo, write_scenes

RESIZE = Preprocessing(height=32, width=32)
TILE = Preprocessing(height=32, width=32, view="tile", overlap=8)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return pupila.open(write_scenes(tmp_path_factory.mktemp("scenes"), 4))


def views(data: Dataset, spec: Preprocessing, preset: str = "none") -> MaskedViews:
    return MaskedViews(data, spec, list(range(len(data))), preset, seed=23)


@pytest.mark.parametrize("spec", [RESIZE, TILE], ids=["resize", "tile"])
def test_a_whole_image_is_seen_as_the_bundle_will_see_it(data: Dataset, spec: Preprocessing) -> None:
    image, targets = views(data, spec).read_whole(1)
    served = preprocess_bytes(Path(data.path(1)).read_bytes(), SEGMENT, spec)
    assert np.array_equal(image.inputs, served.inputs)
    assert (image.height, image.width) == (served.height, served.width) == (72, 96)
    assert targets.shape == (len(image.inputs), 32, 32)


def test_an_image_that_is_resized_keeps_its_shares(data: Dataset) -> None:
    inputs, targets = views(data, RESIZE).batch([(row, 0) for row in range(4)])
    assert inputs.shape == (4, 3, 32, 32) and targets.shape == (4, 32, 32) and targets.dtype == np.int64
    assert targets.mean(axis=(1, 2)) == pytest.approx(data.shares[:, 1], abs=0.05)


def test_tiles_are_cut_at_full_resolution(data: Dataset) -> None:
    report = views(data, TILE)
    whole, mask = np.asarray(Image.open(data.path(0)).convert("RGB")), data.mask(0)
    inputs, targets = report.batch([(0, view) for view in range(6)])
    spec = TILE
    for tile, target in zip(inputs, targets, strict=True):
        back = (tile.transpose(1, 2, 0) * spec.std + spec.mean) * 255
        places = [
            (top, left) for top in range(72 - 31) for left in range(96 - 31)
            if np.array_equal(mask[top:top + 32, left:left + 32], target)
            and abs(whole[top:top + 32, left:left + 32] - back).max() < 0.51
        ]  # fmt: skip
        assert places
    assert report.count_tiles(0) == round(72 * 96 / 32**2) and views(data, RESIZE).count_tiles(0) == 1


def test_a_rare_class_is_drawn_more_often_than_its_share(tmp_path: Path) -> None:
    mask = np.zeros((128, 128), np.uint8)
    mask[5:9, 100:104] = 2  # a thousandth
    mask[64:] = 1
    write_photo(tmp_path / "images/a.png", 1, 128, 128)
    (tmp_path / "masks").mkdir()
    Image.fromarray(mask).save(tmp_path / "masks/a.png")
    rare = pupila.open(tmp_path)
    report = MaskedViews(rare, TILE, [0], "none", 23)
    _, targets = report.batch([(0, view) for view in range(300)])
    views = (targets == 2).any(axis=(1, 2)).mean()
    # by chance alone: (32 + 4 - 1) x 9 of the 97 x 97 places, about 3 %
    assert 0.2 < views < 0.5


def test_rarity_depends_on_training_rows_alone(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    for name, half in (("a", 1), ("b", 0)):
        mask = np.zeros((64, 64), np.uint8)
        mask[:32] = half
        write_photo(tmp_path / f"images/{name}.png", 1 + half, 64, 64)
        Image.fromarray(mask).save(tmp_path / f"masks/{name}.png")
    data = pupila.open(tmp_path)
    report, every = (MaskedViews(data, TILE, [0, 1], "none", 23, rows) for rows in ([0], [0, 1]))
    assert report._rarity.tolist() == [2, 2]
    assert every._rarity.tolist() == pytest.approx([4 / 3, 4])


def test_a_mask_that_changed_since_the_opening_is_not_kept(tmp_path: Path) -> None:
    scenes = write_scenes(tmp_path, 2, seed=8)
    data, cached = pupila.open(scenes), (scenes / "masks/000.png").read_bytes()
    (scenes / "masks/000.png").write_bytes((scenes / "masks/001.png").read_bytes())
    with pytest.raises(PupilaError, match="changed since"):
        views(data, RESIZE)
    (scenes / "masks/000.png").write_bytes(cached)
    _, targets = views(data, RESIZE).batch([(0, 0), (1, 0)])
    assert targets.mean(axis=(1, 2)) == pytest.approx(data.shares[:, 1], abs=0.05)


def test_a_picture_smaller_than_a_tile_is_filled_up_without_labels(tmp_path: Path) -> None:
    write_photo(tmp_path / "images/a.png", 1, 20, 12)
    (tmp_path / "masks").mkdir()
    Image.fromarray((np.arange(240).reshape(12, 20) % 2).astype(np.uint8)).save(tmp_path / "masks/a.png")
    report = MaskedViews(pupila.open(tmp_path), TILE, [0], "none", 23)
    inputs, targets = report.batch([(0, 0)])
    assert inputs.shape == (1, 3, 32, 32)
    assert (targets[0, 12:] == IGNORE).all() and (targets[0, :, 20:] == IGNORE).all()
    assert set(np.unique(targets[0, :12, :20])) == {0, 1}


def test_the_same_view_is_the_same_whoever_asks(data: Dataset) -> None:
    item, other = (views(data, TILE, "strong") for _ in range(2))
    pairs: list[Any] = [report.batch([(2, 5)]) for report in (item, other)]
    assert all(np.array_equal(a, b) for a, b in zip(*pairs, strict=True))
    assert not np.array_equal(item.batch([(2, 6)])[0], pairs[0][0])


def test_arrays_beyond_the_limit_are_computed_again() -> None:
    created: list[int] = []

    def make(key: int) -> Any:
        created.append(key)
        return np.zeros(10, np.uint8)

    held = ArrayCache(most=15)
    for key in (1, 2, 1, 2):
        held.get(key, make)
    assert created == [1, 2, 2]
