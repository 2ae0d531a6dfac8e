"""Several labels per image: closed answers for every class, votes per class, and what stays unknown."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pupila
from pupila.api.label import plan_labelling
from pupila.demo.labeller import Fault
from pupila.stages.label.labellers.labeller import NoLabel, ProposedLabel
from pupila.stages.label.labellers.multilabel import LABELS_TEXT, LabelsWriter
from pupila.stages.label.labellers.question import UNSURE, Question, read_question
from pupila.stages.label.labellers.text_labels import Confidences
from pupila.stages.label.sentences import sentences
from pupila.tasks.label_text import write_labels
from pupila.tasks.multilabel import LabelsPrediction
from tests.stages.label.requests import ask, label_settings, read_rows, served, shop

NAMES = ("sodium", "sugar")
QUESTION = "task: multilabel\nprompt: Which seals?\nclasses: {sodium: salt, sugar: null}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = shop(tmp_path / "shop", 3)
    (tmp_path / "question.yaml").write_text(QUESTION)
    return folder


def answer(**words: str) -> str:
    return json.dumps({"label": words})


def replies(*contents: str) -> Callable[[int, str], Fault]:
    """One reply after the other, the last one again and again."""
    return lambda index, shown: Fault(content=contents[min(index, len(contents) - 1)])


def test_the_model_is_asked_about_every_class_by_itself(folder: Path) -> None:
    both = answer(sodium="present", sugar="absent")
    with served(folder, fault=replies(both, answer(sodium="absent", sugar="absent"),
                                      answer(sodium="unsure", sugar="present"))) as server:  # fmt: skip
        result = ask(server, folder, concurrency=1)
        assert ask(server, folder).selection.labelled_before == 3
    schema = server.requests[0]["response_format"]["json_schema"]["schema"]["properties"]["label"]
    assert schema["required"] == list(NAMES) and schema["additionalProperties"] is False
    assert schema["properties"]["sugar"] == {"type": "string", "enum": ["present", "absent", "unsure"]}
    assert server.requests[0]["messages"][0]["content"][0]["text"] == (
        "Which seals?\n\n- sodium: salt\n- sugar\nAnswer for each of them: present, absent, or unsure "
        "(the picture does not allow to decide it)."
    )
    assert (result.labelled, result.unsure, result.classes) == (3, 0, {"sodium": 1, "sugar": 1})
    assert read_rows(folder)["target"].to_list() == [
        '{"sodium": 1, "sugar": 0}', '{"sodium": 0, "sugar": 0}', '{"sugar": 1}',  # unsure: left out, so unknown
    ]  # fmt: skip
    assert result.unknown == {"sodium": 1}
    assert "which stay unknown: sodium 1." in "\n".join(sentences(result, "D"))
    assert set(read_rows(folder)["confidence"]) == {None}  # one answer agrees with nothing


@pytest.mark.parametrize(
    "content",
    [
        '{"label": "sodium"}',  # text instead of an answer for every class
        '{"label": ["sodium"]}',
        answer(sodium="present"),  # a class is forgotten
        answer(sodium="present", sugar="absent", fat="present"),  # a class that was not asked for
        answer(sodium="present", sugar="perhaps"),
        '{"label": {"sodium": "present", "sugar": true}}',
        '{"label": {"sodium": "present", "sugar": "absent", "sugar": "present"}}',  # twice, and not the same
        '{"label": {"sodium": "present", "sugar": "absent"}, "label": {}}',
        "sodium and sugar",
    ],
)
def test_a_malformed_reply_is_requested_again_and_then_counts_as_unsure(folder: Path, content: str) -> None:
    with served(folder, fault=replies(content, answer(sodium="absent", sugar="present"))) as server:
        result = ask(server, folder, limit=1)
        assert (result.labelled, result.classes, len(server.requests)) == (1, {"sugar": 1}, 2)
        server.fault = replies(content)
        result = ask(server, folder, limit=1)
    assert (result.labelled, result.unsure, len(server.requests)) == (0, 1, 4)
    assert "even on the second try" in "\n".join(result.remarks)
    assert read_rows(folder)["target"].to_list() == ['{"sodium": 0, "sugar": 1}', None]


def test_a_question_for_one_class_is_refused_where_several_labels_are_asked_for(folder: Path) -> None:
    with served(folder) as server:
        settings = label_settings(server, folder, question="octagons", task="multilabel")
        with pytest.raises(
            pupila.PupilaError,
            match="--task multilabel asks for several classes per image, but the labels are one",
        ):
            plan_labelling(folder, with_="vlm:x", **settings)
        plan_labelling(folder, with_="vlm:x", **label_settings(server, folder, task="multilabel"))


def test_nothing_decided_is_unsure(folder: Path) -> None:
    with served(folder, fault=replies(answer(sodium="unsure", sugar="unsure"))) as server:
        assert ask(server, folder).unsure == 3
        assert len(server.requests) == 3
    assert set(read_rows(folder)["target"]) == {None}


def test_votes_are_counted_for_each_class(folder: Path) -> None:
    # The first image: sodium 3 of 3, sugar 2 of 3. The second: sodium 1 to 1 to 1, sugar absent 2 of 3.
    given = [("present", "present"), ("present", "present"), ("present", "absent"),
             ("present", "absent"), ("absent", "absent"), ("unsure", "unsure"),
             ("unsure", "present"), ("unsure", "absent"), ("unsure", "unsure")]  # fmt: skip
    contents = [answer(sodium=sodium, sugar=sugar) for sodium, sugar in given]
    with served(folder, fault=replies(*contents)) as server:
        result = ask(server, folder, votes=3, concurrency=1)
    rows = read_rows(folder).select("target", "confidence").rows()
    assert rows == [
        ('{"sodium": 1, "sugar": 1}', pytest.approx(2 / 3)), ('{"sugar": 0}', pytest.approx(2 / 3)),
        (None, pytest.approx(1 / 3)),
    ]  # fmt: skip
    assert json.loads(read_rows(folder)["votes"][0]) == {
        '{"sodium": 1, "sugar": 0}': 1, '{"sodium": 1, "sugar": 1}': 2,
    }  # fmt: skip
    assert (result.labelled, result.unsure) == (2, 1)


def test_the_forecast_grows_with_the_classes(folder: Path) -> None:
    few = Question(task="multilabel", prompt="p", classes=dict.fromkeys(NAMES))
    many = Question(task="multilabel", prompt="p", classes={f"class {n}": None for n in range(20)})
    assert Question(prompt="p", classes=dict.fromkeys(NAMES)).answer_tokens == 15
    assert 15 < few.answer_tokens < many.answer_tokens < 200
    with served(folder) as server:
        settings = label_settings(server, folder, input_price=1, output_price=10)
        forecast = plan_labelling(folder, with_="vlm:x", **settings).forecast()
    assert "Estimated cost" in forecast[1] and not server.requests


def test_one_class_can_be_asked_for_and_another_task_is_refused(tmp_path: Path) -> None:
    assert Question(task="multilabel", prompt="p", classes={"road": None}).target == "classes"
    assert read_question("octagon_kinds").target == "classes"
    path = tmp_path / "q.yaml"
    for text, says in (("task: classify\nprompt: p\nclasses: [a]", "classes: Value error, 2 or more"),
                       ("task: segment\nprompt: p\nclasses: [a, b]", "expected classify / multilabel")):  # fmt: skip
        path.write_text(text)
        with pytest.raises(pupila.PupilaError, match=says):
            read_question(str(path))


def test_a_single_class_with_votes_by_hand() -> None:
    yes, no = write_labels({"a": True}), write_labels({"a": False})
    majority = LABELS_TEXT.take_majority
    assert majority({yes: 2, no: 1}, UNSURE) == (yes, 2 / 3)
    assert majority({yes: 1, no: 1}, UNSURE) == (None, 0.5)
    assert majority({yes: 1, UNSURE: 2}, UNSURE) == (None, 2 / 3)
    assert majority({no: 3}, UNSURE) == (no, 1.0)


def prediction(abstained: bool = False, **probabilities: float) -> LabelsPrediction:
    labels = tuple(name for name, value in probabilities.items() if value >= 0.5)
    least = min(max(value, 1 - value) for value in probabilities.values())
    count = len(probabilities)
    thresholds = dict.fromkeys(probabilities, 0.5)
    return LabelsPrediction(labels, probabilities, least, abstained, np.zeros(count, np.float32), thresholds)


def test_a_bundle_labels_the_classes_that_it_is_certain_of(folder: Path) -> None:
    writer = LabelsWriter(pupila.open(folder), list(NAMES))
    label = writer.write_prediction(0, prediction(sodium=0.95, sugar=0.6, fat=0.1), 0.8)
    assert label == ProposedLabel('{"fat": 0, "sodium": 1}', ("sodium",), 0.9, unknown=("sugar",))
    assert writer.write_prediction(0, prediction(sodium=0.6, sugar=0.4), 0.8) == NoLabel("abstained")
    assert writer.write_prediction(0, prediction(abstained=True, sodium=0.95), 0.8) == NoLabel("abstained")
    every = writer.write_prediction(0, prediction(sodium=0.6, sugar=0.4), 0)
    assert isinstance(every, ProposedLabel) and every.target == '{"sodium": 1, "sugar": 0}'


def test_confidences_of_a_class_that_is_not_allowed_fail_only_where_it_is_present() -> None:
    def label(**given: Any) -> Any:
        return LABELS_TEXT.label_confidences(Confidences(given, minimum=0.5, allowed=["a"]))

    assert label(a=0.9, b=0.2).target == '{"a": 1}'
    assert label(a=0.9, b=0.7).code == "failed"
