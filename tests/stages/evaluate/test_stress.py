"""The stress test of each task: what a model is sensitive to is found, and nothing else; refusals; the page."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pupila
from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.dataset.test_access import read_test_accesses
from pupila.artifacts.report.evaluation.multilabel import MultilabelReport
from pupila.artifacts.report.evaluation.reports import REPORTS
from pupila.artifacts.report.evaluation.stress import StressedCorruption, StressReport
from pupila.artifacts.run.folder import Run
from pupila.artifacts.run.source import RunSource, parse_source
from pupila.cli.run import run as cli
from pupila.core.errors import PupilaError
from pupila.imaging.corruptions.catalogue import BACKGROUND, CORRUPTIONS, LEVELS
from pupila.stages.evaluate.evaluator import EvaluationResult, EvaluationSet
from pupila.stages.evaluate.run import evaluate_models
from pupila.stages.evaluate.sentences import sentences
from pupila.stages.evaluate.settings import EvaluateSettings
from pupila.stages.evaluate.stress.run import check_stressable, stress_test
from tests.colours import PLAIN, write_colours, write_labelled, write_painted, write_pointing
from tests.several_labels import write_several_labels
from tests.stages.evaluate.reports import assert_valid, classified, prompted, segmented, value
from tests.stages.evaluate.sealed import split_data, unopened

SIDE = 24
# Of two classes the second has a tenth of the first one's slope: "bright" wins above a mean of 0.5, "dark" below.
BY_BRIGHTNESS = PLAIN.model_copy(update={"mean": (0.5, 0.5, 0.0), "std": (1.0, 10.0, 1.0)})


def texture(seed: int, level: float) -> np.ndarray:
    """(SIDE, SIDE, 3) uint8: grey noise around a mean of 0..1."""
    values = np.random.default_rng(seed).normal(255 * level, 20, (SIDE, SIDE, 1)).clip(0, 255)
    return np.repeat(values, 3, axis=2).astype(np.uint8)


def write_lights(folder: Path, count: int = 60) -> Path:
    """Bright and dark textures in a folder each."""
    for number in range(count):
        level = 0.66 if number % 2 else 0.32
        path = folder / ("bright" if number % 2 else "dark") / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(texture(number, level + 0.002 * (number % 10))).save(path)
    return folder


def write_spots(folder: Path, count: int = 40) -> Path:
    """Green rectangles on ground with more red than green, with masks."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for number in range(count):
        rng = np.random.default_rng(number)
        top, left = rng.integers(2, 8, 2)
        picture = np.full((SIDE, SIDE, 3), (60, 10, 90), dtype=np.uint8)
        picture += rng.integers(0, 12, (SIDE, SIDE, 1), dtype=np.uint8)
        mask = np.zeros((SIDE, SIDE), dtype=np.uint8)
        mask[top : top + 12, left : left + 12] = 255
        picture[mask > 0] = (20, 200, 20)
        Image.fromarray(picture).save(folder / f"images/{number:03d}.png")
        Image.fromarray(mask).save(folder / f"masks/{number:03d}.png")
    return folder


@pytest.fixture(scope="module")
def split_lights(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return split_data(tmp_path_factory.mktemp("lights"), write_lights, 0.2, 0.5)


@pytest.fixture
def lights(split_lights: Dataset) -> Iterator[Dataset]:
    with unopened(split_lights) as data:
        yield data


@pytest.fixture(scope="module")
def spots(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return split_data(tmp_path_factory.mktemp("spots"), write_spots, 0.2, 0.5)


@pytest.fixture(scope="module")
def by_brightness(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("models") / "brightness"
    return write_colours(folder, classes=["bright", "dark"], preprocessing=BY_BRIGHTNESS)


def stress(model: Bundle, data: Dataset, split: str = "test", images: int | None = None) -> EvaluationResult:
    """The evaluation with its stress test, and without a page."""
    splits, source = SplitFile.read(data.home), parse_source(model)
    assert splits is not None
    result = evaluate_models([source], data, splits, split)
    on = EvaluationSet(data, splits, result.predictions[0].rows)
    return stress_test(result, source, on, EvaluateSettings(stress=True, stress_images=images))


def report_of(result: EvaluationResult) -> StressReport:
    assert result.evaluation.stress is not None
    return result.evaluation.stress


def rows_of(report: StressReport) -> dict[str, StressedCorruption]:
    return {row.name: row for row in report.corruptions}


def falls(row: StressedCorruption) -> list[float]:
    return [level.difference.other - level.difference.first for level in row.levels]


def test_a_model_that_looks_at_brightness_is_sensitive_to_it_and_not_to_blur(
    lights: Dataset, by_brightness: Bundle
) -> None:
    result = stress(by_brightness, lights)
    report = report_of(result)
    rows = rows_of(report)
    assert report.metric == "accuracy"
    assert report.clean == value(classified(result.evaluation).models[0].metrics["accuracy"]) == 1
    assert report.images == report.drawn == report.whole == 30
    assert rows.keys() == CORRUPTIONS.keys() - {BACKGROUND}
    assert report.left_out == {BACKGROUND: "no-masks"}
    # 0.7 x 0.67 is below 0.5: every bright image is predicted dark, at every level
    bright = 15 / 30
    assert falls(rows["darker"]) == pytest.approx([bright] * LEVELS)
    # 1.3 x 0.33 is still dark, 1.7 x 0.33 is not
    assert falls(rows["brighter"]) == pytest.approx([0, bright, bright, bright])
    assert rows["darker"].verdict == rows["brighter"].verdict == "worse"
    for name in ("blur", "contrast", "noise", "jpeg", "scale"):
        assert falls(rows[name]) == [0] * LEVELS, name
        assert rows[name].verdict == "not distinguishable"
        assert rows[name].p_value == 1
    verdict = sentences(result.evaluation)
    weakest = next(text for text in verdict if text.startswith("Stress test"))
    assert re.search(
        r"^Stress test \(30 images in 30 groups\): most sensitive to darker light\. Accuracy falls from 1\.000 "
        r"to 0\.500 at brightness x 0\.7 \(50\.0 points, 95 % CI [\d.]+ to [\d.]+\)", weakest,
    )  # fmt: skip
    assert any("Accuracy also falls significantly with brighter light" in text for text in verdict)
    assert any(re.search(r"no proof of robustness: .*blur", text) for text in verdict)


def test_the_command_writes_the_page_and_accesses_the_test_split_once(
    lights: Dataset, by_brightness: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", by_brightness.folder, lights.source, "--stress", "--stress-images", "12", "--json"]
    assert cli([*words, "--out", str(tmp_path / "report")]) == 0
    printed = json.loads(capsys.readouterr().out)
    evaluation = REPORTS["classify"].model_validate(printed)
    assert evaluation.stress is not None
    assert len(read_test_accesses(lights.home)) == evaluation.test_accesses == 1
    assert_valid(tmp_path / "report" / "report.json", evaluation)
    assert (evaluation.stress.drawn, evaluation.stress.whole) == (12, 30)
    assert evaluation.stress == report_of(stress(by_brightness, lights, images=12))  # the same once more
    page = (tmp_path / "report" / "report.html").read_text()
    assert "<h2>Stress test</h2>" in page
    assert "12 of 30 images in 12 groups, drawn with seed 0" in page
    assert "they need masks, and these data have none" in page
    strip = page.partition("What the levels look like")[2]
    assert strip.count("<figure") == 1 + LEVELS * len(evaluation.stress.corruptions)


def test_a_table_is_refused_before_the_test_split_is_accessed(lights: Dataset, tmp_path: Path) -> None:
    table = tmp_path / "hosted.csv"
    rows = [f"{image},dark" for image in lights.images["image"]]
    table.write_text("\n".join(["image,prediction", *rows]))
    with pytest.raises(
        PupilaError, match=r"stress test needs a model.*a table of predictions.*a bundle or a run"
    ):
        pupila.evaluate(table, lights, out=tmp_path / "report", stress=True)
    assert not read_test_accesses(lights.home)


def test_a_model_of_masks_that_compares_colours_withstands_other_light(
    spots: Dataset, tmp_path: Path
) -> None:
    """It paints what is more green than red, and light, shadows and the grounds of others leave that as it is."""
    result = stress(write_painted(tmp_path / "painted", classes=spots.classes, view="resize"), spots)
    report = report_of(result)
    rows, model = rows_of(report), segmented(result.evaluation).models[0]
    assert report.metric == "mean_dice"
    assert report.clean == pytest.approx(value(model.per_image["dice"].mean))
    assert rows.keys() == CORRUPTIONS.keys()
    assert report.clean > 0.8
    for name in ("darker", "brighter", "shadow", "reflection", BACKGROUND):
        assert max(np.abs(falls(rows[name]))) < 0.07, name
    assert falls(rows["jpeg"])[-1] > 0.1  # colours at half the resolution


def test_prompted_masks_of_a_colour_are_scored_from_points(spots: Dataset, tmp_path: Path) -> None:
    result = stress(write_pointing(tmp_path / "pointing"), spots, "validation")
    report = report_of(result)
    model = prompted(result.evaluation).models[0]
    assert report.metric == "mean_iou_points"
    assert report.clean == pytest.approx(value(model.strategies["points"].per_mask["iou"].mean))
    assert report.images == 8
    assert rows_of(report).keys() == CORRUPTIONS.keys()
    assert all(row.mean.low is None and row.verdict == "not distinguishable" for row in report.corruptions)
    assert any("too few groups for a verdict" in text for text in sentences(result.evaluation))


def write_three_labels(folder: Path) -> Path:
    """Blue, green and red squares, without the fourth class."""
    table = write_several_labels(folder, 24) / "labels.csv"
    table.write_text("".join(line.rpartition(",")[0] + "\n" for line in table.read_text().splitlines()))
    return folder


def test_several_labels_are_scored_by_micro_f1(tmp_path: Path) -> None:
    data = split_data(tmp_path, write_three_labels, 0.2, 0.5)
    result = stress(write_labelled(tmp_path / "labelled", classes=data.classes), data)
    report, evaluation = report_of(result), result.evaluation
    assert isinstance(evaluation, MultilabelReport)
    assert report.metric == "micro_f1"
    assert 0 < report.clean < 1
    assert report.clean == pytest.approx(value(evaluation.models[0].metrics["micro_f1"]))


def test_the_folds_of_a_run_are_refused_with_the_test_split_as_the_remedy(
    lights: Dataset, tmp_path: Path
) -> None:
    splits = SplitFile.read(lights.home)
    assert splits is not None
    folded = replace(splits, images=[replace(a, fold=number % 3) for number, a in enumerate(splits.images)])
    (tmp_path / "oof.parquet").write_bytes(b"")
    source = RunSource("folds", Run(str(tmp_path)))
    with pytest.raises(
        PupilaError, match=r"(?s)not trained on.*out-of-fold predictions of folds.*--split test"
    ):
        check_stressable(source, folded, None)
    check_stressable(source, folded, "test")
    check_stressable(source, splits, None)
