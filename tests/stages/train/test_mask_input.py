"""View, image size, epochs and loss of a segmentation model where the user leaves them open."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pupila
from pupila.api.split import plan_split
from pupila.artifacts.dataset.manifest import Dataset
from pupila.stages.train.planning import mask_trial
from pupila.stages.train.planning.mask_sizes import MaskSizes, pick_epochs
from pupila.stages.train.planning.mask_trial import decide_by_trial
from pupila.stages.train.planning.segment import SEGMENT_PLANNER
from pupila.stages.train.task_settings.segment import SegmentTrainPlan, SegmentTrainSettings
from pupila.stages.train.trials.trial import Candidate, TrialResult, Trials

WIDE, HIGH = 600, 400  # pixels


def draw(folder: Path, width: int, count: int = 12) -> Dataset:
    """Roads of this width in pixels, along both axes."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for number in range(count):
        mask = np.zeros((HIGH, WIDE), np.uint8)
        for start in range(30 + number, WIDE - 20, 90):
            mask[:, start : start + width] = 255
        mask[100 + number : 100 + number + width] = 255
        rng = np.random.default_rng(number)
        pixels = np.repeat(mask[..., None] // 2, 3, axis=2) + rng.integers(0, 50, (HIGH, WIDE, 1))
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"images/{number}.png")
        Image.fromarray(mask).save(folder / f"masks/{number}.png")
    return pupila.open(folder)


def decide(data: Dataset, **settings: Any) -> dict[str, Any]:
    parsed = SegmentTrainSettings.parse(settings)
    decisions = SEGMENT_PLANNER.decide_from_data(parsed, data, list(range(len(data))))
    assert all(reason for _, reason in decisions.values())
    return {name: value for name, (value, _) in decisions.items()}


@pytest.mark.parametrize(
    ("width", "view", "size"), [(40, "resize", None), (10, "resize", 320), (1, "tile", 256)]
)
def test_the_finest_class_decides_view_and_image_size(
    tmp_path: Path, width: int, view: str, size: int | None
) -> None:
    data = draw(tmp_path / "data", width)
    decided = decide(data)
    assert (decided["view"], decided.get("image_size")) == (view, size)
    # What the user says stays, and a budget decides by what it measures.
    assert decide(data, view="tile", finetune_epochs=3) == {}
    assert decide(data, image_size=128, finetune_epochs=3) == {"view": "resize"}
    assert decide(data, budget="5m") == {"view": "resize"}
    assert "finetune_epochs" not in decide(data, weights="none")


def test_all_blocks_of_the_encoder_are_trained_where_the_time_allows(tmp_path: Path) -> None:
    few = draw(tmp_path / "few", 40)
    assert decide(few)["unfreeze"] == "all" and decide(few)["finetune_epochs"] == 48
    assert "unfreeze" not in decide(few, unfreeze=2) and "unfreeze" not in decide(few, finetune_epochs=48)
    parsed, rows = SegmentTrainSettings(), list(range(12)) * 20  # as many rows as 240 images
    many = SEGMENT_PLANNER.decide_from_data(parsed, few, rows)
    assert (many["finetune_epochs"][0], many["epochs"][0]) == (8, 2) and "unfreeze" not in many  # 2000 / 240


def test_every_data_set_costs_about_the_same() -> None:
    assert [pick_epochs(inputs)[0] for inputs in (200, 10, 5000)] == [10, 48, 6]


def test_the_epochs_count_the_pixels_of_an_epoch(tmp_path: Path) -> None:
    scenes = MaskSizes(draw(tmp_path / "data", 40, count=2), [0, 1], 256, 1)
    assert scenes.count_inputs("resize", 256) == 2
    assert scenes.count_inputs("resize", 512) == 8
    # 600 x 400 pixels are 3.66 tiles of 256, whatever their size
    assert (
        scenes.count_inputs("tile", 256) == scenes.count_inputs("tile", 128) == pytest.approx(2 * 3.662, 1e-3)
    )


def plan(**changes: Any) -> SegmentTrainPlan:
    fields = {
        "view": "tile", "image_size": 256, "overlap": 64, "loss": "dice+cross_entropy", "finetune_epochs": 40,
        "weights": "default", "unfreeze": 4, "batch_size": 1, "classes": ["background", "road"],
        "reasons": dict.fromkeys(("view", "image_size", "loss", "finetune_epochs"), "default"), **changes,
    }  # fmt: skip
    return SegmentTrainPlan.model_construct(**fields)


def try_out(
    data: Dataset, monkeypatch: pytest.MonkeyPatch, chosen: SegmentTrainPlan, best: int
) -> tuple[SegmentTrainPlan, list[Candidate]]:
    """The plan after a trial that the candidate `best` wins, and the candidates."""
    tried: list[Candidate] = []

    def run(_: Trials, plan: Any, candidates: list[Candidate]) -> list[TrialResult]:
        tried.extend(candidates)
        scores = [[0.9 if place == best else 0.5] * 4 for place in range(len(candidates))]
        return [
            TrialResult(name=c.name, settings=c.settings, scores=own, seconds=1)
            for c, own in zip(candidates, scores, strict=True)
        ]

    monkeypatch.setattr(Trials, "run", run)
    trials = Trials(data, plan_split(data), lambda _: pytest.fail("nothing is built"))
    return decide_by_trial(SegmentTrainSettings(), chosen, trials), tried


@pytest.fixture(scope="module")
def roads(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return draw(tmp_path_factory.mktemp("roads") / "data", 1)


def test_a_trial_compares_view_and_loss_where_a_class_is_thin_and_rare(
    roads: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, tried = try_out(roads, monkeypatch, plan(), best=0)
    assert [(c.settings["view"], c.settings["image_size"], c.settings["loss"]) for c in tried] == [
        ("tile", 256, "dice+cross_entropy"),
        ("resize", 448, "dice+cross_entropy"),
        ("tile", 256, mask_trial.RARE_LOSS),
    ]
    assert [c.settings["epochs"] for c in tried] == [1, 1, 1] and tried[0].settings["finetune_epochs"] == 5
    assert first.model_dump(exclude={"reasons"}) == plan().model_dump(exclude={"reasons"})
    assert "tried on" in first.reasons["view"] and first.reasons["view"] == first.reasons["loss"]
    resized, _ = try_out(roads, monkeypatch, plan(), best=1)
    assert (resized.view, resized.image_size, resized.overlap) == ("resize", 448, 0)
    assert resized.finetune_epochs == 48  # of the whole training again, not of the trial
    other_loss, _ = try_out(roads, monkeypatch, plan(), best=2)
    assert (other_loss.view, other_loss.loss) == ("tile", mask_trial.RARE_LOSS)


def test_nothing_is_tried_for_what_the_user_said_or_with_too_few_steps(
    roads: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = plan(reasons={})
    assert try_out(roads, monkeypatch, given, best=0) == (given, [])
    short = plan(batch_size=8)
    assert try_out(roads, monkeypatch, short, best=0) == (short, [])
    untrained = plan(weights="none")
    assert try_out(roads, monkeypatch, untrained, best=0) == (untrained, [])
    _, tried = try_out(roads, monkeypatch, plan(view="resize", image_size=256), best=0)
    assert [c.settings["loss"] for c in tried] == ["dice+cross_entropy", mask_trial.RARE_LOSS]
