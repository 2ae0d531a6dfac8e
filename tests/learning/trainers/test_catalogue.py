"""The catalogue of trainers."""

import inspect

import pytest

from pupila.learning.trainers.catalogue import TRAINERS
from pupila.learning.trainers.trainer import TaskTrainer
from pupila.tasks import TASKS


def test_every_task_has_a_trainer() -> None:
    assert TRAINERS.keys() == TASKS.keys()


@pytest.mark.parametrize("task", sorted(TRAINERS))
def test_a_trainer_has_the_methods_of_the_protocol(task: str) -> None:
    for name, method in inspect.getmembers(TaskTrainer, inspect.isfunction):
        if not name.startswith("_"):
            assert (
                inspect.signature(getattr(TRAINERS[task], name)).parameters.keys()
                == inspect.signature(method).parameters.keys()
            )
