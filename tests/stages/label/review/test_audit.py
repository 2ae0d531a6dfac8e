"""The audit: what is drawn, what is said of it, and how often the interval is right."""

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import polars as pl
import pytest
from PIL import Image

import pupila
from pupila.artifacts.dataset.labels import Label, append, history
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from pupila.core.vocabulary import AUDIT_FILE, AUDIT_PAGE_FILE
from pupila.stages.label.review.accuracy import judge
from pupila.stages.label.review.audit import AuditSettings, audit
from pupila.stages.label.review.audit_page import sentences
from pupila.stages.label.review.sample import DOUBTFUL, RANDOM, Draw, machine_labels, questions
from pupila.stages.label.review.session import Answer, Review, Whose
from pupila.statistics.intervals import finite_interval, more_to_halve
from tests.pictures import write_scenes
from tests.stages.label.review.reviews import WHEN, flat, label, machine_table

NOBODY = 10**9  # rows of a history that hold all of it


def draw(sample: int, doubtful: int = 0, seed: int = 0, rows: int = NOBODY) -> Draw:
    return Draw(seed, sample, doubtful, rows, WHEN)


def begun(data: Dataset, sample: int = 100, doubtful: int = 20, seed: int = 0) -> None:
    """What the command writes before the first question."""
    drawn = {
        "seed": seed,
        "sample": sample,
        "doubtful": doubtful,
        "rows": history(data.home).height,
        "time": WHEN,
    }
    (Path(data.home) / AUDIT_FILE).write_text(json.dumps({"draw": drawn}))


def report(data: Dataset) -> dict[str, Any]:
    return audit(data, AuditSettings(), "ana", None, print).audit


def answer(data: Dataset, sample: int, truth: Mapping[str, str | None], doubtful: int = 0) -> None:
    """A person answers every question."""
    rows = history(data.home).height
    begun(data, sample, doubtful)
    asked = questions(machine_labels(data, history(data.home), rows), draw(sample, doubtful, rows=rows))
    classes = sorted({name for name in truth.values() if name})
    review = Review(asked, classes, Whose(data.home, "ana", "audit", rows))
    while (number := review.current) is not None:
        told = truth[asked[number].image]
        review.answer(number, None if told is None else classes.index(told))


def test_the_interval_covers_the_truth_in_95_of_100_audits() -> None:
    rng, covered, wide = np.random.default_rng(6), 0, []
    for turn in range(500):
        labels = 777
        wrong = rng.random(labels) < 0.08
        digests = [f"{turn}-{number}" for number in range(labels)]
        table = machine_table(dict.fromkeys(digests, "a"))
        asked = questions(table, draw(int(rng.integers(100, 201)), seed=turn))
        truth = dict(zip(digests, np.where(wrong, "b", "a").tolist(), strict=True))
        given = {one.sha256: Answer(truth[one.sha256]) for one in asked}
        found = judge(table, draw(0), asked, given, np.arange(labels), ["a", "b"])["random"]["accuracy"]
        covered += found["low"] <= 1 - wrong.mean() <= found["high"]
        wide.append(found["high"] - found["low"])
    print(f"audit: {covered} of 500 intervals cover the truth; mean width {np.mean(wide):.3f}")
    assert 0.93 * 500 <= covered <= 0.97 * 500


def test_what_groups_say_of_other_groups_covers_too() -> None:
    rng, covered = np.random.default_rng(2), 0
    for turn in range(120):
        groups = np.repeat(np.arange(60), 5)
        wrong = rng.random(300) < np.repeat(rng.beta(0.8, 7.2, 60), 5)  # a tenth, by groups
        digests = [f"{turn}-{number:03d}" for number in range(300)]
        asked = questions(machine_table(dict.fromkeys(digests, "a")), draw(300, seed=turn))
        given = {one.sha256: Answer("b" if wrong[one.row] else "a") for one in asked}
        found = judge(machine_table(dict.fromkeys(digests, "a")), draw(0), asked, given, groups, ["a", "b"])[
            "random"
        ]
        assert found["groups"] == 60
        covered += found["new_groups"]["low"] <= 0.9 <= found["new_groups"]["high"]
    assert 0.90 * 120 <= covered <= 0.98 * 120


def test_a_share_of_a_finite_whole_by_hand() -> None:
    # 18 of 20 out of 39: worth 20 * 38 / 19 = 40 trials, of which 36 are right. Wilson's interval of 36 of
    # 40 is 0.7695 to 0.9604, and with 2 wrong ones seen at most 37 of the 39 can be right.
    assert finite_interval(18, 20, 39) == pytest.approx((0.7695, 37 / 39), abs=1e-4)
    assert finite_interval(18, 20, 20) == (0.9, 0.9)
    low, high = finite_interval(9, 10, 12)
    assert 9 / 12 < low < 9 / 10 and high == 11 / 12  # what was seen bounds it
    assert finite_interval(0, 0, 5) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("right", "n", "labels"), [(92, 100, 777), (20, 20, 5000), (30, 60, 100), (45, 50, 50)]
)
def test_so_many_more_answers_halve_the_interval_and_one_fewer_does_not(
    right: int, n: int, labels: int
) -> None:
    def width(drawn: int) -> float:
        low, high = finite_interval(right / n * drawn, drawn, labels)
        return high - low

    more = more_to_halve(right, n, labels)
    assert width(n + more) <= width(n) / 2
    assert more == 0 or width(n + more - 1) > width(n) / 2


def test_the_draw_is_the_same_again_and_a_larger_one_holds_it() -> None:
    table = machine_table({f"{number:03d}": "a" for number in range(200)})
    small, again = questions(table, draw(30)), questions(table, draw(30))
    assert small == again
    assert {one.sha256 for one in small} < {one.sha256 for one in questions(table, draw(90))}
    assert {one.sha256 for one in small} != {one.sha256 for one in questions(table, draw(30, seed=1))}
    fewer = table.filter(pl.col("sha256") != small[0].sha256)  # a picture is gone: the others stay drawn
    assert {one.sha256 for one in small[1:]} < {one.sha256 for one in questions(fewer, draw(30))}


def test_the_doubted_are_those_without_an_answer_and_the_least_sure_and_are_mixed_in(tmp_path: Path) -> None:
    data = flat(tmp_path, 30)
    said: list[str | None] = ["a"] * 30
    said[3] = None
    data = label(data, said, [0.5 + number / 100 for number in range(30)])
    asked = questions(machine_labels(data, history(data.home), NOBODY), draw(10, 5))
    at_random = {one.image for one in asked if one.part == RANDOM}
    doubted = [one.image for one in asked if one.part == DOUBTFUL]
    rest = [f"{number:03d}.jpg" for number in range(30) if f"{number:03d}.jpg" not in at_random]
    rest.sort(key=lambda name: name != "003.jpg")
    assert sorted(doubted) == sorted(rest[:5]) and len(at_random) == 10
    parts = [one.part for one in asked]
    assert parts != sorted(parts) and parts != sorted(parts, reverse=True)


def test_votes_tell_doubt_where_no_confidence_was_told(tmp_path: Path) -> None:
    data = flat(tmp_path, 3)
    rows = list(data.images.select("image", "sha256").iter_rows())
    votes = ['{"a": 3}', '{"a": 2, "b": 1}', ""]
    append(data.home, [
        Label(image, digest, "vlm:x", False, "a", WHEN, votes=told)
        for (image, digest), told in zip(rows, votes, strict=True)
    ])  # fmt: skip
    told = machine_labels(pupila.open(tmp_path), history(data.home), NOBODY)
    assert dict(told.select("image", "confidence").iter_rows()) == {
        "000.jpg": 1.0, "001.jpg": pytest.approx(2 / 3), "002.jpg": None,
    }  # fmt: skip
    assert [one.image for one in questions(told, draw(0, 1))] == ["001.jpg"]


def test_only_machines_labels_that_count_are_audited(tmp_path: Path) -> None:
    data = flat(tmp_path, 4)
    data = label(data, ["a", "b", "a", None])
    image, digest = data.images.select("image", "sha256").row(1)
    append(data.home, [Label(image, digest, "person:bob", True, "b", WHEN)])
    again = pupila.open(tmp_path)
    assert machine_labels(again, history(data.home), NOBODY)["image"].to_list().count("001.jpg") == 0
    told = machine_labels(again, history(data.home), 4)  # as it was before bob
    assert sorted(told["image"]) == ["000.jpg", "001.jpg", "002.jpg", "003.jpg"]


def test_a_given_label_is_no_machines(tmp_path: Path) -> None:
    for name in ("a", "b"):
        flat(tmp_path / name, 3)
    data = pupila.open(tmp_path)
    data = label(data, ["b"] * 6)
    told = machine_labels(pupila.open(tmp_path), history(data.home), NOBODY)
    assert told.is_empty()  # though the machine says of those in b what their folder says


def test_the_report_by_hand(tmp_path: Path) -> None:
    data = flat(tmp_path, 24)
    data = label(data, ["a"] * 12 + ["b"] * 12)
    truth: dict[str, str | None] = {f"{n:03d}.jpg": "a" if n < 12 else "b" for n in range(24)}
    truth |= {"000.jpg": "b", "001.jpg": "b", "002.jpg": "b", "012.jpg": "a", "023.jpg": None}
    answer(data, 24, truth)
    found = report(data)
    drawn = found["random"]
    assert (drawn["answered"], drawn["unsure"], drawn["right"]) == (23, 1, 19)
    assert found["matrix"] == [[9, 1], [3, 10]]  # rows the person
    assert found["classes"]["a"]["right"] == 9 and found["classes"]["a"]["said"] == 12
    assert found["classes"]["a"]["true"] == 10 and found["classes"]["b"]["said"] == 11
    assert drawn["accuracy"]["value"] == pytest.approx(19 / 23)
    assert drawn["accuracy"]["low"] < 19 / 23 < drawn["accuracy"]["high"]
    # All 24 are looked at: with the unsure one wrong 19 of 24 are right, with it right 20.
    assert (drawn["at_worst"], drawn["at_best"]) == pytest.approx((19 / 24, 20 / 24))
    assert found["confused"] == [{"is": "b", "said": "a", "times": 3}, {"is": "a", "said": "b", "times": 1}]
    assert {one["image"] for one in found["disagreements"]} == {"000.jpg", "001.jpg", "002.jpg", "012.jpg"}
    told = " ".join(sentences(found))
    assert "82.6% of the machine's labels are right: 19 of 23" in told
    assert "makes 'b' and not 'a': 3 of 4 errors" in told
    page = (tmp_path / AUDIT_PAGE_FILE).read_text()
    assert "is b, machine said a" in page and "http" not in page.replace("http://www.w3.org", "")


def test_the_doubtful_part_moves_no_share(tmp_path: Path) -> None:
    data = flat(tmp_path, 30)
    data = label(data, ["a"] * 30, [0.1 if n < 10 else 0.9 for n in range(30)])
    rows = history(data.home).height
    asked = questions(machine_labels(data, history(data.home), rows), draw(12, 6, rows=rows))
    truth = {one.image: "b" if one.part == DOUBTFUL or one == asked[0] else "a" for one in asked}
    answer(data, 12, truth, doubtful=6)
    found = report(data)
    wrong = sum(one.part == RANDOM and truth[one.image] == "b" for one in asked)
    assert found["random"]["right"] == 12 - wrong
    assert found["doubtful"] == {"asked": 6, "answered": 6, "unsure": 0, "right": 0, "without_label": 0}


def test_under_ten_answers_there_is_no_interval(tmp_path: Path) -> None:
    data = flat(tmp_path, 20)
    data = label(data, ["a"] * 20)
    answer(data, 9, dict.fromkeys(data.images["image"], "a"))
    found = report(data)
    assert found["random"]["accuracy"] == {"value": 1.0, "low": None, "high": None}
    assert found["random"]["more_to_halve"] is None
    assert "no interval" in sentences(found)[0]


def test_there_has_to_be_something_to_audit(tmp_path: Path) -> None:
    data = flat(tmp_path, 3)
    with pytest.raises(PupilaError, match="No audit was begun"):
        report(data)
    with pytest.raises(PupilaError, match="No machine's label"):
        audit(data, AuditSettings(), "ana", 0, print)


def test_what_the_audit_writes_is_no_part_of_the_data(tmp_path: Path) -> None:
    data = flat(tmp_path, 12)
    data = label(data, ["a"] * 12)
    answer(data, 12, dict.fromkeys(data.images["image"], "a"))
    report(data)
    again = pupila.open(tmp_path)
    assert len(again) == 12 and again.set_aside.is_empty()
    assert "no estimate" in " ".join(sentences(report(again)))


def test_masks_are_audited_as_accepted_or_rejected(tmp_path: Path) -> None:
    write_scenes(tmp_path, 14)
    data = pupila.open(tmp_path)
    data = label(data, data.images["target"].to_list(), [0.5 + n / 30 for n in range(14)], by="roboflow:m")
    rows = history(data.home).height
    begun(data, 14, 0)
    asked = questions(machine_labels(data, history(data.home), rows), draw(14, rows=rows))
    review = Review(asked, [], Whose(data.home, "ana", "audit", rows))
    for number, one in enumerate(asked):
        review.answer(number, None if one.image == "images/005.png" else int(one.image < "images/003.png"))
    found = report(pupila.open(tmp_path))
    drawn = found["random"]
    assert (found["kind"], drawn["answered"], drawn["right"], drawn["unsure"]) == ("masks", 13, 10, 1)
    assert {one["machine"] for one in found["disagreements"]} == {f"masks/{n:03d}.png" for n in range(3)}
    assert found["classes"] == {} and found["matrix"] == []
    assert (tmp_path / AUDIT_PAGE_FILE).read_text().count("rejected (") == 3
    again = pupila.open(tmp_path)
    assert (
        again.images["target"].null_count() == 4
    )  # the rejected ones and the unsure one are learned from no more


def test_pictures_of_one_group_are_not_told_apart_as_many(tmp_path: Path) -> None:
    data = flat(tmp_path, 12)
    for number in range(6):  # copies, so the groups are pairs
        with Image.open(tmp_path / f"{number:03d}.jpg") as picture:
            picture.save(tmp_path / f"{number + 6:03d}.jpg", quality=80)
    data = label(pupila.open(tmp_path), ["a"] * 12)
    answer(data, 12, dict.fromkeys(data.images["image"], "a"))
    found = report(data)
    assert (found["random"]["groups"], found["random"]["new_groups"]["low"]) == (6, None)
    assert "6 groups: too few" in " ".join(sentences(found))


def test_a_given_label_stays_no_machines_after_a_person_confirmed_it(tmp_path: Path) -> None:
    data = flat(tmp_path / "a", 2)
    data = label(pupila.open(tmp_path), ["a", "a"])
    image, digest = data.images.select("image", "sha256").row(0)
    append(data.home, [Label(image, digest, "person:bob", True, "a", WHEN)])
    assert machine_labels(pupila.open(tmp_path), history(data.home), NOBODY).is_empty()


def audited(data: Dataset, **wish: Any) -> dict[str, Any]:
    """The command with its page, which the person closes at once."""

    def leave(address: str) -> None:
        headers = {"content-type": "application/json", "origin": address.rstrip("/")}
        urlopen(Request(f"{address}finish", b"{}", headers)).close()

    def come(address: str) -> None:
        threading.Thread(target=leave, args=(address,), daemon=True).start()

    return audit(data, AuditSettings(**wish), "ana", 0, come).audit


def test_another_seed_has_to_be_said_with_again_and_the_audit_before_is_kept(tmp_path: Path) -> None:
    data = label(flat(tmp_path, 14), ["a"] * 14)
    answer(data, 12, dict.fromkeys(data.images["image"], "a"))
    first = report(data)
    with pytest.raises(PupilaError, match="another seed"):
        audited(data, seed=9)
    assert audited(data, seed=0)["draw"]["seed"] == 0
    fresh = audited(data, seed=9, again=True, sample=5)
    assert (fresh["draw"]["seed"], fresh["draw"]["sample"], fresh["answered"]) == (9, 5, 0)
    assert audited(data)["draw"]["seed"] == 9  # it goes on
    written = json.loads((tmp_path / AUDIT_FILE).read_text())
    assert [one["draw"] for one in written["earlier"]] == [first["draw"]]
    assert written["earlier"][0]["random"] == json.loads(json.dumps(first["random"]))
    audited(data, again=True)
    written = json.loads((tmp_path / AUDIT_FILE).read_text())
    assert [one["draw"]["seed"] for one in written["earlier"]] == [0, 9]


@pytest.mark.parametrize("wish", [{"again": True}, {"sample": 0}, {"doubtful": 3}, {"seed": 0}])
def test_a_report_draws_nothing(tmp_path: Path, wish: dict[str, Any]) -> None:
    data = label(flat(tmp_path, 12), ["a"] * 12)
    answer(data, 12, dict.fromkeys(data.images["image"], "a"))
    report(data)
    before = (tmp_path / AUDIT_FILE).read_bytes()
    with pytest.raises(PupilaError, match="A report draws nothing"):
        audit(data, AuditSettings(**wish), "ana", None, print)
    assert (tmp_path / AUDIT_FILE).read_bytes() == before


def test_a_rejected_mask_that_was_deleted_is_left_out_of_the_page(tmp_path: Path) -> None:
    write_scenes(tmp_path, 6)
    data = pupila.open(tmp_path)
    data = label(data, data.images["target"].to_list(), by="roboflow:m")
    rows = history(data.home).height
    begun(data, 6, 0)
    asked = questions(machine_labels(data, history(data.home), rows), draw(6, rows=rows))
    review = Review(asked, [], Whose(data.home, "ana", "audit", rows))
    for number in range(6):
        review.answer(number, 1 if number < 2 else 0)
    (tmp_path / str(asked[0].said)).unlink()
    found = report(pupila.open(tmp_path))
    assert found["random"]["right"] == 4
    page = (tmp_path / AUDIT_PAGE_FILE).read_text()
    assert page.count("rejected (") == 1 and "can&#39;t be shown any more" in page
