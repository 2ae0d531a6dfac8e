"""Learning curves: shares of the training split, what is refused, and the answer with its page."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pupila
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.report.learning_curve import CURVE_FILE, CurvePoint, LearningCurve, draw_learning_curve
from pupila.artifacts.report.page import render
from pupila.artifacts.sweep.definition import Share
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.experiments.learning_curve.page import describe_curve, make_curve_page
from pupila.experiments.learning_curve.shares import LEFT_OUT, split_share, take_share
from pupila.experiments.sweep import sweep
from pupila.statistics.estimate import Estimate
from pupila.statistics.stratified_order import order_groups
from tests.pictures import write_classes

SHARES = [0.05, 0.1, 0.2, 0.4, 0.7, 1.0]


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Groups of 1 to 5 images, and one of three classes for each: two are rare."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(100), rng.integers(1, 6, 100))
    classes = rng.choice(3, 100, p=[0.8, 0.15, 0.05])
    return groups, np.eye(3)[classes[groups]]


@pytest.mark.parametrize("seed", range(5))
def test_shares_are_nested_complete_groups_and_stratified(seed: int) -> None:
    groups, shares = drawn(seed)
    order = order_groups(groups, shares, seed)
    assert sorted(order) == list(range(100))
    before: list[int] = []
    for share in SHARES:
        own = take_share(order, groups.tolist(), share)
        assert own[: len(before)] == before
        inside = np.isin(groups, own)
        assert inside.mean() == pytest.approx(share, abs=5 / len(groups) + 0.001)
        assert set(shares[inside].argmax(axis=1)) == set(shares.argmax(axis=1))  # each class, however rare
        if share >= 0.2:
            assert shares[inside].mean(axis=0) == pytest.approx(shares.mean(axis=0), abs=0.08)
        before = own
    assert order != order_groups(groups, shares, seed + 1)
    assert order == order_groups(groups, shares, seed)


def test_masks_are_stratified_by_how_much_a_class_takes() -> None:
    rng = np.random.default_rng(0)
    water = np.sort(rng.random(90))
    shares = np.stack([1 - water, water], axis=1)
    spread = []
    for seed in range(20):
        own = take_share(order_groups(np.arange(90), shares, seed), list(range(90)), 0.2)
        spread.append(water[own].mean())
    plain = [water[rng.permutation(90)[:18]].mean() for _ in range(200)]
    assert np.mean(spread) == pytest.approx(water.mean(), abs=0.03)
    assert np.std(spread) < 0.8 * np.std(plain)


def test_the_split_of_a_share_leaves_validation_and_test_alone(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "pets", {"cat": 30, "dog": 20})
    pupila.split(folder)
    splits, data = SplitFile.read(str(folder)), pupila.open(folder)
    assert splits is not None
    part = split_share(splits, data, Share(share=0.4, repeat=1))
    whole = split_share(splits, data, Share(share=1.0, repeat=1))
    assert whole.hash == splits.hash != part.hash
    assert part.in_split("validation") == splits.in_split("validation")
    assert part.in_split("test") == splits.in_split("test")
    left, train = part.in_split(LEFT_OUT), part.in_split("train")
    assert len(left) + len(train) == len(splits.in_split("train")) and len(train) == 14
    assert split_share(splits, data, Share(share=0.4, repeat=2)).hash != part.hash


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"repeats": 2}, "--repeats has no effect: it needs --learning-curve"),
        ({"learning_curve": True, "grid": {"lr": [0.1]}}, "Conflicting settings"),
        ({"learning_curve": True, "shares": [0.1, 0.2, 0.5, 1.2]}, r"Invalid shares.*1\.2"),
        ({"learning_curve": True, "shares": [0.1, 0.1, 0.5, 1.0]}, "Too few trainings"),
        ({"learning_curve": True, "shares": [0.1, 0.2, 0.5, 1.0], "repeats": 1}, "Too few trainings"),
    ],
    ids=lambda value: str(len(str(value))),
)
def test_what_makes_no_curve_is_refused(settings: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match=f"(?s){words}"):
        sweep(tmp_path, **settings)


def test_a_curve_from_images_to_page(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "pets", {"cat": 20, "dog": 20})
    pupila.split(folder)
    lines: list[Any] = []
    sweep(
        folder, out=tmp_path / "curve", tell=lines.append, learning_curve=True, shares=[0.2, 0.4, 0.7, 1.0], repeats=2,
        model="lenet", weights="none", image_size=32, epochs=1, precision="float32", augment="none",
    )  # fmt: skip
    curve = LearningCurve.model_validate(files.read_json(str(tmp_path / "curve" / CURVE_FILE)))
    assert [(p.share, p.repeat) for p in curve.points] == [
        (s, r) for s in (0.2, 0.4, 0.7, 1.0) for r in (0, 1)
    ]
    assert [p.images for p in curve.points[::2]] == [6, 11, 20, 28]
    assert len({p.cell for p in curve.points}) == 8
    assert any("wice the images" in str(line) for line in lines)
    page = (tmp_path / "curve/learning-curve.html").read_text(encoding="utf-8")
    assert "wice the images" in page and "By size" in page


def predictable(now: float, twice: tuple[float, float, float]) -> LearningCurve:
    points = [
        CurvePoint(share=s, repeat=0, images=int(100 * s), score=now - 0.1 * (1 - s), cell="a")
        for s in SHARES
    ]
    return LearningCurve(
        metric="mean_dice", points=points, validation_images=44, data_hash="d" * 64, splits_hash="s" * 64,
        a=0.05, b=0.08, c=0.5, now=Estimate(value=now, low=now - 0.01, high=now + 0.01),
        twice=Estimate(value=twice[0], low=twice[1], high=twice[2]),
        curve=[(10.0, 0.7, 0.6, 0.8), (100.0, now, now - 0.01, now + 0.01), (200.0, *twice)],
    )  # fmt: skip


def test_the_answer_is_a_sentence_with_its_interval() -> None:
    first, second, third = describe_curve(predictable(0.87, (0.89, 0.88, 0.91)))
    assert first == "Twice the images: mean Dice 0.87 → 0.89 [0.88, 0.91]."
    assert second == "More images of the same kind would raise it."
    assert "44 validation images" in third
    assert "includes no gain" in describe_curve(predictable(0.87, (0.88, 0.85, 0.91)))[1]
    assert "flat" in describe_curve(predictable(0.87, (0.87, 0.86, 0.875)))[1]


def test_what_cannot_be_predicted_says_why() -> None:
    wide = describe_curve(predictable(0.87, (0.89, 0.80, 0.95)))
    assert (
        "can't be predicted: mean Dice between 0.80 and 0.95, wider than 0.10" in wide[0] and len(wide) == 2
    )
    unfitted = predictable(0.87, (0.9, 0.9, 0.9)).model_copy(
        update={"now": None, "twice": None, "failed": 2, "waiting": 1}
    )
    few = describe_curve(unfitted)
    assert "6 trainings with 6 sizes" in few[0] and "2 trainings have no score" in few[-2]
    assert few[-1].startswith("1 training has not ended")


def test_the_page_marks_what_is_extrapolated() -> None:
    page = render(make_curve_page(predictable(0.87, (0.89, 0.88, 0.91)), "floods"))
    assert "the dashed part is extrapolated" in page and "<svg" in page
    assert "stroke-dasharray" in draw_learning_curve(predictable(0.87, (0.89, 0.88, 0.91)), "Mean Dice")
