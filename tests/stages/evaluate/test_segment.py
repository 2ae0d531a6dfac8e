"""Evaluating masks from end to end: metrics computed a second way, comparisons, refusals."""

import html
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from PIL import Image

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.run.folder import Run
from pupila.cli.run import run as cli
from pupila.core.errors import PupilaError
from pupila.core.vocabulary import TEST, VALIDATION
from pupila.imaging.masks.codec import decode_png
from pupila.stages.evaluate.evaluator import OUT_OF_FOLD
from pupila.stages.evaluate.sentences import sentences
from pupila.stages.evaluate.verdicts import few_groups_warning
from tests.colours import write_colours
from tests.figures import validation
from tests.pictures import scene, write_scenes
from tests.stages.evaluate.reports import assert_valid, head, mean_of_slices, segmented, value
from tests.stages.evaluate.sealed import split_data, unopened
from tests.statistics.known import parts

Mask = NDArray[np.uint8]
FixedPrediction = Callable[[Mask], Mask]
SMALL: dict[str, Any] = {
    "encoder": "test_efficientnet", "weights": "none", "image_size": 64, "epochs": 4, "augment": "light",
    "batch_size": 4,
    "lr": 3e-3, "precision": "float32", "options": {"decoder_channels": [16, 16, 8, 8, 8]},
}  # fmt: skip


@pytest.fixture(scope="module")
def split_scenes(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """56 drawn scenes, 22 of them in the test split."""
    return split_data(tmp_path_factory.mktemp("scenes"), lambda folder: write_scenes(folder, 56), 0.2, 0.4)


@pytest.fixture
def scenes(split_scenes: Dataset) -> Iterator[Dataset]:
    """The scenes, whose test split nobody has opened."""
    with unopened(split_scenes) as data:
        yield data


@pytest.fixture(scope="module")
def run(split_scenes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return pupila.train(split_scenes, out=tmp_path_factory.mktemp("runs") / "unet", **SMALL)


def of_split(data: Dataset, split: str = TEST) -> list[int]:
    splits = SplitFile.read(data.home)
    assert splits is not None
    return [row for row, assignment in enumerate(splits.images) if assignment.split == split]


def write_predictions(folder: Path, data: Dataset, predictions: dict[int, Mask], high: int = 255) -> Path:
    """A table `image,mask` of masks in the folder."""
    folder.mkdir(parents=True)
    names = {row: f"{row}.png" for row in predictions}
    for row, mask in predictions.items():
        Image.fromarray(mask * np.uint8(high)).save(folder / names[row])
    images = [data.images["image"][row] for row in predictions]
    pl.DataFrame({"image": images, "mask": list(names.values())}).write_csv(folder / "theirs.csv")
    return folder / "theirs.csv"


def plain(target: Mask, prediction: Mask) -> dict[str, float]:
    """The four figures of the foreground, from sets of pixels."""
    known = target != 255
    true, report = (set(np.flatnonzero((mask == 1) & known).tolist()) for mask in (target, prediction))
    both, either = len(true & report), len(true | report)
    if not either:
        return {"iou": 1, "dice": 1, "precision": 1, "recall": 1}
    return {
        "iou": both / either, "dice": 2 * both / (len(true) + len(report)),
        "precision": both / len(report) if report else 0, "recall": both / len(true) if true else 0,
    }  # fmt: skip


def moved(mask: Mask, pixels: int = 6) -> Mask:
    """The mask, pushed to the right."""
    return np.roll(mask, pixels, axis=1)


def test_figures_are_those_of_a_count_with_sets_of_pixels(scenes: Dataset, tmp_path: Path) -> None:
    rows = of_split(scenes)
    masks = {row: moved(scenes.mask(row), number) for number, row in enumerate(rows)}
    table = write_predictions(tmp_path / "theirs", scenes, masks)
    model = segmented(pupila.evaluate(table, scenes).evaluation).models[0]
    report = [plain(scenes.mask(row), masks[row]) for row in rows]
    assert model.images == model.groups == len(rows)
    for name in ("iou", "dice", "precision", "recall"):
        column = [entry[name] for entry in report]
        result = model.per_image[name]
        assert result.mean.value == pytest.approx(np.mean(column))
        assert result.median.value == pytest.approx(np.median(column))
        assert result.worst.value == pytest.approx(min(column))
        assert sorted(parts(result.mean)) == list(parts(result.mean))
        assert sum(model.histograms[name]) == len(rows)
    whole = plain(*(np.concatenate([part.ravel() for part in parts])
                    for parts in ([scenes.mask(row) for row in rows], masks.values())))  # fmt: skip
    for name, figure in whole.items():
        assert model.pooled[name].value == pytest.approx(figure)
    right = [(scenes.mask(row) == masks[row]).mean() for row in rows]
    assert model.pixel_accuracy.value == pytest.approx(np.mean(right))


def test_the_report_stands_alone_and_starts_with_the_verdict(scenes: Dataset, tmp_path: Path) -> None:
    rows = of_split(scenes)
    masks = {row: scenes.mask(row) for row in rows}
    for row in rows[:2]:
        masks[row] = np.uint8(1) - masks[row]
    output = pupila.evaluate(
        write_predictions(tmp_path / "theirs", scenes, masks), scenes, out=tmp_path / "out"
    )
    model = segmented(output.evaluation).models[0]
    mean = (len(rows) - 2) / len(rows)
    summary = sentences(output.evaluation)
    assert summary[0].startswith(f"theirs.csv: mean Dice {mean:.3f} (95 % CI 0.")
    assert summary[0].endswith(
        f"and mean IoU {mean:.3f} for class 'foreground', n = 22 test images in 22 groups."
    )
    assert any(line == "2 of 22 images have an IoU below 0.5." for line in summary)
    assert (model.failures.below, model.failures.images) == (0.5, 2)
    assert {entry.row for entry in model.examples.worst} >= set(rows[:2])
    shown = [entry.row for _, part in model.examples for entry in part]
    assert len(shown) == len(set(shown)) == 9
    page = Path(output.report).read_text()
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", page)
    assert "<script" not in page
    assert page.index("mean Dice") < page.index("<svg") < page.index("<table")
    assert page.count("data:image/") == 4 * len(shown)  # image, ground truth, prediction and errors of each
    assert_valid(tmp_path / "out/report.json", output.evaluation)


def test_an_absent_class_scores_1_and_a_false_positive_scores_0(tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "data", 30)
    for path in sorted((folder / "masks").iterdir())[::2]:
        Image.new("L", (96, 72), 0).save(path)
    data = pupila.open(folder)
    pupila.split(data, val=0.1, test=0.5)
    rows = of_split(data)
    empty = [row for row in rows if not data.mask(row).any()]
    assert len(empty) > 1
    masks = {row: data.mask(row) for row in rows}
    masks[empty[0]] = np.ones((72, 96), np.uint8)  # all false positives
    result = segmented(
        pupila.evaluate(write_predictions(tmp_path / "some", data, masks), data).evaluation
    ).models[0]
    for name in ("iou", "dice", "precision", "recall", "boundary_iou"):
        assert result.per_image[name].mean.value == pytest.approx((len(rows) - 1) / len(rows))
    nothing = {row: np.zeros((72, 96), np.uint8) for row in rows}
    output = pupila.evaluate(write_predictions(tmp_path / "none", data, nothing), data)
    result = segmented(output.evaluation).models[0]
    assert result.per_image["dice"].mean.value == pytest.approx(len(empty) / len(rows))
    assert result.predicted_classes == ["background"]
    assert any("predicts a single class (collapsed)" in line for line in sentences(output.evaluation))
    assert "NaN" not in Path(output.report_json).read_text()


def test_three_classes_are_pooled_and_unlabelled_pixels_never_count(tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "data", 36, high=1)
    for path in sorted((folder / "masks").iterdir()):
        mask = np.array(Image.open(path))
        mask[:12, :12], mask[-8:] = 2, 9
        Image.fromarray(mask).save(path)
    names = {"0": "land", "1": "water", "2": "roof", "9": "unlabeled"}
    (folder / "classes.json").write_text(json.dumps(names))
    data = pupila.open(folder)
    pupila.split(data, val=0.1, test=0.5)
    masks = {
        row: np.where(data.mask(row) == 255, 2, data.mask(row)).astype(np.uint8) for row in of_split(data)
    }
    for mask in masks.values():
        mask[:6, :12] = 0  # half of each roof missed
    output = pupila.evaluate(write_predictions(tmp_path / "theirs", data, masks, high=1), data)
    model = segmented(output.evaluation).models[0]
    targets = np.concatenate([data.mask(row).ravel() for row in masks])
    report = np.concatenate([mask.ravel() for mask in masks.values()])[targets != 255]
    targets = targets[targets != 255]
    each = [
        float(((targets == k) & (report == k)).sum() / ((targets == k) | (report == k)).sum())
        for k in range(3)
    ]
    assert each[2] == pytest.approx(0.5)
    for figure, name in zip(each, data.classes, strict=True):
        assert model.classes[name].pooled["iou"].value == pytest.approx(figure)
    assert model.pooled["iou"].value == pytest.approx(np.mean(each))
    assert "the lowest is 'roof' with 0.500" in sentences(output.evaluation)[0]


def test_against_another_table_images_are_paired(scenes: Dataset, tmp_path: Path) -> None:
    rows = of_split(scenes)
    good = write_predictions(tmp_path / "good", scenes, {row: moved(scenes.mask(row), 2) for row in rows})
    bad = write_predictions(tmp_path / "bad", scenes, {row: moved(scenes.mask(row), 8) for row in rows})
    output = pupila.evaluate(good, scenes, against=[bad, good])
    worse, same = segmented(output.evaluation).comparisons
    figures = worse.metrics["mean_dice"]
    dice = [
        np.mean([plain(scenes.mask(r), moved(scenes.mask(r), by))["dice"] for r in rows]) for by in (2, 8)
    ]
    assert worse.primary_metric == "mean_dice"
    assert worse.verdict == "better"
    assert figures.first == pytest.approx(dice[0])
    assert figures.other == pytest.approx(dice[1])
    assert figures.change == pytest.approx(dice[0] / dice[1] - 1)
    assert figures.low and figures.high and 0 < figures.low < dice[0] - dice[1] < figures.high
    assert same.verdict != "better"
    assert same.metrics["pooled_iou"].change == 0
    back = segmented(pupila.evaluate(bad, scenes, against=[good]).evaluation).comparisons[0]
    assert back.verdict == "worse"


def test_images_annotated_twice_give_the_agreement(tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "data", 30)
    picture, mask = scene(3)
    Image.fromarray(picture).save(folder / "images/copy.jpg", quality=95)
    Image.fromarray(moved(mask, 3) * np.uint8(255)).save(folder / "masks/copy.png")
    data = pupila.open(folder)
    pupila.split(data, val=0.1, test=0.5)
    table = write_predictions(tmp_path / "theirs", data, {row: data.mask(row) for row in of_split(data)})
    output = pupila.evaluate(table, data)
    result = segmented(output.evaluation).models[0].annotation_agreement
    assert result is not None
    expected = plain(mask, moved(mask, 3))
    assert result.pairs == 1
    assert result.iou.value == pytest.approx(expected["iou"])
    assert result.dice.value == pytest.approx(expected["dice"])
    assert any(f"agree with Dice {expected['dice']:.3f}" in line for line in sentences(output.evaluation))


def test_a_run_predicts_as_its_bundle_does_and_as_it_reports(
    run: Run, scenes: Dataset, tmp_path: Path
) -> None:
    cached = segmented(pupila.evaluate(run.folder, scenes, out=tmp_path / "cached").evaluation)
    predicted = segmented(
        pupila.evaluate(
            f"{run.folder}/bundle", scenes, split=VALIDATION, out=tmp_path / "predicted"
        ).evaluation
    )
    first, second = (model.models[0].per_image["dice"].mean.value for model in (cached, predicted))
    assert cached.validation_based
    assert cached.split == VALIDATION
    assert first == pytest.approx(validation(run.bundle.info).metrics["mean_dice"].value)
    assert second == pytest.approx(first, abs=0.002)  # a stored probability has 254 steps
    frame = pl.read_parquet(Path(run.folder) / "oof.parquet")
    place = {image: row for row, image in enumerate(scenes.images["image"])}
    report = [plain(scenes.mask(place[image]), decode_png(png))["dice"] for image, png in
            zip(frame["image"], frame["mask"], strict=True)]  # fmt: skip
    assert first == pytest.approx(np.mean(report))


def test_a_model_that_was_trained_here_is_compared_with_a_table_on_the_test_split(
    run: Run, scenes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flat = {row: np.ones((72, 96), np.uint8) for row in of_split(scenes)}
    table = write_predictions(tmp_path / "flat", scenes, flat)
    output = pupila.evaluate(run.folder, scenes, split=TEST, against=[table], out=tmp_path / "out")
    ours, theirs = segmented(output.evaluation).models
    assert segmented(output.evaluation).test_accesses == 1
    assert ours.seen_in_training == 0
    assert theirs.per_image["dice"].mean.value == pytest.approx(ours.baseline.metrics["mean_dice"])
    assert segmented(output.evaluation).comparisons[0].verdict == "better"
    assert any(
        "is significantly above the best single-class baseline" in line
        for line in sentences(output.evaluation)
    )
    monkeypatch.chdir(tmp_path)
    assert cli(["predict", run.folder, *(scenes.path(row) for row in flat), "--out", "ours"]) == 0
    again = segmented(
        pupila.evaluate("ours/predictions.csv", scenes, split=TEST, out=tmp_path / "again").evaluation
    ).models[0]
    assert again.per_image == ours.per_image


def test_real_photos_from_training_to_the_report(
    real_data: Callable[[str], Path], real_weights: Callable[[str], Path], tmp_path: Path
) -> None:
    photos = real_data("flood_area")
    weights = real_weights("mobilenetv2_100.safetensors")
    for kind in ("images", "masks"):
        (tmp_path / "data" / kind).mkdir(parents=True)
        for path in sorted((photos / kind).iterdir())[:60]:
            shutil.copy(path, tmp_path / "data" / kind)
    data = pupila.open(tmp_path / "data")
    pupila.split(data, val=0.2, test=0.35)
    output = pupila.train(
        data, out=tmp_path / "run", encoder="mobilenetv2_100", weights=str(weights), image_size=64, epochs=2,
        finetune_epochs=2, batch_size=4, precision="float32", augment="light",
    )  # fmt: skip
    rows = of_split(data)
    blank = {row: np.ones(data.mask(row).shape, np.uint8) for row in rows}
    table = write_predictions(tmp_path / "flat", data, blank)
    report = pupila.evaluate(output.folder, data, split=TEST, against=[table], out=tmp_path / "out")
    ours, theirs = segmented(report.evaluation).models
    evaluated = [data.path(row) for row in rows]
    assert cli(["predict", output.folder, *evaluated, "--out", str(tmp_path / "predicted")]) == 0
    result = {path.stem: np.asarray(Image.open(path)) for path in (tmp_path / "predicted/masks").iterdir()}
    by_hand = [plain(data.mask(row), result[Path(data.images["image"][row]).stem]) for row in rows]
    for name in ("iou", "dice", "precision", "recall"):
        assert ours.per_image[name].mean.value == pytest.approx(np.mean([model[name] for model in by_hand]))
    flat = [plain(data.mask(row), blank[row])["dice"] for row in rows]
    assert theirs.per_image["dice"].mean.value == pytest.approx(np.mean(flat))
    assert value(ours.per_image["dice"].mean) > np.mean(flat)
    page = Path(report.report).read_text()
    assert page.count("data:image/") >= 4 * 9


@pytest.mark.parametrize(("change", "message"), [
    (lambda path: path.unlink(), "Can't read the mask"),
    (lambda path: path.write_bytes(b"no image"), "Can't read the mask"),
    (lambda path: Image.new("L", (72, 72)).save(path),
     "a different aspect ratio from its image: found 72 x 72; expected 96 x 72"),
    (lambda path: Image.new("RGB", (96, 72), (1, 2, 3)).save(path), "has values that are not a class"),
    (lambda path: Image.fromarray(np.resize(np.array([0, 1, 255], np.uint8), (72, 96))).save(path),
     "has values that are not a class: found 0, 1, 255; expected 0 to 1"),
])  # fmt: skip
def test_a_mask_that_can_not_be_compared_is_refused_by_its_path(
    scenes: Dataset, tmp_path: Path, change: Callable[[Path], Any], message: str
) -> None:
    rows = of_split(scenes)
    table = write_predictions(tmp_path / "theirs", scenes, {row: scenes.mask(row) for row in rows})
    broken = tmp_path / f"theirs/{rows[5]}.png"
    change(broken)
    with pytest.raises(PupilaError, match=message) as fault:
        pupila.evaluate(table, scenes)
    assert str(broken) in str(fault.value)


def test_folds_are_not_advised_where_there_are_folds() -> None:
    report = [few_groups_warning(head(split), ["road"]) for split in (TEST, OUT_OF_FOLD)]
    assert ["--folds" in line for line in report] == [True, False]
    report = [few_groups_warning(head(split), []) for split in (TEST, OUT_OF_FOLD)]
    assert ["--folds" in line for line in report] == [True, False]


def test_no_threshold_is_tuned_and_a_table_without_masks_is_refused(scenes: Dataset, tmp_path: Path) -> None:
    rows = of_split(scenes)
    table = write_predictions(tmp_path / "theirs", scenes, {row: scenes.mask(row) for row in rows})
    with pytest.raises(PupilaError, match="--threshold applies to one class an image"):
        pupila.evaluate(table, scenes, threshold="f1")
    other = tmp_path / "classes.csv"
    pl.DataFrame(
        {"image": [scenes.images["image"][r] for r in rows], "prediction": ["water"] * len(rows)}
    ).write_csv(other)
    with pytest.raises(PupilaError, match="columns image and mask"):
        pupila.evaluate(other, scenes)


def test_a_classifier_is_refused_in_words(scenes: Dataset, tmp_path: Path) -> None:
    model = write_colours(tmp_path / "colours").folder
    with pytest.raises(
        PupilaError, match=r"was trained for classification \(.*\), but .* is a data set for segmentation"
    ) as fault:
        pupila.evaluate(model, scenes, split="validation")
    assert fault.value.remedy == "evaluate it on the data it was trained for"


def test_slices_by_size_make_up_the_mean_dice(scenes: Dataset, tmp_path: Path) -> None:
    masks = {row: moved(scenes.mask(row)) for row in range(len(scenes))}
    table = write_predictions(tmp_path / "theirs", scenes, masks)
    report = segmented(pupila.evaluate(table, scenes, by=["size", "width"], out=tmp_path / "out").evaluation)
    dice = report.models[0].per_image["dice"].mean.value
    assert mean_of_slices(report, "size", "mean_dice") == pytest.approx(dice)
    assert mean_of_slices(report, "width", "mean_dice") == pytest.approx(dice)
    assert report.slices[0].thirds and report.slices[0].unit == "images"


def test_a_class_that_no_test_image_has_is_named_and_left_out_of_the_mean(tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "data", 36, high=1)
    (folder / "classes.json").write_text(json.dumps({"0": "land", "1": "water", "2": "roof"}))
    data = pupila.open(folder)
    pupila.split(data, val=0.1, test=0.5)
    masks = {row: data.mask(row).copy() for row in of_split(data)}
    for mask in masks.values():
        mask[:2, :2] = 2  # roofs that are none
    output = pupila.evaluate(write_predictions(tmp_path / "theirs", data, masks, high=1), data)
    model = segmented(output.evaluation).models[0]
    assert model.classes["roof"].pooled["iou"].value is None
    others = [model.classes[name].pooled["iou"].value or 0 for name in ("land", "water")]
    assert model.pooled["iou"].value == pytest.approx(sum(others) / 2)
    page = html.unescape(Path(output.report).read_text())
    assert (
        "No test image has 'roof': IoU and the other metrics of masks are means over the other classes."
        in page
    )
    assert "over 2 classes, pooled over" in page
    assert "pooled, mean over 2 classes" in page
