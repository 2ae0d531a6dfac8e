"""Importance: known functions, chance, conditions."""

import math
import random
from pathlib import Path
from typing import Any

import pytest

from pupila.artifacts.report.sweep import Importance, SettingImportance
from pupila.artifacts.sweep.definition import Axis
from pupila.experiments.importance import LEAST, describe_importance, measure_importance
from pupila.experiments.parse_space import parse_space
from pupila.experiments.scores import ScoredSettings, read_axes, read_scores
from pupila.experiments.space import Range, Space
from tests.experiments.drawn import DrawnCell, draw_right, write_drawn
from tests.experiments.searching import conditional_space


def draw(space: Space, generator: random.Random) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for axis in space.in_order():
        if space.applies(axis.name, values):
            if isinstance(axis, Range) and axis.log:
                low, high = math.log(axis.low), math.log(axis.high)
                values[axis.name] = math.exp(generator.uniform(low, high))
            else:
                values[axis.name] = generator.choice(axis.values)
    return values


def test_the_setting_that_makes_the_score_is_the_important_one() -> None:
    space, generator = conditional_space(), random.Random(3)
    rows = []
    for _ in range(40):
        settings = draw(space, generator)
        rate = settings.get("lr")
        score = 0.2 if rate is None else 1 - abs(math.log10(rate) + 2) / 4
        rows.append(ScoredSettings(settings, score + generator.gauss(0, 0.01)))
    importance = measure_importance(space.axes, rows, shuffles=99)
    assert sum(row.share for row in importance.settings) == pytest.approx(1)
    assert importance.settings[0].setting == "lr"  # although it applies to half of them alone
    assert importance.settings[0].distinguishable
    assert not {row.setting: row for row in importance.settings}["batch_size"].distinguishable
    assert describe_importance(importance)[0].startswith("Settings that matter for a good score: lr (")


def test_of_noise_nothing_is_important() -> None:
    space, generator = (
        parse_space({"augment": ["A1", "A2"], "model": ["lenet", "resnet_small"]}),
        random.Random(2),
    )
    rows = [ScoredSettings(draw(space, generator), generator.random()) for _ in range(16)]
    assert describe_importance(measure_importance(space.axes, rows, shuffles=99)) == [
        "No setting matters more than chance would show in 16 configurations.",
        "From 16 configurations the shares are a rough guide.",
    ]


@pytest.mark.parametrize(
    "scores", [[0.1 * n for n in range(LEAST - 1)], [0.5] * 20], ids=["too few", "equal scores"]
)
def test_too_little_has_no_importance(scores: list[float]) -> None:
    space = parse_space({"augment": ["A1", "A2"]})
    rows = [ScoredSettings({"augment": ("A1", "A2")[n % 2]}, score) for n, score in enumerate(scores)]
    importance = measure_importance(space.axes, rows)
    assert importance.settings == []
    assert describe_importance(importance)[0].startswith(
        "Too little to measure the importance of the settings: "
    )


def test_what_is_more_than_chance_is_told_apart() -> None:
    rows = [
        SettingImportance(setting="lr", share=0.8, p_value=0.002, distinguishable=True),
        SettingImportance(setting="head", share=0.2, p_value=0.7, distinguishable=False),
    ]
    assert describe_importance(Importance(settings=rows, configurations=40)) == [
        "Settings that matter for a good score: lr (80 %).", "Not distinguishable from chance: head.",
    ]  # fmt: skip


def test_scores_are_those_of_the_first_rung_averaged_over_seeds(tmp_path: Path) -> None:
    axes = [Axis(name="lr", values=[0.1, 0.2]), Axis(name="seed", values=[1, 2])]
    right = draw_right(40, 0, 1)
    cells = [
        DrawnCell({"lr": rate, "epochs": epochs}, right, seed, score=rate + seed + 100 * (epochs - 1), rung=epochs - 1)
        for epochs, rates in ((1, (0.1, 0.2)), (2, (0.2,))) for rate in rates for seed in (1, 2)
    ]  # fmt: skip
    cells.append(DrawnCell({"lr": 0.1, "epochs": 1}, None, 3, state="failed", rung=0))
    sweep = write_drawn(tmp_path, axes, cells)
    assert [axis.name for axis in read_axes(sweep)] == ["lr"]
    scores = read_scores(sweep)
    assert [row.settings for row in scores] == [{"lr": 0.1}, {"lr": 0.2}]
    assert [row.score for row in scores] == pytest.approx([1.6, 1.7])
