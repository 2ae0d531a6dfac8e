"""Drawn layouts: none is read wrongly without a word, and nearly all that a person reads at a glance are read."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.artifacts.dataset.drawn_layouts import RIGHT, WRONG, Layout, layouts, read_drawn


def _read_many(folder: Path, draws: int) -> list[tuple[Layout, str, str]]:
    """Every drawn layout with its outcome."""
    outcomes: list[tuple[Layout, str, str]] = []

    @settings(max_examples=draws, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(layouts())
    def read(layout: Layout) -> None:
        inner = folder / str(len(outcomes))
        outcomes.append((layout, *read_drawn(layout, inner)))
        shutil.rmtree(inner)

    read()
    return outcomes


def _check(outcomes: list[tuple[Layout, str, str]]) -> None:
    wrong = [
        f"{layout.kind}: {layout.how}: {problem}" for layout, outcome, problem in outcomes if outcome == WRONG
    ]
    assert not wrong, "\n".join(wrong[:20])
    glance = Counter(outcome for layout, outcome, _ in outcomes if layout.glance)
    assert glance[RIGHT] >= 0.95 * glance.total(), glance


def test_some_drawn_layouts(tmp_path: Path) -> None:
    _check(_read_many(tmp_path, 12))


@pytest.mark.slow
def test_two_thousand_drawn_layouts(tmp_path: Path) -> None:
    _check(_read_many(tmp_path, 2_000))
