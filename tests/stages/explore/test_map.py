"""The map: neighbours known by hand, copies that don't count, and the page's few lines of script."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pupila
from pupila.artifacts.report.fingerprint import ClassAgreement
from pupila.artifacts.run.source import parse_predicting
from pupila.core.errors import PupilaError
from pupila.stages.explore import neighbours
from pupila.stages.explore.colour import measure_colours
from pupila.stages.explore.neighbours import _compare_neighbours, build_map
from tests.pictures import photo, write_classes, write_scenes
from tests.stages.explore.test_colour import write_plain
from tests.stages.explore.test_page import opened_page

RED, BLUE = (1.0, 0.2, 0.1), (0.1, 0.2, 1.0)


def write_two_colours(folder: Path, count: int = 8, wrong: int = 1) -> Path:
    """Red and blue scenes of the classes of these names, and blue ones called red."""
    for number in range(count):
        _write_tinted(folder / f"red/{number}.png", number, RED)
        _write_tinted(folder / f"blue/{number}.png", 100 + number, BLUE)
    for number in range(wrong):
        _write_tinted(folder / f"red/wrong{number}.png", 200 + number, BLUE)
    return folder


def _write_tinted(path: Path, seed: int, tint: tuple[float, float, float]) -> None:
    grey = photo(seed, 80, 60).mean(axis=2, keepdims=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((60 + 0.75 * grey * np.array(tint)).astype(np.uint8)).save(path)


def test_colours_separate_classes_and_show_outliers(tmp_path: Path) -> None:
    data = pupila.open(write_two_colours(tmp_path))
    image_map = build_map(data, measure_colours(data), None)
    assert image_map is not None and image_map.facts is not None
    assert image_map.rows == list(range(17))
    assert [data.images["image"][row] for row in image_map.outliers] == ["red/wrong0.png"]
    places = {name: image_map.positions[row] for row, name in enumerate(data.images["image"])}
    assert np.linalg.norm(places["red/wrong0.png"] - places["blue/0.png"]) < np.linalg.norm(
        places["red/wrong0.png"] - places["red/0.png"]
    )


def test_agreement_and_chance_are_those_counted_by_hand() -> None:
    # On a circle 0, 10, 20, ... 110 degrees: a a a a a a b b b b b b; each but one at a border agrees.
    angles = np.radians(np.array([0, 9, 19, 30, 42, 55, 63, 76, 88, 99, 109, 118]))
    features = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    codes = np.repeat([0, 1], 6)
    facts, outliers = _compare_neighbours(features, codes, np.arange(12), ["a", "b"])
    assert facts is not None
    assert facts.agreement.value == round(10 / 12, 4)  # 55 and 63 degrees are nearest to each other
    assert facts.chance == round(5 / 11, 4)
    assert facts.classes["a"] == ClassAgreement(images=6, agreement=round(5 / 6, 4))
    assert facts.agreement.low is not None and facts.agreement.high is not None
    assert facts.agreement.low < facts.agreement.value < facts.agreement.high
    assert outliers == []


def test_copies_are_no_neighbours() -> None:
    rng = np.random.default_rng(3)
    features = np.repeat(rng.normal(size=(30, 8)), 2, axis=0)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    codes = np.repeat(rng.integers(0, 2, 30), 2)
    with_copies, _ = _compare_neighbours(features, codes, np.arange(60), ["a", "b"])
    without, _ = _compare_neighbours(features, codes, np.repeat(np.arange(30), 2), ["a", "b"])
    assert with_copies is not None and without is not None
    assert with_copies.agreement.value == 1
    assert without.agreement.low is not None and without.agreement.high is not None
    assert without.agreement.low < without.chance < without.agreement.high
    assert (without.images, without.groups) == (60, 30)


def test_one_class_few_groups_and_few_images_have_no_facts(tmp_path: Path) -> None:
    features = np.eye(12)
    assert _compare_neighbours(features, np.zeros(12, int), np.arange(12), ["a"]) == (None, [])
    assert _compare_neighbours(features, np.arange(12) % 2, np.arange(12) // 2, ["a", "b"]) == (None, [])
    assert _compare_neighbours(features, np.full(12, -1), np.arange(12), ["a", "b"]) == (None, [])
    data = pupila.open(write_classes(tmp_path, {"a": 9}), layout="folders")
    assert build_map(data, measure_colours(data), None) is None


def test_images_that_are_all_alike_make_a_map(tmp_path: Path) -> None:
    for number in range(12):
        write_plain(tmp_path, f"{number}.png", (9, 9, 9))
    assert "Map of the images" in opened_page(pupila.explore(tmp_path).page)


def test_a_sample_of_many_images_is_drawn_and_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "MAX_POINTS", 15)
    page = opened_page(pupila.explore(write_classes(tmp_path, {"cat": 12, "dog": 12})).page)
    assert "15 of 24 images, drawn at random." in page
    assert page.count("<circle") == 15


def test_every_image_is_a_point_of_its_class_with_its_picture(tmp_path: Path) -> None:
    explored = pupila.explore(write_two_colours(tmp_path))
    page = opened_page(explored.page)
    circles = re.findall(
        r'<circle cx="([\d.]+)" cy="([\d.]+)" .*? data-k="(\d)" data-a="([\d.]+)" data-n="(.*?)"', page
    )
    assert len(circles) == 17
    assert sum(kind == "0" for _, _, kind, _, _ in circles) == 9  # the larger class comes first
    assert {name for *_, name in circles} >= {"3.png (red)", "3.png (blue)", "wrong0.png (red)"}
    assert all(0 <= float(x) <= 1000 and 0 <= float(y) <= 640 for x, y, *_ in circles)
    assert {aspect for *_, aspect, _ in circles} == {"1.333"}
    assert 'data-columns="5" data-lines="4"' in page  # of the sheet of 17 pictures
    assert "Among other classes: 1 of 1 image" in page
    assert "--with BUNDLE" in page


def test_masks_are_coloured_by_what_they_cover(tmp_path: Path) -> None:
    page = opened_page(pupila.explore(write_scenes(tmp_path, 12)).page)
    assert "little foreground (up to" in page
    assert page.count("<circle") == 12


def test_names_are_escaped_in_the_map(tmp_path: Path) -> None:
    for number in range(12):
        write_plain(tmp_path, f'a"><script>alert({number})&.png', (number * 9, 30, 30), 2)
    page = opened_page(pupila.explore(tmp_path).page)
    assert "alert(1)" in page and "<script>alert" not in page


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_two_colours(tmp_path_factory.mktemp("train"), 12, wrong=0)
    run = tmp_path_factory.mktemp("run") / "first"
    pupila.split(folder, val=0.3)
    pupila.train(
        folder,
        out=run,
        model="lenet",
        weights="none",
        image_size=32,
        epochs=1,
        augment="none",
        precision="float32",
    )
    return run


def test_embeddings_of_a_bundle_are_computed_once(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_two_colours(tmp_path / "data")
    first = pupila.explore(folder, bundle=bundle)
    page = opened_page(first.page)
    assert first.fingerprint.bundle[:12] in page
    assert "t-SNE of the embeddings" in page
    data = pupila.open(folder)
    mapped = build_map(data, measure_colours(data), parse_predicting(bundle).bundle)
    assert mapped is not None

    def gone(*_: object) -> None:
        raise AssertionError("embedded again")

    monkeypatch.setattr("pupila.artifacts.bundle.predictor.Predictor.embedding", gone)
    again = build_map(data, measure_colours(data), parse_predicting(bundle).bundle)
    assert again is not None and np.array_equal(again.positions, mapped.positions)


def test_a_folder_without_a_bundle_is_refused(tmp_path: Path) -> None:
    write_classes(tmp_path, {"a": 6, "b": 6})
    with pytest.raises(PupilaError, match="No bundle in"):
        pupila.explore(tmp_path, bundle=tmp_path)


def test_miniatures_are_those_of_the_files(tmp_path: Path) -> None:
    write_classes(tmp_path, {"a": 3})
    data = pupila.open(tmp_path, layout="folders")
    for row in range(3):
        small = np.asarray(Image.open(data.path(row)).resize((48, 48), Image.Resampling.BOX), dtype=int)
        assert np.abs(data.miniatures([row])[0] - small).mean() < 2
