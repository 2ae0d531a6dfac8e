"""What a promptable network learns from, decided by (seed, image, epoch) alone."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.preprocess import Preprocessing
from pupila.learning.loader.prompt import PromptedViews, pad

SPEC, CELLS = Preprocessing(height=32, width=32), 8


@dataclass(frozen=True)
class How:
    target: str = "class"
    targets: int = 1
    box_share: float = 0.5
    box_jitter: float = 0.0
    points: int = 3


@pytest.fixture(autouse=True)
def _own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PUPILA_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Two pictures: one with two regions of a class and one of another, one with background alone."""
    folder = tmp_path_factory.mktemp("data")
    mask = np.zeros((2, 64, 64), np.uint8)
    mask[0, 8:24, 8:24], mask[0, 40:56, 8:24], mask[0, 8:24, 40:56] = 1, 1, 2
    mask[1, 0, 0] = 3  # which is IGNORE, by the class file
    for number in range(2):
        for name, pixels in (("images", mask[number] * 60 + 7), ("masks", mask[number])):
            (folder / name).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    (folder / "classes.json").write_text('{"0": "background", "1": "one", "2": "two", "3": "unlabeled"}')
    return pupila.open(folder)


def views(data: Dataset, preset: str = "none", seed: int = 1) -> PromptedViews:
    return PromptedViews(data, SPEC, [0, 1], preset, seed, CELLS)


def drawn(data: Dataset, how: How, epoch: int = 0, seed: int = 1) -> tuple[list[np.ndarray], ...]:
    return views(data, seed=seed).draw_prompts(0, None, epoch, how, "sam")


def test_the_same_seed_image_and_epoch_draw_the_same_and_others_another(data: Dataset) -> None:
    def report(epoch: int, seed: int) -> str:
        return str(drawn(data, How(targets=3), epoch, seed))

    assert report(0, 1) == report(0, 1)
    assert len({report(epoch, seed) for epoch in range(3) for seed in range(3)}) == 9


def test_a_class_is_all_of_its_regions_and_a_region_one_of_them(data: Dataset) -> None:
    classes = {
        int((target == 1).sum()) for _, _, (target,) in (drawn(data, How("class"), e) for e in range(20))
    }
    assert classes == {8, 4}  # cells of 4 pixels: two regions of 2 x 2 cells, or one
    regions = {
        int((target == 1).sum()) for _, _, (target,) in (drawn(data, How("region"), e) for e in range(20))
    }
    assert regions == {4}


def test_boxes_and_points_are_mixed_as_requested_in_input_pixels(data: Dataset) -> None:
    labels = [drawn(data, How(box_share=1.0), e)[1][0].tolist() for e in range(10)]
    assert set(map(tuple, labels)) == {(2, 3)}
    actual = [drawn(data, How(box_share=0.0), e) for e in range(30)]
    assert {len(labels[0]) for _, labels, _ in actual} >= {2, 3, 4}
    for (points,), (own,), (target,) in actual:
        for (x, y), label in zip(points.tolist(), own.tolist(), strict=True):
            if label >= 0:
                assert target[int(y) // 4, int(x) // 4] == label


def test_a_view_without_foreground_has_a_target_without_labels(data: Dataset) -> None:
    points, labels, (target,) = views(data).draw_prompts(1, None, 0, How(), "sam")
    assert (target == IGNORE).all() and labels[0].tolist() == [-1] and points[0].shape == (1, 2)


def test_a_mask_moves_with_its_picture(data: Dataset) -> None:
    moving = views(data, "flip", seed=3)
    flipped = [np.array_equal(moving.mask(0, view), moving.mask(0, None)[:, ::-1]) for view in range(8)]
    pictures = moving.views.inputs([(0, view) for view in range(8)])
    plain = moving.views.inputs([(0, None)])[0]
    assert flipped == [np.array_equal(item, plain[..., ::-1]) for item in pictures]
    assert set(flipped) == {True, False}


def test_shorter_prompts_are_filled_up() -> None:
    item, two = np.array([1, 2]), np.array([3])
    assert pad([[item], [two]], -1).tolist() == [[[1, 2]], [[3, -1]]]


def test_a_picture_in_the_corner_has_no_labels_beside_it(data: Dataset) -> None:
    spec = Preprocessing(height=32, width=64, fit="corner")
    mask = PromptedViews(data, spec, [0], "none", 1, CELLS).mask(0, None)
    assert mask.shape == (32, 64) and (mask[:, 32:] == IGNORE).all() and (mask[:, :32] != IGNORE).all()
