"""Training for masks, from folders of drawn scenes to a bundle that answers."""

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
from pupila.core.errors import PupilaError
from pupila.core.vocabulary import VALIDATION
from pupila.imaging.masks.codec import from_png
from pupila.stages.train import budget, page
from pupila.stages.train.run import Run
from pupila.stages.train.settings import TrainSettings
from pupila.statistics.metrics import segment as figures
from pupila.tasks.segment import MaskAnswer
from tests.pictures import write_scenes

WISH: dict[str, Any] = {
    "encoder": "test_efficientnet", "weights": "none", "side": 64, "epochs": 3, "augment": "light", "batch_size": 4,
    "learning_rate": 3e-3, "precision": "float32", "options": {"decoder_channels": [16, 16, 8, 8, 8]},
}  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_scenes(tmp_path_factory.mktemp("data"), 44)
    pupila.split(folder)
    return folder


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return pupila.train(data, out=tmp_path_factory.mktemp("runs") / "run", **WISH)


def validation(data: Path) -> list[str]:
    splits = SplitFile.read(str(data))
    assert splits is not None
    return [row.image for row in splits.of(VALIDATION)]


def test_a_run_learns_and_says_what_it_did(run: Run) -> None:
    assert run.state == "done"
    plan = run.plan
    assert (plan.model, plan.encoder, plan.thaw) == ("unet", "test_efficientnet", "all")
    assert plan.loss == "dice+cross_entropy"
    assert [line["epoch"] for line in run.log] == [1, 2, 3]
    assert run.log[-1]["train_loss"] < run.log[0]["train_loss"]
    assert {"dice", "iou", "validation_loss"} <= run.log[0].keys()
    told = run.bundle.info
    assert told.task == "segment" and told.classes == ["background", "foreground"]
    assert told.parity is not None and told.parity.largest_difference < 1e-3
    page = (Path(run.folder) / "report.html").read_text()
    assert "What it learned" in page and "mean Dice" in page


def test_the_bundle_answers_every_image_at_its_own_size(run: Run, data: Path) -> None:
    opened = pupila.open(data)
    uris = [opened.path(row) for row in range(3)]
    for (_, answer), row in zip(Predictor(run.bundle).stream(uris), range(3), strict=True):
        assert isinstance(answer, MaskAnswer)
        assert answer.mask.shape == opened.mask(row).shape and answer.mask.dtype == np.uint8
        assert sum(answer.shares.values()) == pytest.approx(1)


def test_what_is_kept_of_validation_is_what_the_bundle_answers_and_what_it_claims(
    run: Run, data: Path
) -> None:
    frame = pl.read_parquet(Path(run.folder) / "oof.parquet")
    assert frame["image"].to_list() == validation(data)
    opened = pupila.open(data)
    rows = {image: row for row, image in enumerate(opened.images["image"])}
    predictor, counts = Predictor(run.bundle), []
    for image, png in frame.select("image", "mask").iter_rows():
        ((_, answer),) = predictor.stream([opened.path(rows[image])])
        kept = from_png(png)
        assert isinstance(answer, MaskAnswer)
        assert (kept != answer.mask).mean() < 0.002  # a kept probability has 254 steps
        counts.append(figures.counts(opened.mask(rows[image]), kept, 2))
    claimed = run.bundle.info.validation["metrics"]["mean Dice"]["value"]
    assert claimed == pytest.approx(figures.score(np.stack(counts)))


def test_tiles_learn_and_answer_images_of_any_size(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wish = {**WISH, "view": "tile", "side": 64, "epochs": 1, "loss": "tversky+0.5*focal"}
    done = pupila.train(data, **wish)
    assert done.folder == f"runs/{data.name}-unet"
    spec = done.bundle.info.preparation
    assert (spec.view, spec.height, spec.overlap) == ("tile", 64, 16)
    Image.new("RGB", (150, 40), (90, 100, 110)).save(tmp_path / "wide.png")
    ((_, answer),) = Predictor(done.bundle).stream([str(tmp_path / "wide.png")])
    assert isinstance(answer, MaskAnswer)
    assert answer.mask.shape == (40, 150)


def test_folds_answer_every_image_once(tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "data", 24)
    done = pupila.train(folder, out=tmp_path / "run", folds=2, **{**WISH, "epochs": 1})
    frame = pl.read_parquet(tmp_path / "run/oof.parquet")
    splits = SplitFile.read(str(folder))
    assert splits is not None
    assert sorted(frame["image"]) == sorted(a.image for a in splits.images if a.fold is not None)
    assert done.plan.folds == 2


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
    done = pupila.train(folder, out=tmp_path / "run", **{**WISH, "epochs": 1, "class_weights": "inverse"})
    told = done.bundle.info
    assert told.classes == ["land", "water", "roof"]
    assert next(iter(told.validation["metrics"])) == "pooled IoU"
    assert told.decision.threshold is None


@pytest.mark.parametrize(("wish", "said"), [
    ({"side": 65}, "can't take this side: found side=65; wanted a multiple of 32"),
    ({"head": "linear"}, "would do nothing: found head=linear"),
    ({"views": 3}, "would do nothing: found views=3"),
    ({"epochs": 0}, "has to learn its classes"),
    ({"loss": "dice", "class_weights": "inverse"}, "Settings at odds"),
    ({"loss": "dice", "label_smoothing": 0.1}, "Settings at odds"),
    ({"overlap": 8}, "Settings at odds: found view=resize, overlap=8"),
    ({"view": "tile", "overlap": 64}, "Settings at odds: found side=64, overlap=64; wanted an overlap below the side"),
    ({"thaw": 99}, "Settings at odds: found thaw=99"),
    ({"tversky_beta": 0.6}, "would do nothing: found tversky_beta=0.6"),
])  # fmt: skip
def test_what_can_not_be_honoured_is_refused(data: Path, wish: dict[str, Any], said: str) -> None:
    with pytest.raises(PupilaError, match=said) as fault:
        make_plan(data, **{**WISH, **wish})
    assert fault.value.found


def test_a_preview_lays_masks_over_the_views(data: Path, tmp_path: Path) -> None:
    preview(data, tmp_path / "views.png", side=64)
    with Image.open(tmp_path / "views.png") as sheet:
        assert sheet.size == (7 * 64, 6 * 64)
    preview(data, tmp_path / "tiles.png", side=64, view="tile")
    with Image.open(tmp_path / "views.png") as resized, Image.open(tmp_path / "tiles.png") as tiles:
        assert tiles.size == resized.size
        assert np.asarray(tiles).tolist() != np.asarray(resized).tolist()


def test_the_curves_of_folds_are_their_mean_and_thawed_epochs_come_after_the_head() -> None:
    log = [
        {"part": f"fold{fold}-{phase}", "phase": phase, "epoch": epoch, "dice": 0.5 + 0.1 * fold + 0.01 * epoch}
        for fold in (0, 1) for phase, epochs in (("head", 2), ("fine", 1 + fold)) for epoch in range(1, epochs + 1)
    ]  # fmt: skip
    told = page._over_folds(log)
    assert [(line["part"], line["epoch"]) for line in told] == [
        ("head", 1),
        ("head", 2),
        ("fine", 1),
        ("fine", 2),
    ]
    assert [line["dice"] for line in told] == pytest.approx(
        [0.56, 0.57, 0.56, 0.62]
    )  # the last of one fold alone
    assert (page._before("head", told), page._before("fine", told)) == (0, 2)


@dataclass(frozen=True)
class Drawn:
    """Masks of which a road is lost where they are made small."""

    stride: int = 32
    side: int = 512
    pixels: float = 512.0 * 512

    def kept(self, side: int) -> tuple[str, float]:
        return "road", 0.5 if side < 256 else 0.95


def within(left: float, pretrained: bool = True, scenes: Any = None, **wish: Any) -> dict[str, Any]:
    """What a budget decides where a step takes 0.1 s an image at 192 pixels, for 100 + 20 images."""
    cost = budget.Measured(images=100, others=20, picture=0.0, encoded=0.0, step=0.1, side=192)
    decided = budget.Decided(TrainSettings.wish(wish))
    drawn: Any = scenes or Drawn()
    budget._masks(decided, cost, left, 1, drawn, pretrained)
    assert all(decided.reasons.values())
    return {name: getattr(decided.wish, name) for name in decided.reasons}


def test_a_budget_takes_the_largest_side_at_which_enough_epochs_fit() -> None:
    # an epoch of everything at 512 takes 12 s x (512 / 192)^2 = 85.3 s: 35.2 of them; three go to the decoder, at 0.65
    # of the time, and one in which the deeper half of the encoder learns takes 0.8
    assert within(3000) == {"side": 512, "epochs": 3, "fine_epochs": int((3000 / 85.333 - 0.65 * 3) / 0.8)}
    assert within(3000, thaw="all")["fine_epochs"] == int(3000 / 85.333 - 0.65 * 3)
    # at 320, 33.3 s: 27 of them; at 384, 48 s: 18.8
    assert within(900)["side"] == 320
    assert within(3000, scenes=Drawn(side=300))["side"] == 256  # larger than the pictures shows nothing more
    assert within(3000, pretrained=False) == {"side": 512, "epochs": 35}


def test_a_budget_takes_tiles_where_resizing_loses_a_class() -> None:
    found = within(400, scenes=Drawn())  # 192 pixels for 25 epochs: the road would keep half of itself
    # four tiles of 256 an image: 12 s x (256 / 192)^2 x 4 = 85.3 s an epoch, of which 4.7 fit: too few
    assert (found["side"], "view" in found) == (192, False)
    small = within(300, scenes=Drawn(pixels=256.0 * 256))
    assert (small["view"], small["side"]) == ("tile", 256)  # 21.3 s an epoch


def test_a_short_budget_leaves_the_encoder_as_it_is_and_a_shorter_one_is_refused() -> None:
    assert within(16) == {"side": 128, "thaw": 0, "epochs": int(16 / (12 * (128 / 192) ** 2) / 0.65)}
    with pytest.raises(PupilaError, match="too short"):
        within(4)


def test_a_budget_shares_out_what_the_user_left_open() -> None:
    # 5.33 s an epoch of everything at 128: three of them in 16 s
    assert within(16, thaw="all") == {"side": 128, "epochs": 1, "fine_epochs": 2}
    assert within(160, epochs=20)["fine_epochs"] == int((30 - 0.65 * 20) / 0.8)
    assert within(160, thaw=0)["epochs"] == int(30 / 0.65)


def test_a_budget_looks_at_no_mask_of_the_test_split(data: Path) -> None:
    opened, splits = pupila.open(data), SplitFile.read(str(data))
    assert splits is not None
    rows = budget._learned(splits)
    assert {splits.images[row].split for row in rows} == {"train"}
    scenes = budget.Scenes(opened, rows, 32)
    kept = scenes.kept(32)
    assert kept[0] in opened.classes and 0 < kept[1] < 1
    assert scenes.kept(32) == budget.Scenes(opened, rows[:: max(1, len(rows) // 24)][:24], 32).kept(32)
