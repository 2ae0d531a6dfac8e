"""The model card: one sentence for each task, and the licence of the weights."""

from pupila.artifacts.bundle.architecture import Weights
from pupila.artifacts.bundle.card import PREDICTS, render_card
from pupila.tasks import TASKS
from tests.colours import info


def test_every_task_has_its_sentence() -> None:
    assert PREDICTS.keys() == TASKS.keys()
    assert "Predicts one of 3 classes: red, green, blue." in render_card(info())
    assert "Predicts a mask of 3 classes: red, green, blue." in render_card(info(task="segment"))
    assert "Predicts a mask from points and a box." in render_card(info(task="prompt"))


def test_the_licence_of_the_weights_is_named_where_it_is_known() -> None:
    assert "Pretrained weights: by hand." in render_card(info())
    assert "data version" not in render_card(info())
    assert "Trained on data version 0123456789ab." in render_card(info(data_version="0123456789abcdef"))
    licensed = render_card(info(weights=Weights(source="hub: resnet18", license="apache-2.0")))
    assert "Pretrained weights: hub: resnet18 (licence: apache-2.0)." in licensed
