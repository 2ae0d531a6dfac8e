"""The evaluator of an evaluation: that of a source that takes prompts, else that of the data."""

from pathlib import Path

import pytest

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.run.source import TableSource, parse_source
from pupila.core.errors import PupilaError
from pupila.stages.evaluate import evaluator
from pupila.stages.evaluate.evaluators import EVALUATORS, find_task
from pupila.stages.evaluate.refused_threshold import refuse_threshold
from pupila.tasks import TASKS
from tests.colours import write_painted, write_pointing
from tests.pictures import write_classes, write_photo, write_scenes


@pytest.fixture
def scenes(tmp_path: Path) -> Dataset:
    return pupila.open(write_scenes(tmp_path / "scenes", 2))


def test_every_task_has_an_evaluator() -> None:
    assert EVALUATORS.keys() == TASKS.keys()


def test_a_promptable_source_makes_it_an_evaluation_with_prompts(scenes: Dataset, tmp_path: Path) -> None:
    painted = parse_source(write_painted(tmp_path / "painted"))
    pointing = parse_source(write_pointing(tmp_path / "pointing"))
    table = TableSource("hosted.csv")
    assert find_task([painted, table], scenes) == find_task([table], scenes) == "segment"
    assert find_task([table, painted, pointing], scenes) == "prompt"
    assert find_task([pointing], scenes) == "prompt"


def test_else_the_data_decide(tmp_path: Path) -> None:
    labelled = pupila.open(write_classes(tmp_path / "labelled", {"cat": 1, "dog": 1}))
    assert find_task([TableSource("hosted.csv")], labelled) == "classify"


def test_data_without_labels_are_refused_for_any_model(tmp_path: Path) -> None:
    write_photo(tmp_path / "plain" / "first.png", 1)
    plain = pupila.open(tmp_path / "plain")
    pointing = parse_source(write_pointing(tmp_path / "pointing"))
    for source in (pointing, TableSource("hosted.csv")):
        with pytest.raises(PupilaError, match=r"no labels.*labelled images to evaluate on"):
            find_task([source], plain)


@pytest.mark.parametrize("task", sorted(TASKS))
def test_thresholds_belong_to_the_tasks(task: str) -> None:
    common = [name for name in vars(evaluator) if "threshold" in name.lower()]
    assert not common
    tunes = EVALUATORS[task].report_threshold is not None
    assert tunes is (EVALUATORS[task].check_tunable is not refuse_threshold)
