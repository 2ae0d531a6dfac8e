"""Targets of labels: every room knows all of them; unlabelled data take any, labelled data keep theirs."""

from pathlib import Path

import pytest

import pupila
from pupila.artifacts.dataset.targets import TARGETS
from pupila.core.errors import PupilaError
from pupila.stages.label.labellers.question import UNSURE
from pupila.stages.label.labellers.targets import TEXT_LABELS, WRITERS
from pupila.stages.label.review.tasks import REVIEW_TASKS
from pupila.stages.label.studio.formats import STUDIO_FORMATS
from pupila.stages.label.targets import check_target
from pupila.tasks.task import Target
from tests.pictures import write_classes, write_photo, write_scenes


def test_every_room_knows_every_target_that_data_can_have() -> None:
    assert set(WRITERS) == set(REVIEW_TASKS) == set(STUDIO_FORMATS) == set(TARGETS)
    assert set(TARGETS) - set(TEXT_LABELS) == {"mask"}  # a mask has no words


def test_data_keep_their_target_and_unlabelled_data_take_any(tmp_path: Path) -> None:
    write_photo(tmp_path / "none/0.png", 0)
    unlabelled = pupila.open(tmp_path / "none")
    classes = pupila.open(write_classes(tmp_path / "classes", {"a": 1, "b": 1}))
    masks = pupila.open(write_scenes(tmp_path / "masks", 2))
    for target in WRITERS:
        check_target(unlabelled, target)
    check_target(classes, "class")
    check_target(masks, "mask")
    with pytest.raises(
        PupilaError, match="The data have one class per image, but the labels are masks: found a, b"
    ):
        check_target(classes, "mask")
    with pytest.raises(PupilaError, match="The data have masks, but the labels are one class per image"):
        check_target(masks, "class")


@pytest.mark.parametrize("target", sorted(WRITERS))
def test_a_writer_refuses_data_of_another_target(target: Target, tmp_path: Path) -> None:
    others = {
        "class": write_scenes(tmp_path / "masks", 2),
        "classes": write_scenes(tmp_path / "scenes", 2),
        "mask": write_classes(tmp_path / "classes", {"a": 1, "b": 1}),
    }
    with pytest.raises(PupilaError, match="but the labels are"):
        WRITERS[target](pupila.open(others[target]), ["a", "b"])


@pytest.mark.parametrize("target", sorted(TEXT_LABELS))
def test_classes_become_a_target_and_come_back(target: Target) -> None:
    text, names = TEXT_LABELS[target], ("a", "b")
    answers = {
        "class": ("b", UNSURE),
        "classes": ({"a": "absent", "b": "present"}, dict.fromkeys(names, UNSURE)),
    }
    shown, unsure = answers[target]
    label = text.parse_answer(shown, names, UNSURE)
    assert label is not None and text.classes(label) == ("b",)
    assert text.parse_answer(unsure, names, UNSURE) == UNSURE
    assert text.take_majority({label: 2, UNSURE: 1}, UNSURE) == (label, 2 / 3)
    assert text.take_majority({UNSURE: 3}, UNSURE) == (None, 1.0)
    invalid: list[object] = ["c", 3, None, {}]
    assert all(text.parse_answer(value, names, UNSURE) is None for value in invalid)
    schema = text.answer_schema(names, UNSURE)
    assert all(name in str(schema) for name in (*names, UNSURE))
