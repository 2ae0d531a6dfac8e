"""Colours counted by hand, and the variance that the class explains, against a second formula."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.stats import f_oneway

import pupila
from pupila.artifacts.report.fingerprint import ExplainedVariance
from pupila.stages.explore.colour import colour_facts, measure_colours
from pupila.stages.explore.explained_variance import explained_variance
from pupila.stages.explore.membership import one_class
from tests.pictures import photo, write_scenes


def write_plain(folder: Path, name: str, colour: tuple[int, int, int], noise: int = 0) -> None:
    rng = np.random.default_rng(noise)
    pixels = np.clip(np.array(colour) + rng.integers(-noise, noise + 1, (60, 80, 1)), 0, 255).astype(np.uint8)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(folder / name)


def test_plain_images_have_the_colours_that_they_were_drawn_with(tmp_path: Path) -> None:
    write_plain(tmp_path, "a/red.png", (200, 0, 0))
    write_plain(tmp_path, "b/grey.png", (90, 90, 90))
    write_plain(tmp_path, "b/white.png", (250, 250, 250))
    data = pupila.open(tmp_path)
    assert data.miniatures([0]).shape == (1, 48, 48, 3)
    assert np.unique(data.miniatures([0]).reshape(-1, 3), axis=0).tolist() == [[200, 0, 0]]
    statistics = measure_colours(data)
    assert statistics.means.tolist() == [[200, 0, 0], [90, 90, 90], [250, 250, 250]]
    assert statistics.saturation.tolist() == [1, 0, 0]
    assert statistics.palette.argmax(axis=1).tolist() == [3 * 16, 1 * 16 + 1 * 4 + 1, 3 * 16 + 3 * 4 + 3]
    assert np.allclose(statistics.palette.sum(axis=1), 1)
    facts = colour_facts(data, statistics, np.arange(3), one_class(data))
    assert facts.channels.red[200 // 8] == facts.channels.green[0] == 48 * 48
    assert (facts.grey, facts.dark, facts.bright) == (2, 0, 1)
    assert facts.mean.red == 180
    assert facts.classes["b"].red == 170
    assert facts.classes["a"].brightness == pytest.approx(200 * 0.299, abs=0.5)
    assert sum(facts.classes["b"].saturation_counts) == 2
    assert facts.explained_variance == ExplainedVariance(brightness=None, saturation=None)  # too few


def test_explained_variance_equals_a_second_formula() -> None:
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 3, 200)
    values = 10.0 * codes + rng.normal(0, 12, 200)
    share = explained_variance(values, codes, np.arange(200))
    f = f_oneway(*(values[codes == k] for k in range(3))).statistic
    assert share == pytest.approx(2 * (f - 1) / (2 * f + 197), abs=2e-4)  # epsilon squared by way of F


def test_chance_explains_nothing_and_copies_count_once() -> None:
    rng = np.random.default_rng(2)
    shares = [
        explained_variance(rng.normal(size=60), rng.integers(0, 2, 60), np.arange(60)) for _ in range(200)
    ]
    assert np.mean([share for share in shares if share is not None]) < 0.02
    codes, values = np.repeat([0, 1], 100), np.repeat([0.0, 1.0], 100)
    assert (
        explained_variance(values, codes, np.repeat([0, 1], 100)) is None
    )  # one photo of each class, a hundred times
    assert explained_variance(values, codes, np.arange(200)) == 1
    assert explained_variance(np.where(codes == 0, np.nan, values), codes, np.arange(200)) is None
    assert explained_variance(np.ones(200), codes, np.arange(200)) is None


def test_brightness_that_leaks_the_class_is_reported(tmp_path: Path) -> None:
    for number in range(40):
        name, dark = ("day", 1.0) if number % 2 else ("night", 0.4)
        (tmp_path / name).mkdir(exist_ok=True)
        Image.fromarray((photo(number) * dark).astype(np.uint8)).save(tmp_path / f"{name}/{number}.png")
    explored = pupila.explore(tmp_path)
    page = Path(explored.page).read_text()
    assert "of the variance in brightness (from 0 to 255" in page
    assert "Colour and brightness" in page
    assert (explored.fingerprint.colour.explained_variance.brightness or 0) > 0.6


def test_masks_and_images_without_labels_have_colours_and_no_classes(tmp_path: Path) -> None:
    explored = pupila.explore(write_scenes(tmp_path, 4))
    assert explored.fingerprint.colour.classes == {}
    assert "Mean saturation of an image" in Path(explored.page).read_text()
