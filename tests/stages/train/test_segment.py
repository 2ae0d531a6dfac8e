"""Train segmentation models, from folders of drawn scenes to a bundle that predicts."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

import pupila
from pupila.api.train import make_plan, preview
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.run.log import EpochLog
from pupila.core.errors import PupilaError
from pupila.core.vocabulary import VALIDATION
from pupila.imaging.masks.codec import decode_png
from pupila.stages.train import page
from pupila.stages.train.budgets import segment
from pupila.stages.train.budgets.cost import BudgetedSettings, Cost, list_training_rows
from pupila.stages.train.planning.mask_sizes import MaskSizes
from pupila.stages.train.run import TrainedRun
from pupila.stages.train.task_settings.segment import SegmentTrainSettings
from pupila.statistics.metrics import segment as figures
from pupila.tasks.segment import MaskPrediction
from tests import figures as reported
from tests.pictures import write_scenes

SETTINGS: dict[str, Any] = {
    "encoder": "test_efficientnet", "weights": "none", "image_size": 64, "epochs": 3, "augment": "light",
    "batch_size": 4, "lr": 3e-3, "precision": "float32", "options": {"decoder_channels": [16, 16, 8, 8, 8]},
}  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_scenes(tmp_path_factory.mktemp("data"), 44)
    pupila.split(folder)
    return folder


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    return pupila.train(data, out=tmp_path_factory.mktemp("runs") / "run", **SETTINGS)


def validation(data: Path) -> list[str]:
    splits = SplitFile.read(str(data))
    assert splits is not None
    return [row.image for row in splits.in_split(VALIDATION)]


def test_a_run_learns_and_records_its_plan(run: TrainedRun) -> None:
    assert run.state == "completed"
    plan: Any = run.plan
    assert (plan.model, plan.encoder, plan.unfreeze) == ("unet", "test_efficientnet", "all")
    assert plan.loss == "dice+cross_entropy"
    assert [line.epoch for line in run.log] == [1, 2, 3]
    assert run.log[-1].train_loss < run.log[0].train_loss
    assert run.log[0].metrics.keys() == {"mean_dice", "mean_iou"} and run.log[0].validation_loss is not None
    report = run.bundle.info
    assert report.task == "segment" and report.classes == ["background", "foreground"]
    assert report.parity is not None and report.parity.largest_difference < 1e-3
    page = (Path(run.folder) / "report.html").read_text()
    assert "Training progress" in page and "Mean Dice" in page


def test_the_outcomes_of_each_epoch_have_its_dice(run: TrainedRun, data: Path) -> None:
    own = run.outcomes["finetune"]
    shared, predicted = np.moveaxis(own.values[:, :, 1].astype(float), -1, 0)
    dice = 2 * shared / (predicted + own.targets[:, 1])  # every scene has a foreground
    assert dice.mean(axis=1) == pytest.approx([line.metrics["mean_dice"] for line in run.log])
    opened = pupila.open(data)
    assert opened.images["image"][own.rows.tolist()].to_list() == validation(data)
    assert (own.targets == opened.class_pixels[own.rows]).all()


def test_the_bundle_predicts_every_image_at_full_resolution(run: TrainedRun, data: Path) -> None:
    opened = pupila.open(data)
    uris = [opened.path(row) for row in range(3)]
    for (_, prediction), row in zip(Predictor(run.bundle).stream(uris), range(3), strict=True):
        assert isinstance(prediction, MaskPrediction)
        assert prediction.mask.shape == opened.mask(row).shape and prediction.mask.dtype == np.uint8
        assert sum(prediction.shares.values()) == pytest.approx(1)


def test_out_of_fold_masks_match_the_bundle_and_its_metrics(run: TrainedRun, data: Path) -> None:
    frame = pl.read_parquet(Path(run.folder) / "oof.parquet")
    assert frame["image"].to_list() == validation(data)
    opened = pupila.open(data)
    rows = {image: row for row, image in enumerate(opened.images["image"])}
    predictor, counts = Predictor(run.bundle), []
    for image, png in frame.select("image", "mask").iter_rows():
        ((_, prediction),) = predictor.stream([opened.path(rows[image])])
        mask = decode_png(png)
        assert isinstance(prediction, MaskPrediction)
        assert (mask != prediction.mask).mean() < 0.002  # a stored probability has 254 steps
        counts.append(figures.confusion_counts(opened.mask(rows[image]), mask, 2))
    claimed = reported.validation(run.bundle.info).metrics["mean_dice"].value
    assert claimed == pytest.approx(figures.selection_score(np.stack(counts)))


def test_tiles_train_and_predict_images_of_any_size(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    overrides = {**SETTINGS, "view": "tile", "image_size": 64, "epochs": 1, "loss": "tversky+0.5*focal"}
    finished = pupila.train(data, **overrides)
    assert finished.folder == f"runs/{data.name}-unet"
    spec = finished.bundle.info.preprocessing
    assert (spec.view, spec.height, spec.overlap) == ("tile", 64, 16)
    Image.new("RGB", (150, 40), (90, 100, 110)).save(tmp_path / "wide.png")
    ((_, prediction),) = Predictor(finished.bundle).stream([str(tmp_path / "wide.png")])
    assert isinstance(prediction, MaskPrediction)
    assert prediction.mask.shape == (40, 150)


def test_folds_predict_every_image_once(tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "data", 24)
    finished = pupila.train(folder, out=tmp_path / "run", folds=2, **{**SETTINGS, "epochs": 1})
    frame = pl.read_parquet(tmp_path / "run/oof.parquet")
    splits = SplitFile.read(str(folder))
    assert splits is not None
    assert sorted(frame["image"]) == sorted(a.image for a in splits.images if a.fold is not None)
    assert finished.plan.folds == 2


def test_three_classes_with_unlabelled_pixels(tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "data", 24)
    for number, path in enumerate(sorted((folder / "masks").iterdir())):
        mask = np.asarray(Image.open(path)) // 255
        mask[:10, :10], mask[-8:, :] = 2, 255
        Image.fromarray(mask.astype(np.uint8)).save(path)
        assert number < 24
    (folder / "classes.json").write_text(
        json.dumps({"0": "land", "1": "water", "2": "roof", "255": "unlabeled"})
    )
    finished = pupila.train(
        folder, out=tmp_path / "run", **{**SETTINGS, "epochs": 1, "class_weights": "inverse"}
    )
    report = finished.bundle.info
    assert report.classes == ["land", "water", "roof"]
    assert next(iter(reported.validation(report).metrics)) == "pooled_iou"
    assert report.post_processing.threshold is None


@pytest.mark.parametrize(("overrides", "message"), [
    ({"image_size": 65}, "does not support this image size: found image_size=65; expected a multiple of 32"),
    ({"head": "linear"}, "head=linear is a setting for classification, multi-label classification, and this is a "
                         "training for segmentation"),
    ({"augmented_views": 3}, "augmented_views=3 is a setting for classification, multi-label classification, "
                             "promptable models, and"),
    ({"epochs": 0}, "A segmentation model needs training"),
    ({"loss": "dice", "class_weights": "inverse"}, "dice ignores class_weights"),
    ({"loss": "dice", "label_smoothing": 0.1}, "Conflicting settings"),
    ({"overlap": 8}, "overlap=8 has no effect: it needs --view tile"),
    ({"view": "resize", "overlap": 8}, "overlap=8 has no effect: it needs --view tile"),
    ({"view": "tile", "overlap": 64}, "found image_size=64, overlap=64; expected an overlap below image_size"),
    ({"unfreeze": 99}, "Conflicting settings: found unfreeze=99"),
    ({"tversky_beta": 0.6}, "tversky_beta=0.6 has no effect: it needs --loss tversky"),
])  # fmt: skip
def test_conflicting_settings_are_refused(data: Path, overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(PupilaError, match=message) as fault:
        make_plan(data, **{**SETTINGS, **overrides})
    assert fault.value.actual or fault.value.remedy


def test_a_preview_lays_masks_over_the_views(data: Path, tmp_path: Path) -> None:
    preview(data, tmp_path / "views.png", image_size=64)
    with Image.open(tmp_path / "views.png") as sheet:
        assert sheet.size == (7 * 64, 6 * 64)
    preview(data, tmp_path / "tiles.png", image_size=64, view="tile")
    with Image.open(tmp_path / "views.png") as resized, Image.open(tmp_path / "tiles.png") as tiles:
        assert tiles.size == resized.size
        assert np.asarray(tiles).tolist() != np.asarray(resized).tolist()


def test_fold_curves_are_averaged_and_finetuning_follows_the_head() -> None:
    log = [
        EpochLog(
            part=f"fold{fold}-{phase}", phase=phase, epoch=epoch, train_loss=1.0, score=0.0, lr=0.1, seconds=1.0,
            metrics={"mean_dice": 0.5 + 0.1 * fold + 0.01 * epoch},
        )
        for fold in (0, 1) for phase, epochs in (("head", 2), ("finetune", 1 + fold)) for epoch in range(1, epochs + 1)
    ]  # fmt: skip
    report = page._average_folds(log)
    assert [(point.part, point.epoch) for point in report] == [
        ("head", 1),
        ("head", 2),
        ("finetune", 1),
        ("finetune", 2),
    ]
    assert [point.values["mean_dice"] for point in report] == pytest.approx(
        [0.56, 0.57, 0.56, 0.62]
    )  # the last of one fold alone
    assert (page._count_head_epochs("head", report), page._count_head_epochs("finetune", report)) == (0, 2)


@dataclass(frozen=True)
class Drawn:
    """Masks in which a road is lost at small sizes."""

    stride: int = 32
    side: int = 512
    pixels: float = 512.0 * 512

    def find_worst_class(self, side: int) -> tuple[str, float]:
        return "road", 0.5 if side < 256 else 0.95


def within(left: float, pretrained: bool = True, scenes: Any = None, **overrides: Any) -> dict[str, Any]:
    """What a budget decides where a step takes 0.1 s an image at 192 pixels, for 100 + 20 images."""
    cost = Cost(
        images=100, validation_images=20, loading=0.0, encoding=0.0, step=0.1, image_size=192,
        time_blocks=lambda blocks: 0.1,
    )  # fmt: skip
    decided = BudgetedSettings(SegmentTrainSettings.parse(overrides))
    drawn: Any = scenes or Drawn()
    segment._fit_masks(decided, cost, left, drawn, 1, pretrained)
    assert all(decided.reasons.values())
    return {name: getattr(decided.settings, name) for name in decided.reasons}


def test_a_budget_takes_the_largest_image_size_at_which_enough_epochs_fit() -> None:
    # an epoch of everything at 512 takes 12 s x (512 / 192)^2 = 85.3 s: 35.2 of them; three go to the decoder, at 0.65
    # of the time, and one in which the deeper half of the encoder learns takes 0.8
    assert within(3000) == {
        "image_size": 512,
        "epochs": 3,
        "finetune_epochs": int((3000 / 85.333 - 0.65 * 3) / 0.8),
    }
    assert within(3000, unfreeze="all")["finetune_epochs"] == int(3000 / 85.333 - 0.65 * 3)
    # at 320, 33.3 s: 27 of them; at 384, 48 s: 18.8
    assert within(900)["image_size"] == 320
    assert (
        within(3000, scenes=Drawn(side=300))["image_size"] == 256
    )  # larger than the images shows no more detail
    assert within(3000, pretrained=False) == {"image_size": 512, "epochs": 35}


def test_a_budget_takes_tiles_where_resizing_loses_a_class() -> None:
    actual = within(400, scenes=Drawn())  # 192 pixels for 25 epochs: the road would keep half of itself
    # four tiles of 256 an image: 12 s x (256 / 192)^2 x 4 = 85.3 s an epoch, of which 4.7 fit: too few
    assert (actual["image_size"], "view" in actual) == (192, False)
    small = within(300, scenes=Drawn(pixels=256.0 * 256))
    assert (small["view"], small["image_size"]) == ("tile", 256)  # 21.3 s an epoch


def test_a_short_budget_freezes_the_encoder_and_a_shorter_one_has_one_epoch() -> None:
    assert within(16) == {
        "image_size": 128,
        "unfreeze": 0,
        "epochs": int(16 / (12 * (128 / 192) ** 2) / 0.65),
    }
    assert within(4) == {
        "image_size": 128,
        "unfreeze": 0,
        "epochs": 1,
    }  # of as many images as there is time for


def test_a_budget_decides_settings_that_the_user_did_not_set() -> None:
    # 5.33 s an epoch of everything at 128: three of them in 16 s
    assert within(16, unfreeze="all") == {"image_size": 128, "epochs": 1, "finetune_epochs": 2}
    assert within(160, epochs=20)["finetune_epochs"] == int((30 - 0.65 * 20) / 0.8)
    assert within(160, unfreeze=0)["epochs"] == int(30 / 0.65)


def test_a_budget_reads_no_mask_of_the_test_split(data: Path) -> None:
    opened, splits = pupila.open(data), SplitFile.read(str(data))
    assert splits is not None
    rows = list_training_rows(splits)
    assert {splits.images[row].split for row in rows} == {"train"}
    scenes = MaskSizes(opened, rows, 64, 32)
    name, overlap = scenes.find_worst_class(32)
    assert name in opened.classes and 0 < overlap < 1
    assert scenes.find_worst_class(32) == MaskSizes(
        opened, rows[:: max(1, len(rows) // 24)][:24], 64, 32
    ).find_worst_class(32)
