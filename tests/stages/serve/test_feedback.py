"""Feedback on predictions: what is taken, what is refused, and what is in `feedback.jsonl` afterwards."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

import pupila
from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.predictions.feedback import FeedbackRecord, read_feedback
from pupila.artifacts.predictions.log import LogReading
from pupila.artifacts.web.tokens import add_token
from pupila.imaging.regions import to_rle
from pupila.stages.serve.app import make_service
from pupila.stages.serve.feedback import MOST_BYTES
from pupila.stages.serve.settings import ServeSettings
from tests.api.test_client import Waiting
from tests.colours import plain, write_colours, write_labelled, write_painted, write_pointing

WRITERS: dict[str, Callable[..., Bundle]] = {
    "classify": write_colours, "multilabel": write_labelled, "segment": write_painted, "prompt": write_pointing,
}  # fmt: skip
LEFT = to_rle(np.arange(8).reshape(2, 4) % 4 < 2)
ID = "8a6d0c4e"
JSON = {"content-type": "application/json"}


@contextmanager
def serving(bundle: Bundle, log: Path | None) -> Iterator[TestClient]:
    """A client on this machine of a service with this log, whose lines are written at the end."""
    settings = ServeSettings(threads=1, log_predictions=None if log is None else str(log))
    app = make_service(bundle, settings)
    with TestClient(app, "http://127.0.0.1", client=("127.0.0.1", 50_000)) as client:
        yield client


def a_label(task: str, classes: list[str]) -> Any:
    return {"classify": classes[0], "multilabel": classes[:2]}.get(task, dict.fromkeys(classes, LEFT))


@pytest.mark.parametrize("task", sorted(WRITERS))
def test_feedback_of_every_task_is_one_line_each(task: str, tmp_path: Path) -> None:
    bundle = WRITERS[task](tmp_path / "bundle")
    label = a_label(task, bundle.info.classes)
    with serving(bundle, tmp_path / "log") as client:
        assert client.get("/model/info").json()["takes_feedback"] is True
        first = client.post("/feedback", json={"request_id": ID, "correct": True})
        second = client.post("/feedback", json={"request_id": ID, "item": 3, "label": label, "who": "anna"})
        counted = client.get("/metrics").text
    assert first.json() == second.json() == {"request_id": ID, "recorded": True}
    assert 'pupila_feedback_total{correct="true"} 1.0' in counted
    assert 'pupila_feedback_total{correct="unknown"} 1.0' in counted
    right, corrected = read_feedback(tmp_path / "log")
    assert (right.correct, right.label, right.item, right.who, right.token) == (True, None, 0, "", "")
    assert (corrected.correct, corrected.item, corrected.who) == (None, 3, "anna")
    assert json.loads(corrected.model_dump_json())["label"] == json.loads(json.dumps(label))


BAD: list[tuple[str, Any, int, str]] = [
    ("classify", {"request_id": ID}, 422, "neither correct nor label"),
    ("classify", {"request_id": ID, "correct": None, "who": "x"}, 422, "neither correct nor label"),
    ("classify", {"correct": True}, 422, "request_id"),
    ("classify", {"request_id": "a b", "correct": True}, 422, "request_id"),
    ("classify", {"request_id": "a" * 65, "correct": True}, 422, "request_id"),
    ("classify", {"request_id": ID, "correct": "yes"}, 422, "correct"),
    ("classify", {"request_id": ID, "item": -1, "correct": True}, 422, "item"),
    ("classify", {"request_id": ID, "correct": True, "who": "x" * 201}, 422, "who"),
    ("classify", {"request_id": ID, "right": True}, 422, "right"),
    ("classify", {"request_id": ID, "label": "violet"}, 422, "violet"),
    ("classify", {"request_id": ID, "label": ["red"]}, 422, "the name of one class"),
    ("classify", [ID], 400, "JSON object"),
    ("multilabel", {"request_id": ID, "label": "red"}, 422, "a list of the names of classes"),
    ("multilabel", {"request_id": ID, "label": ["red", "red"]}, 422, "each once"),
    ("multilabel", {"request_id": ID, "label": ["red", "violet"]}, 422, "violet"),
    ("segment", {"request_id": ID, "label": "red"}, 422, "run lengths"),
    ("segment", {"request_id": ID, "label": {}}, 422, "run lengths"),
    ("segment", {"request_id": ID, "label": {"violet": LEFT}}, 422, "violet"),
    ("segment", {"request_id": ID, "label": {"red": {"size": [2, 5], "counts": LEFT["counts"]}}}, 422, "run lengths"),
    ("segment", {"request_id": ID, "label": {"red": {"size": [-2, -4], "counts": LEFT["counts"]}}}, 422, "run lengths"),
    ("segment", {"request_id": ID, "label": {"red": {"size": [True, True], "counts": "1"}}}, 422, "label"),
    ("segment", {"request_id": ID, "label": {"red": {"size": [10**6, 10**6], "counts": "0"}}}, 422, "run lengths"),
    ("segment", {"request_id": ID, "label": {"red": LEFT, "blue": to_rle(np.ones((3, 3)))}}, 422, "run lengths"),
]  # fmt: skip


def test_what_is_no_feedback_is_refused_in_words_and_not_recorded(tmp_path: Path) -> None:
    for task in ("classify", "multilabel", "segment"):
        log = tmp_path / task
        with serving(WRITERS[task](tmp_path / f"{task}-bundle"), log) as client:
            for _, body, status, word in (row for row in BAD if row[0] == task):
                refused = client.post("/feedback", json=body)
                assert (refused.status_code, word in refused.text) == (status, True), (body, refused.text)
                assert refused.json()["request_id"] != ID
        assert list(read_feedback(log)) == []


def test_several_labels_may_be_none_of_the_classes(tmp_path: Path) -> None:
    with serving(write_labelled(tmp_path / "bundle"), tmp_path / "log") as client:
        assert client.post("/feedback", json={"request_id": ID, "label": []}).status_code == 200
    assert [record.label for record in read_feedback(tmp_path / "log")] == [[]]


def test_other_bodies_are_refused(tmp_path: Path) -> None:
    with serving(write_colours(tmp_path / "bundle"), tmp_path / "log") as client:
        assert client.post("/feedback", data={"request_id": ID}).status_code == 415
        assert client.post("/feedback").status_code == 415
        assert client.post("/feedback", content=b"{", headers=JSON).status_code == 400
        large = json.dumps({"request_id": ID, "who": "x" * MOST_BYTES}).encode()
        assert client.post("/feedback", content=large, headers=JSON).status_code == 413
        assert client.post("/feedback", content=iter([large]), headers=JSON).status_code == 413  # no length
        assert client.get("/feedback").status_code == 405


def test_a_service_without_a_log_says_how_to_start_it(tmp_path: Path) -> None:
    with serving(write_colours(tmp_path / "bundle"), None) as client:
        refused = client.post("/feedback", json={"request_id": ID, "correct": False})
        assert (refused.status_code, refused.json()["remedy"]) == (
            404,
            "pupila serve BUNDLE --log-predictions FOLDER",
        )
        assert client.get("/model/info").json()["takes_feedback"] is False


def test_the_description_has_the_body_with_an_example_that_is_taken(tmp_path: Path) -> None:
    bundle = write_colours(tmp_path / "bundle", classes=["ants", "bees", "wasps"])
    with serving(bundle, tmp_path / "log") as client:
        described = client.get("/openapi.json").json()
        content = described["paths"]["/feedback"]["post"]["requestBody"]["content"]["application/json"]
        assert set(content["schema"]["properties"]) == {"request_id", "item", "correct", "label", "who"}
        assert content["schema"]["required"] == ["request_id"]
        assert client.post("/feedback", json=content["examples"]["example"]["value"]).status_code == 200
        assert "/feedback" in client.get("/docs").text


@pytest.mark.parametrize("connect", [pupila.Client, Waiting])
def test_a_client_says_it_of_its_predictions(connect: Callable[..., Any], tmp_path: Path) -> None:
    bundle, tokens, log = write_colours(tmp_path / "bundle"), str(tmp_path / "tokens.json"), tmp_path / "log"
    token, secret = add_token(tokens, ["predict", "feedback"], None, None, "the shop")
    _, narrow = add_token(tokens, ["predict"], None, None, "reads only")
    with pupila.serve(bundle.folder, tokens=tokens, log_predictions=str(log)) as service:
        with connect(service.url, secret) as client:
            red = client.predict(plain(255, 0, 0))
            batch = client.predict_batch([plain(0, 0, 255), plain(0, 255, 0)])
            client.feedback(red, correct=True)
            client.feedback(batch[1], label="blue", who="anna")
            client.feedback(batch[1].request_id, correct=False, item=1)
            assert client.info().takes_feedback is True
            with pytest.raises(pupila.PupilaError, match="Not a prediction of a service: found int"):
                client.feedback(7, correct=True)
            with pytest.raises(pupila.ServiceError, match="no such class") as fault:
                client.feedback(red, label="violet")
            assert fault.value.status == 422
        with connect(service.url, narrow) as client, pytest.raises(pupila.ServiceError) as fault:
            client.feedback(red, correct=True)
        assert fault.value.status == 403
    recorded = [(own.request_id, own.item, own.correct, own.label, own.who) for own in read_feedback(log)]
    assert recorded == [
        (red.request_id, 0, True, None, token.id),
        (batch[1].request_id, 1, None, "blue", "anna"),
        (batch[1].request_id, 1, False, None, token.id),
    ]
    assert {own.token for own in read_feedback(log)} == {token.id}


def test_damaged_lines_of_the_log_are_counted_and_left_out(tmp_path: Path) -> None:
    record = FeedbackRecord(time="2026-12-01T00:00:00+00:00", request_id=ID, correct=True, who="")
    (tmp_path / "feedback.jsonl.1").write_text(record.model_dump_json() + "\n")
    (tmp_path / "feedback.jsonl").write_text('{"request_id": 7}\n' + record.model_dump_json() + "\n{")
    reading = LogReading()
    assert list(read_feedback(tmp_path, reading)) == [record, record]
    assert reading.damaged == 1  # the last line is not complete yet
    assert list(read_feedback(tmp_path / "none")) == []
