"""Several labels per image in Label Studio: there and back, with what is absent and what is unknown."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import pupila
from pupila.api.label import import_labels
from pupila.core.errors import PupilaError
from pupila.stages.label.studio.export import ExportOptions, export_tasks
from tests.stages.label.review.reviews import flat, label
from tests.stages.label.studio.test_studio import annotated, choice, exported, taken

LABELS = [
    '{"fat": 0, "sodium": 1, "sugar": 1}', '{"fat": 0, "sodium": 0, "sugar": 0}', '{"sugar": 1}', None,
]  # fmt: skip


def choices(*names: str, tag: str = "label") -> dict[str, Any]:
    return {"type": "choices", "from_name": tag, "to_name": "image", "value": {"choices": list(names)}}


def targets(folder: Path) -> list[str | None]:
    labels: list[str | None] = pupila.open(folder).images["target"].to_list()
    return labels


def test_labels_survive_the_round_trip_with_what_is_unknown(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    label(flat(folder, 4), LABELS)
    tasks = exported(folder)
    results = [task["predictions"][0]["result"] if "predictions" in task else [] for task in tasks]
    assert [(part["from_name"], part["value"]["choices"]) for result in results for part in result] == [
        ("label", ["sodium", "sugar"]), ("label", ["sugar"]), ("unknown", ["fat", "sodium"]),
    ]  # fmt: skip
    config = ElementTree.parse(tmp_path / "out.xml").getroot()
    assert [(tag.get("name"), tag.get("choice")) for tag in config.iter("Choices")] == [
        ("label", "multiple"), ("unknown", "multiple"),
    ]  # fmt: skip
    assert [tag.get("value") for tag in config.iter("Choice")] == 2 * ["fat", "sodium", "sugar"]
    result = taken(folder, annotated(tasks[:3], *results[:3], by="ana"))  # as they are
    assert (result.labels, result.unsure, result.skipped) == (3, 0, {})
    assert targets(folder) == LABELS


def test_what_an_annotation_chooses_nowhere_is_absent(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    label(flat(folder, 4), LABELS)
    answers = annotated(
        exported(folder), [choices("fat")], [], [choices("fat", "sodium", "sugar", tag="unknown")],
        [choices("hen", "sugar"), choices("fat", tag="unknown")],
    )  # fmt: skip
    result = taken(folder, answers)
    assert (result.labels, result.unsure) == (4, 0)
    assert targets(folder) == [  # hen is chosen somewhere, so it was offered everywhere
        '{"fat": 1, "hen": 0, "sodium": 0, "sugar": 0}', '{"fat": 0, "hen": 0, "sodium": 0, "sugar": 0}',
        '{"hen": 0}', '{"hen": 1, "sodium": 0, "sugar": 1}',
    ]  # fmt: skip


def test_a_class_that_was_not_offered_stays_unknown(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    label(flat(folder, 3), ['{"fat": 1}', '{"sodium": 1}', None])
    tasks = exported(folder)
    assert tasks[0]["data"]["classes"] == ["fat", "sodium"]
    label(pupila.open(folder), [None, None, '{"sugar": 1}'])  # a class that came after the export
    taken(folder, annotated(tasks, [choices("fat")], [], [choices("sodium")]))
    assert targets(folder) == [
        '{"fat": 1, "sodium": 0}',
        '{"fat": 0, "sodium": 0}',
        '{"fat": 0, "sodium": 1}',
    ]


def test_tasks_from_elsewhere_are_about_what_their_annotations_choose(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    label(flat(folder, 3), LABELS[:3])
    tasks = [{"data": {"image": f"{number:03d}.jpg"}} for number in range(3)]
    taken(folder, annotated(tasks, [choices("fat")], [], [choices("sodium")]))
    assert targets(folder) == [
        '{"fat": 1, "sodium": 0}',
        '{"fat": 0, "sodium": 0}',
        '{"fat": 0, "sodium": 1}',
    ]


def test_a_class_that_is_present_and_unknown_is_skipped(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    label(flat(folder, 2), LABELS[:2])
    answers = annotated(exported(folder), [choices("fat"), choices("fat", tag="unknown")], [choices("fat")])
    result = taken(folder, answers)
    assert (result.labels, dict(result.skipped)) == (
        1,
        {"a class that is present and unknown at once: fat": 1},
    )


def test_several_choices_decide_what_unlabelled_data_become(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    flat(folder, 2)
    tasks = [{"data": {"image": f"{number:03d}.jpg"}} for number in range(2)]
    assert taken(folder, annotated(tasks, [choices("cow", "dog")], [choices("dog")])).labels == 2
    assert targets(folder) == ['{"cow": 1, "dog": 1}', '{"cow": 0, "dog": 1}']
    assert pupila.open(folder).target == "classes"


def test_the_task_that_the_user_names_decides_where_every_annotation_has_one_choice(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    flat(folder, 1)
    export_tasks(pupila.open(folder, task="multilabel"), str(tmp_path / "out.json"), ExportOptions())
    assert 'choice="multiple"' in (tmp_path / "out.xml").read_text()
    (tmp_path / "back.json").write_text(
        json.dumps(annotated([{"data": {"image": "000.jpg"}}], choice("cow")))
    )
    import_labels(folder, tmp_path / "back.json", task="multilabel")
    assert targets(folder) == ['{"cow": 1}']


def test_data_with_one_class_skip_an_annotation_with_several(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    label(flat(folder, 2), ["cow", "dog"])
    result = taken(folder, annotated(exported(folder), [choices("cow", "dog")], choice("cow")))
    assert (result.labels, dict(result.skipped)) == (1, {"several classes for one image": 1})
    with pytest.raises(PupilaError, match="the labels are masks"):
        shape = {"type": "brushlabels", "value": {"brushlabels": ["cow"], "format": "rle", "rle": []}}
        taken(folder, annotated(exported(folder), [shape], choice("cow")))
