"""The review: blind, resumed after a kill, and reachable from this machine only."""

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import pupila
from pupila.artifacts.dataset.labels import read_history
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.audit import Sample
from pupila.artifacts.web.local import HOST, LocalOnly
from pupila.stages.label.review.app import make_review_app
from pupila.stages.label.review.classify import ClassifyReview
from pupila.stages.label.review.sample import ReviewItem, draw_items, read_machine_labels
from pupila.stages.label.review.segment import SegmentReview
from pupila.stages.label.review.session import Review, ReviewContext
from tests.pictures import write_scenes
from tests.stages.label.review.reviews import WHEN, flat, label

CLASSES = ClassifyReview(["cow", "dog"])
ADDRESS = f"http://{HOST}:8000"


def review_of(data: Dataset, since: int, task: ClassifyReview, sample: int = 50) -> Review:
    history = read_history(data.home)
    drawn = Sample(seed=0, random=sample, uncertain=5, history_rows=since, time=WHEN)
    items = draw_items(read_machine_labels(data, history, since), drawn)
    return Review(items, task, ReviewContext(data.home, "ana", "audit", since))


def client(review: Review, data: Dataset, ended: list[bool] | None = None) -> TestClient:
    app = make_review_app(review, data, "Audit", lambda: (ended if ended is not None else []).append(True))
    app.add_middleware(LocalOnly)
    return TestClient(app, base_url=ADDRESS, headers={"origin": ADDRESS})


def all_that_is_sent(web: TestClient, total: int) -> list[bytes]:
    """The bodies of all responses to a reviewer who answers cow, unsure, dog, undoes it, and so on."""
    sent = [web.get("/").content, web.get("/state").content]
    for number in range(total):
        sent += [web.get(f"/image/{number}").content, web.get(f"/image/{number}?mask=true").content]
        sent.append(web.post("/answer", json={"number": number, "choice": (0, None, 1)[number % 3]}).content)
        if number % 3 == 2:
            sent.append(web.post("/undo", json={}).content)
            sent.append(web.post("/answer", json={"number": number, "choice": 1}).content)
    return sent


def test_no_response_depends_on_the_machine_labels(tmp_path: Path) -> None:
    """The same images with different labels: every byte is the same."""
    bodies = []
    for name, labels_given in (
        ("one", ["cow", "dog"] * 6),
        ("two", ["dog", "cow"] * 6),
        ("three", ["cow"] * 11 + ["dog"]),
    ):
        data = flat(tmp_path / name, 12)
        data = label(data, labels_given, [0.5 + n / 30 for n in range(12)])
        review = review_of(data, 12, CLASSES, sample=8)
        bodies.append(all_that_is_sent(client(review, data), len(review.items)))
        assert review.current is None
    assert bodies[0] == bodies[1] == bodies[2]


def test_no_path_and_no_metadata_is_sent(tmp_path: Path) -> None:
    for name in ("cow", "secret-dog"):
        flat(tmp_path / name, 4)
    data = pupila.open(tmp_path, layout="folders")  # both hold the same pictures
    rows = data.images.select("image", "sha256", "target").iter_rows()
    items = [ReviewItem(row, image, digest, None, target) for row, (image, digest, target) in enumerate(rows)]
    web = client(Review(items, CLASSES, ReviewContext(data.home, "ana", "suspect", 0)), data)
    sent = all_that_is_sent(web, len(items))
    (tmp_path / "secret-dog" / "000.jpg").unlink()
    sent.append(web.get("/image/4").content)
    assert web.get("/image/4").status_code in (200, 410)
    assert not any(b"secret" in body or b".jpg" in body for body in sent)


def test_a_killed_review_resumes(tmp_path: Path) -> None:
    data = flat(tmp_path, 9)
    data = label(data, ["cow"] * 9)
    web = client(review_of(data, 9, CLASSES), data)
    for number in range(4):
        web.post("/answer", json={"number": number, "choice": number % 2})
    web.post("/undo", json={})
    again = review_of(pupila.open(tmp_path), 9, CLASSES)
    assert (again.current, len(again.answers)) == (3, 3)
    last = again.last()
    assert last is not None and (last.target, last.reviewer) == ("cow", "annotator:ana")
    state = client(again, data).get("/state").json()
    assert state == {"answered": 3, "total": 9, "current": 3, "last": "cow", "hint": ""}
    rows = read_history(data.home).filter(read_history(data.home)["annotator"])
    assert rows["target"].to_list() == ["cow", "dog", "cow", "dog", None]
    assert rows["note"].to_list() == ["audit"] * 4 + ["audit: retracted"]


def test_only_the_current_question_can_be_answered(tmp_path: Path) -> None:
    data = flat(tmp_path, 4)
    data = label(data, ["cow"] * 4)
    web = client(review_of(data, 4, CLASSES), data)
    assert web.post("/answer", json={"number": 0, "choice": 0}).status_code == 200
    assert (
        web.post("/answer", json={"number": 0, "choice": 1}).status_code == 409
    )  # a second tab, or a key held down
    assert web.post("/answer", json={"number": 1, "choice": 2}).status_code == 422
    assert web.post("/answer", json={"number": 1, "choice": -1}).status_code == 422
    assert web.get("/image/4").status_code == 404
    assert read_history(data.home).height == 5
    assert web.post("/undo", json={}).json()["answered"] == 0
    assert web.post("/undo", json={}).json()["last"] is None


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"origin": ADDRESS}, True),
        ({"host": "localhost:8000", "origin": "http://localhost:8000"}, True),
        ({"host": "evil.example:8000", "origin": "http://evil.example:8000"}, False),  # DNS rebinding
        ({"host": f"{HOST}:1@evil.example", "origin": f"http://{HOST}:1@evil.example"}, False),
        ({"host": f"{HOST}:evil", "origin": f"http://{HOST}:evil"}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": f"http://{HOST}:9000"}, False),  # another service of this machine
        ({"origin": "null"}, False),
        ({"origin": ""}, False),
    ],
)
def test_other_origins_and_hosts_are_refused(tmp_path: Path, headers: dict[str, str], allowed: bool) -> None:
    data = flat(tmp_path, 2)
    data = label(data, ["cow"] * 2)
    web = client(review_of(data, 2, CLASSES), data)
    body: Any = {"number": 0, "choice": 0}
    assert (web.post("/answer", json=body, headers=headers).status_code == 200) == allowed
    assert (len(read_history(data.home)) == 3) == allowed


def test_another_host_reads_nothing_and_a_change_needs_an_origin(tmp_path: Path) -> None:
    data = flat(tmp_path, 2)
    data = label(data, ["cow"] * 2)
    app = make_review_app(review_of(data, 2, CLASSES), data, "Audit", lambda: None)
    app.add_middleware(LocalOnly)
    web = TestClient(app, base_url=ADDRESS)
    assert web.get("/state").status_code == 200
    assert web.get("/image/0", headers={"host": "evil.example"}).status_code == 403
    assert web.post("/undo", json={}).status_code == 403
    assert web.get("/docs").status_code == 404
    policy = web.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy and web.get("/image/0").headers["cache-control"] == "no-store"


def test_masks_are_accepted_or_rejected(tmp_path: Path) -> None:
    write_scenes(tmp_path, 4)
    data = pupila.open(tmp_path)
    rows = data.images.select("image", "sha256", "target").iter_rows()
    items = [
        ReviewItem(row, image, digest, "random", target) for row, (image, digest, target) in enumerate(rows)
    ]
    ended: list[bool] = []
    web = client(Review(items, SegmentReview(), ReviewContext(data.home, "ana", "audit", 0)), data, ended)
    plain, laid = web.get("/image/0").content, web.get("/image/0?mask=true").content
    assert plain != laid
    shown = [
        web.post("/answer", json={"number": number, "choice": choice}).json()["last"]
        for number, choice in enumerate((0, 1, None, 1))
    ]
    assert shown == ["accepted", "rejected", "unsure", "rejected"]
    web.post("/finish", json={})
    assert ended == [True]
    history = read_history(data.home)
    assert history["target"].to_list() == [items[0].label, None, None, None]
    assert history["note"].to_list() == ["audit", "audit: rejected", "audit", "audit: rejected"]
    again = pupila.open(tmp_path)
    assert again.images["target"].to_list() == [items[0].label, None, None, None]
    resumed = Review(items, SegmentReview(), ReviewContext(data.home, "ana", "audit", 0))
    assert client(resumed, again).get("/image/1?mask=true").content == web.get("/image/1?mask=true").content


def test_undo_restores_the_previous_label(tmp_path: Path) -> None:
    data = flat(tmp_path, 4)
    data = label(data, ["cow"] * 4)
    review = review_of(data, 4, CLASSES)
    review.answer(0, 1)
    review.answer(1, 1)
    review.undo()
    again = pupila.open(tmp_path)
    assert again.images["target"].to_list().count("dog") == 1
    assert again.images["target"].null_count() == 0
