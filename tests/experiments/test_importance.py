"""Importance: known functions, chance, conditions."""

import math
import random
from typing import Any

import pytest

from pupila.experiments.importance import LEAST, Importance, SettingImportance, measure_importance
from pupila.experiments.parse_space import parse_space
from pupila.experiments.scores import ScoredSettings
from pupila.experiments.space import Range, Space
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
    assert importance.settings[0].name == "lr"  # although it applies to half of them alone
    assert importance.settings[0].is_distinguishable
    assert not {row.name: row for row in importance.settings}["batch_size"].is_distinguishable
    assert importance.describe()[0].startswith("Settings that matter for a good score: lr (")


def test_of_noise_nothing_is_important() -> None:
    space, generator = (
        parse_space({"augment": ["A1", "A2"], "model": ["lenet", "resnet_small"]}),
        random.Random(2),
    )
    rows = [ScoredSettings(draw(space, generator), generator.random()) for _ in range(16)]
    assert measure_importance(space.axes, rows, shuffles=99).describe() == [
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
    assert importance.settings == ()
    assert importance.describe()[0].startswith("Too little to measure the importance of the settings: ")


def test_what_is_more_than_chance_is_told_apart() -> None:
    rows = (SettingImportance("lr", 0.8, 0.002), SettingImportance("seed", 0.2, 0.7))
    assert Importance(rows, 40).describe() == [
        "Settings that matter for a good score: lr (80 %).", "Not distinguishable from chance: seed.",
    ]  # fmt: skip
