"""The review: blind, killed and resumed, for the person at this machine alone."""

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import pupila
from pupila.artifacts.dataset.labels import history
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.web.local import HOST, Local
from pupila.stages.label.review.app import review_app
from pupila.stages.label.review.sample import Draw, Question, machine_labels, questions
from pupila.stages.label.review.session import Review, Whose
from tests.pictures import write_scenes
from tests.stages.label.review.reviews import WHEN, flat, label

CLASSES = ["cow", "dog"]
ADDRESS = f"http://{HOST}:8000"


def review_of(data: Dataset, since: int, choices: list[str], sample: int = 50) -> Review:
    told = history(data.home)
    asked = questions(machine_labels(data, told, since), Draw(0, sample, 5, since, WHEN))
    return Review(asked, choices, Whose(data.home, "ana", "audit", since))


def client(review: Review, data: Dataset, ended: list[bool] | None = None) -> TestClient:
    app = review_app(review, data, "Audit", lambda: (ended if ended is not None else []).append(True))
    app.add_middleware(Local)
    return TestClient(app, base_url=ADDRESS, headers={"origin": ADDRESS})


def all_that_is_sent(web: TestClient, total: int) -> list[bytes]:
    """The bodies of all answers to a person who says cow, unsure, dog, takes it back, and so on."""
    sent = [web.get("/").content, web.get("/state").content]
    for number in range(total):
        sent += [web.get(f"/picture/{number}").content, web.get(f"/picture/{number}?mask=true").content]
        sent.append(web.post("/answer", json={"number": number, "choice": (0, None, 1)[number % 3]}).content)
        if number % 3 == 2:
            sent.append(web.post("/back", json={}).content)
            sent.append(web.post("/answer", json={"number": number, "choice": 1}).content)
    return sent


def test_nothing_that_is_sent_depends_on_what_the_machine_said(tmp_path: Path) -> None:
    """The same pictures under all other labels: every byte is the same."""
    bodies = []
    for name, said in (
        ("one", ["cow", "dog"] * 6),
        ("two", ["dog", "cow"] * 6),
        ("three", ["cow"] * 11 + ["dog"]),
    ):
        data = flat(tmp_path / name, 12)
        data = label(data, said, [0.5 + n / 30 for n in range(12)])
        review = review_of(data, 12, CLASSES, sample=8)
        bodies.append(all_that_is_sent(client(review, data), len(review.questions)))
        assert review.current is None
    assert bodies[0] == bodies[1] == bodies[2]


def test_no_path_and_no_note_of_the_file_is_sent(tmp_path: Path) -> None:
    for name in ("cow", "secret-dog"):
        flat(tmp_path / name, 4)
    data = pupila.open(tmp_path)
    rows = data.images.select("image", "sha256", "target").iter_rows()
    asked = [
        Question(row, image, digest, "suspect", target) for row, (image, digest, target) in enumerate(rows)
    ]
    web = client(Review(asked, CLASSES, Whose(data.home, "ana", "suspect", 0)), data)
    sent = all_that_is_sent(web, len(asked))
    (tmp_path / "secret-dog" / "000.jpg").unlink()
    sent.append(web.get("/picture/4").content)
    assert web.get("/picture/4").status_code in (200, 410)
    assert not any(b"secret" in body or b".jpg" in body for body in sent)


def test_a_killed_review_goes_on_where_it_was(tmp_path: Path) -> None:
    data = flat(tmp_path, 9)
    data = label(data, ["cow"] * 9)
    web = client(review_of(data, 9, CLASSES), data)
    for number in range(4):
        web.post("/answer", json={"number": number, "choice": number % 2})
    web.post("/back", json={})
    again = review_of(pupila.open(tmp_path), 9, CLASSES)
    assert (again.current, len(again.answers)) == (3, 3)
    last = again.last()
    assert last is not None and (last.target, last.by) == ("cow", "person:ana")
    state = client(again, data).get("/state").json()
    assert state == {"answered": 3, "total": 9, "current": 3, "last": "cow"}
    told = history(data.home).filter(history(data.home)["person"])
    assert told["target"].to_list() == ["cow", "dog", "cow", "dog", None]
    assert told["note"].to_list() == ["audit"] * 4 + ["audit: taken back"]


def test_an_answer_is_for_the_question_that_is_shown(tmp_path: Path) -> None:
    data = flat(tmp_path, 4)
    data = label(data, ["cow"] * 4)
    web = client(review_of(data, 4, CLASSES), data)
    assert web.post("/answer", json={"number": 0, "choice": 0}).status_code == 200
    assert (
        web.post("/answer", json={"number": 0, "choice": 1}).status_code == 409
    )  # a second tab, or a key held down
    assert web.post("/answer", json={"number": 1, "choice": 2}).status_code == 422
    assert web.post("/answer", json={"number": 1, "choice": -1}).status_code == 422
    assert web.get("/picture/4").status_code == 404
    assert history(data.home).height == 5
    assert web.post("/back", json={}).json()["answered"] == 0
    assert web.post("/back", json={}).json()["last"] is None


@pytest.mark.parametrize(
    ("headers", "fine"),
    [
        ({"origin": ADDRESS}, True),
        ({"host": "localhost:8000", "origin": "http://localhost:8000"}, True),
        ({"host": "evil.example:8000", "origin": "http://evil.example:8000"}, False),  # DNS rebinding
        ({"origin": "https://evil.example"}, False),
        ({"origin": f"http://{HOST}:9000"}, False),  # another service of this machine
        ({"origin": "null"}, False),
        ({"origin": ""}, False),
    ],
)
def test_other_sites_and_other_names_are_refused(tmp_path: Path, headers: dict[str, str], fine: bool) -> None:
    data = flat(tmp_path, 2)
    data = label(data, ["cow"] * 2)
    web = client(review_of(data, 2, CLASSES), data)
    body: Any = {"number": 0, "choice": 0}
    assert (web.post("/answer", json=body, headers=headers).status_code == 200) == fine
    assert (len(history(data.home)) == 3) == fine


def test_a_foreign_name_reads_nothing_and_a_change_needs_an_origin(tmp_path: Path) -> None:
    data = flat(tmp_path, 2)
    data = label(data, ["cow"] * 2)
    app = review_app(review_of(data, 2, CLASSES), data, "Audit", lambda: None)
    app.add_middleware(Local)
    web = TestClient(app, base_url=ADDRESS)
    assert web.get("/state").status_code == 200
    assert web.get("/picture/0", headers={"host": "evil.example"}).status_code == 403
    assert web.post("/back", json={}).status_code == 403
    assert web.get("/docs").status_code == 404
    policy = web.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy and web.get("/picture/0").headers["cache-control"] == "no-store"


def test_masks_are_accepted_or_rejected(tmp_path: Path) -> None:
    write_scenes(tmp_path, 4)
    data = pupila.open(tmp_path)
    rows = data.images.select("image", "sha256", "target").iter_rows()
    asked = [
        Question(row, image, digest, "random", target) for row, (image, digest, target) in enumerate(rows)
    ]
    ended: list[bool] = []
    web = client(Review(asked, [], Whose(data.home, "ana", "audit", 0)), data, ended)
    plain, laid = web.get("/picture/0").content, web.get("/picture/0?mask=true").content
    assert plain != laid
    shown = [
        web.post("/answer", json={"number": number, "choice": choice}).json()["last"]
        for number, choice in enumerate((0, 1, None, 1))
    ]
    assert shown == ["accepted", "rejected", "unsure", "rejected"]
    web.post("/finish", json={})
    assert ended == [True]
    told = history(data.home)
    assert told["target"].to_list() == [asked[0].said, None, None, None]
    assert told["note"].to_list() == ["audit", "audit: rejected", "audit", "audit: rejected"]
    again = pupila.open(tmp_path)
    assert again.images["target"].to_list() == [asked[0].said, None, None, None]
    resumed = Review(asked, [], Whose(data.home, "ana", "audit", 0))
    assert (
        client(resumed, again).get("/picture/1?mask=true").content == web.get("/picture/1?mask=true").content
    )


def test_an_answer_that_is_taken_back_leaves_the_label_that_was_there(tmp_path: Path) -> None:
    data = flat(tmp_path, 4)
    data = label(data, ["cow"] * 4)
    review = review_of(data, 4, CLASSES)
    review.answer(0, 1)
    review.answer(1, 1)
    review.take_back()  # and the person leaves
    again = pupila.open(tmp_path)
    assert again.images["target"].to_list().count("dog") == 1
    assert again.images["target"].null_count() == 0
