"""The audit: its sample, its report, and the coverage of its intervals."""

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
from pupila.artifacts.dataset.labels import Label, append_labels, read_history
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.audit import Audit, AuditReport, Confusion, Sample, read_audit
from pupila.core.errors import PupilaError
from pupila.core.vocabulary import AUDIT_FILE, AUDIT_PAGE_FILE
from pupila.stages.label.review.accuracy import measure_accuracy
from pupila.stages.label.review.audit import AuditSettings, audit
from pupila.stages.label.review.audit_page import sentences
from pupila.stages.label.review.classify import ClassifyReview
from pupila.stages.label.review.review_task import Answer, Choice
from pupila.stages.label.review.sample import (
    RANDOM,
    UNCERTAIN,
    ReviewItem,
    draw_items,
    read_machine_labels,
)
from pupila.stages.label.review.segment import SegmentReview
from pupila.stages.label.review.session import Review, ReviewContext
from pupila.stages.label.review.tasks import REVIEW_TASKS, review_task
from pupila.statistics.estimate import Estimate
from pupila.statistics.intervals import draws_to_halve_width, finite_interval
from pupila.tasks.task import Target
from tests.pictures import write_scenes
from tests.stages.label.review.reviews import WHEN, flat, label, machine_table

ALL_ROWS = 10**9  # at least as many rows as any history
AB = ClassifyReview(["a", "b"])


def make_sample(random: int, uncertain: int = 0, seed: int = 0, rows: int = ALL_ROWS) -> Sample:
    return Sample(seed=seed, random=random, uncertain=uncertain, history_rows=rows, time=WHEN)


def begin(data: Dataset, random: int = 100, uncertain: int = 20, seed: int = 0) -> None:
    """Write what the command writes before the first question."""
    sample = make_sample(random, uncertain, seed, read_history(data.home).height)
    (Path(data.home) / AUDIT_FILE).write_text(json.dumps(Audit(sample=sample).as_dict()))


def report(data: Dataset) -> AuditReport:
    return audit(data, AuditSettings(), "ana", None, print).report


def answer(data: Dataset, random: int, targets: Mapping[str, str | None], uncertain: int = 0) -> None:
    """A reviewer answers every question."""
    rows = read_history(data.home).height
    begin(data, random, uncertain)
    items = draw_items(
        read_machine_labels(data, read_history(data.home), rows), make_sample(random, uncertain, rows=rows)
    )
    classes = sorted({name for name in targets.values() if name})
    review = Review(items, ClassifyReview(classes), ReviewContext(data.home, "ana", "audit", rows))
    while (number := review.current) is not None:
        label = targets[items[number].image]
        review.answer(number, None if label is None else classes.index(label))


def test_the_interval_covers_the_true_accuracy_in_95_of_100_audits() -> None:
    rng, covered, wide = np.random.default_rng(6), 0, []
    for turn in range(500):
        labels = 777
        wrong = rng.random(labels) < 0.08
        digests = [f"{turn}-{number}" for number in range(labels)]
        table = machine_table(dict.fromkeys(digests, "a"))
        items = draw_items(table, make_sample(int(rng.integers(100, 201)), seed=turn))
        targets = dict(zip(digests, np.where(wrong, "b", "a").tolist(), strict=True))
        given = {item.sha256: Answer(targets[item.sha256]) for item in items}
        accuracy = measure_accuracy(table, items, given, np.arange(labels), AB).random.accuracy
        assert accuracy.low is not None and accuracy.high is not None
        covered += accuracy.low <= 1 - wrong.mean() <= accuracy.high
        wide.append(accuracy.high - accuracy.low)
    print(f"audit: {covered} of 500 intervals cover the truth; mean width {np.mean(wide):.3f}")
    assert 0.93 * 500 <= covered <= 0.97 * 500


def test_the_interval_for_unseen_groups_covers_the_true_accuracy() -> None:
    rng, covered = np.random.default_rng(2), 0
    for turn in range(120):
        groups = np.repeat(np.arange(60), 5)
        wrong = rng.random(300) < np.repeat(rng.beta(0.8, 7.2, 60), 5)  # a tenth, by groups
        digests = [f"{turn}-{number:03d}" for number in range(300)]
        items = draw_items(machine_table(dict.fromkeys(digests, "a")), make_sample(300, seed=turn))
        given = {item.sha256: Answer("b" if wrong[item.row] else "a") for item in items}
        table = machine_table(dict.fromkeys(digests, "a"))
        random = measure_accuracy(table, items, given, groups, AB).random
        unseen = random.unseen_groups
        assert (
            random.groups == 60 and unseen is not None and unseen.low is not None and unseen.high is not None
        )
        covered += unseen.low <= 0.9 <= unseen.high
    assert 0.90 * 120 <= covered <= 0.98 * 120


def test_the_interval_of_a_finite_population_by_hand() -> None:
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
def test_the_suggested_number_of_answers_halves_the_interval_and_one_fewer_does_not(
    right: int, n: int, labels: int
) -> None:
    def width(drawn: int) -> float:
        low, high = finite_interval(right / n * drawn, drawn, labels)
        return high - low

    more = draws_to_halve_width(right, n, labels)
    assert width(n + more) <= width(n) / 2
    assert more == 0 or width(n + more - 1) > width(n) / 2


def test_the_sample_is_reproducible_and_a_larger_one_contains_it() -> None:
    table = machine_table({f"{number:03d}": "a" for number in range(200)})
    small, again = draw_items(table, make_sample(30)), draw_items(table, make_sample(30))
    assert small == again
    assert {item.sha256 for item in small} < {item.sha256 for item in draw_items(table, make_sample(90))}
    assert {item.sha256 for item in small} != {
        item.sha256 for item in draw_items(table, make_sample(30, seed=1))
    }
    fewer = table.filter(
        pl.col("sha256") != small[0].sha256
    )  # an image was deleted: the others stay in the sample
    assert {item.sha256 for item in small[1:]} < {item.sha256 for item in draw_items(fewer, make_sample(30))}


def test_the_uncertain_part_has_unsure_and_least_confident_labels_and_is_mixed_in(tmp_path: Path) -> None:
    data = flat(tmp_path, 30)
    labels: list[str | None] = ["a"] * 30
    labels[3] = None
    data = label(data, labels, [0.5 + number / 100 for number in range(30)])
    items = draw_items(read_machine_labels(data, read_history(data.home), ALL_ROWS), make_sample(10, 5))
    at_random = {item.image for item in items if item.part == RANDOM}
    doubted = [item.image for item in items if item.part == UNCERTAIN]
    rest = [f"{number:03d}.jpg" for number in range(30) if f"{number:03d}.jpg" not in at_random]
    rest.sort(key=lambda name: name != "003.jpg")
    assert sorted(doubted) == sorted(rest[:5]) and len(at_random) == 10
    parts = [str(item.part) for item in items]
    assert parts != sorted(parts) and parts != sorted(parts, reverse=True)


def test_votes_give_the_confidence_if_there_is_none(tmp_path: Path) -> None:
    data = flat(tmp_path, 3)
    rows = list(data.images.select("image", "sha256").iter_rows())
    votes = ['{"a": 3}', '{"a": 2, "b": 1}', ""]
    append_labels(data.home, [
        Label(image, digest, "vlm:x", False, "a", WHEN, votes=labels)
        for (image, digest), labels in zip(rows, votes, strict=True)
    ])  # fmt: skip
    labels = read_machine_labels(pupila.open(tmp_path), read_history(data.home), ALL_ROWS)
    assert dict(labels.select("image", "confidence").iter_rows()) == {
        "000.jpg": 1.0, "001.jpg": pytest.approx(2 / 3), "002.jpg": None,
    }  # fmt: skip
    assert [item.image for item in draw_items(labels, make_sample(0, 1))] == ["001.jpg"]


def test_only_machine_labels_in_force_are_audited(tmp_path: Path) -> None:
    data = flat(tmp_path, 4)
    data = label(data, ["a", "b", "a", None])
    image, digest = data.images.select("image", "sha256").row(1)
    append_labels(data.home, [Label(image, digest, "annotator:bob", True, "b", WHEN)])
    again = pupila.open(tmp_path)
    assert (
        read_machine_labels(again, read_history(data.home), ALL_ROWS)["image"].to_list().count("001.jpg") == 0
    )
    labels = read_machine_labels(again, read_history(data.home), 4)  # as it was before bob
    assert sorted(labels["image"]) == ["000.jpg", "001.jpg", "002.jpg", "003.jpg"]


def test_a_given_label_is_not_a_machine_label(tmp_path: Path) -> None:
    for name in ("a", "b"):
        flat(tmp_path / name, 2)
    data = label(pupila.open(tmp_path), ["b"] * 4)
    labels = read_machine_labels(pupila.open(tmp_path), read_history(data.home), ALL_ROWS)
    assert labels.is_empty()  # even those in b, where the machine agrees with the folder


def test_the_outcome_by_hand(tmp_path: Path) -> None:
    data = flat(tmp_path, 24)
    data = label(data, ["a"] * 12 + ["b"] * 12)
    targets: dict[str, str | None] = {f"{n:03d}.jpg": "a" if n < 12 else "b" for n in range(24)}
    targets |= {"000.jpg": "b", "001.jpg": "b", "002.jpg": "b", "012.jpg": "a", "023.jpg": None}
    answer(data, 24, targets)
    result = report(data)
    drawn, figures = result.random, result.by_class
    assert (result.target, drawn.reviewed, drawn.abstained, drawn.correct) == ("class", 23, 1, 19)
    assert figures is not None and list(figures.classes) == ["a", "b"]
    assert figures.confusion_matrix == [[9, 1], [3, 10]]  # rows: the reviewer
    assert figures.classes["a"].correct == 9 and figures.classes["a"].predicted == 12
    assert figures.classes["a"].actual == 10 and figures.classes["b"].predicted == 11
    low, high = drawn.accuracy.low, drawn.accuracy.high
    assert drawn.accuracy.value == pytest.approx(19 / 23)
    assert low is not None and high is not None and low < 19 / 23 < high
    # All 24 are looked at: with the unsure one wrong 19 of 24 are right, with it right 20.
    assert (drawn.low_if_abstained_wrong, drawn.high_if_abstained_correct) == pytest.approx(
        (19 / 24, 20 / 24)
    )
    assert figures.confusions == [
        Confusion(actual="b", predicted="a", count=3),
        Confusion(actual="a", predicted="b", count=1),
    ]
    assert {item.image for item in result.disagreements} == {"000.jpg", "001.jpg", "002.jpg", "012.jpg"}
    assert read_audit(str(tmp_path / AUDIT_FILE)).report == result
    text = " ".join(sentences(result))
    assert "Label accuracy 0.826 (95 % CI" in text
    assert "3 of 4 errors label 'b' as 'a'" in text
    assert "no pattern" not in text
    page = (tmp_path / AUDIT_PAGE_FILE).read_text()
    assert "label a (confidence 90 %), reviewer b" in page and "http" not in page.replace(
        "http://www.w3.org", ""
    )


def test_the_uncertain_part_does_not_change_the_accuracy(tmp_path: Path) -> None:
    data = flat(tmp_path, 30)
    data = label(data, ["a"] * 30, [0.1 if n < 10 else 0.9 for n in range(30)])
    rows = read_history(data.home).height
    items = draw_items(
        read_machine_labels(data, read_history(data.home), rows), make_sample(12, 6, rows=rows)
    )
    targets = {item.image: "b" if item.part == UNCERTAIN or item == items[0] else "a" for item in items}
    answer(data, 12, targets, uncertain=6)
    result = report(data)
    wrong = sum(item.part == RANDOM and targets[item.image] == "b" for item in items)
    assert result.random.correct == 12 - wrong
    counts = result.uncertain
    assert (counts.items, counts.reviewed, counts.abstained, counts.correct, counts.unlabelled) == (
        6,
        6,
        0,
        0,
        0,
    )


def test_fewer_than_ten_answers_give_no_interval(tmp_path: Path) -> None:
    data = flat(tmp_path, 20)
    data = label(data, ["a"] * 20)
    answer(data, 9, dict.fromkeys(data.images["image"], "a"))
    result = report(data)
    assert result.random.accuracy == Estimate(value=1.0)
    assert result.random.more_to_halve is None
    assert "no confidence interval" in sentences(result)[0]
    assert not any("pattern" in line for line in sentences(result))  # there is no error


def test_one_error_is_no_pattern(tmp_path: Path) -> None:
    data = flat(tmp_path, 20)
    data = label(data, ["a"] * 20)
    answer(data, 20, dict.fromkeys(data.images["image"], "a") | {"000.jpg": "b"})
    assert "These answers show no pattern in the errors." in sentences(report(data))


def test_an_audit_needs_machine_labels(tmp_path: Path) -> None:
    data = flat(tmp_path, 3)
    with pytest.raises(PupilaError, match="There is no audit to report"):
        report(data)
    with pytest.raises(PupilaError, match="There are no machine labels"):
        audit(data, AuditSettings(), "ana", 0, print)


def test_the_files_of_an_audit_are_not_part_of_the_data(tmp_path: Path) -> None:
    data = flat(tmp_path, 12)
    data = label(data, ["a"] * 12)
    answer(data, 12, dict.fromkeys(data.images["image"], "a"))
    report(data)
    again = pupila.open(tmp_path)
    assert len(again) == 12 and again.skipped.is_empty()
    assert "this is exact" in " ".join(sentences(report(again)))


def test_masks_are_audited_as_accepted_or_rejected(tmp_path: Path) -> None:
    write_scenes(tmp_path, 14)
    data = pupila.open(tmp_path)
    data = label(data, data.images["target"].to_list(), [0.5 + n / 30 for n in range(14)], by="roboflow:m")
    rows = read_history(data.home).height
    begin(data, 14, 0)
    items = draw_items(read_machine_labels(data, read_history(data.home), rows), make_sample(14, rows=rows))
    review = Review(items, SegmentReview(), ReviewContext(data.home, "ana", "audit", rows))
    for number, item in enumerate(items):
        review.answer(number, None if item.image == "images/005.png" else int(item.image < "images/003.png"))
    outcome = report(pupila.open(tmp_path))
    drawn = outcome.random
    assert (outcome.target, drawn.reviewed, drawn.correct, drawn.abstained) == ("mask", 13, 10, 1)
    assert {item.label for item in outcome.disagreements} == {f"masks/{n:03d}.png" for n in range(3)}
    assert outcome.by_class is None
    assert (tmp_path / AUDIT_PAGE_FILE).read_text().count("rejected (") == 3
    again = pupila.open(tmp_path)
    assert (
        again.images["target"].null_count() == 4
    )  # rejected and unsure masks are no longer used for training


def test_the_images_of_a_group_count_as_one_for_unseen_groups(tmp_path: Path) -> None:
    data = flat(tmp_path, 12)
    for number in range(6):  # copies, so the groups are pairs
        with Image.open(tmp_path / f"{number:03d}.jpg") as picture:
            picture.save(tmp_path / f"{number + 6:03d}.jpg", quality=80)
    data = label(pupila.open(tmp_path), ["a"] * 12)
    answer(data, 12, dict.fromkeys(data.images["image"], "a"))
    result = report(data)
    assert result.random.groups == 6
    assert result.random.unseen_groups is not None and result.random.unseen_groups.low is None
    assert "6 groups, too few" in " ".join(sentences(result))


def test_a_given_label_that_an_annotator_confirmed_is_not_a_machine_label(tmp_path: Path) -> None:
    data = flat(tmp_path / "a", 2)
    flat(tmp_path / "b", 1)
    data = label(pupila.open(tmp_path), ["a", "a", "b"])
    image, digest = data.images.select("image", "sha256").row(0)
    append_labels(data.home, [Label(image, digest, "annotator:bob", True, "a", WHEN)])
    assert read_machine_labels(pupila.open(tmp_path), read_history(data.home), ALL_ROWS).is_empty()


def run_audit(data: Dataset, **settings: Any) -> Audit:
    """The command with its page, which the reviewer closes at once."""

    def leave(address: str) -> None:
        headers = {"content-type": "application/json", "origin": address.rstrip("/")}
        urlopen(Request(f"{address}finish", b"{}", headers)).close()

    def come(address: str) -> None:
        threading.Thread(target=leave, args=(address,), daemon=True).start()

    return audit(data, AuditSettings(**settings), "ana", 0, come).audit


def test_another_seed_needs_again_and_the_previous_audit_is_saved(tmp_path: Path) -> None:
    data = label(flat(tmp_path, 14), ["a"] * 14)
    answer(data, 12, dict.fromkeys(data.images["image"], "a"))
    first = report(data)
    with pytest.raises(PupilaError, match="another seed"):
        run_audit(data, seed=9)
    assert run_audit(data, seed=0).sample.seed == 0
    fresh = run_audit(data, seed=9, again=True, sample=5)
    assert fresh.report is not None
    assert (fresh.sample.seed, fresh.sample.random, fresh.report.completed) == (9, 5, 0)
    assert run_audit(data).sample.seed == 9  # it resumes
    (previous,) = read_audit(str(tmp_path / AUDIT_FILE)).previous
    assert previous.sample.seed == 0 and previous.report == first
    run_audit(data, again=True)
    written = json.loads((tmp_path / AUDIT_FILE).read_text())
    assert list(written) == ["schema", "sample", "report", "previous"]
    assert [previous["sample"]["seed"] for previous in written["previous"]] == [0, 9]


@pytest.mark.parametrize("settings", [{"again": True}, {"sample": 0}, {"uncertain": 3}, {"seed": 0}])
def test_a_report_draws_no_sample(tmp_path: Path, settings: dict[str, Any]) -> None:
    data = label(flat(tmp_path, 12), ["a"] * 12)
    answer(data, 12, dict.fromkeys(data.images["image"], "a"))
    report(data)
    before = (tmp_path / AUDIT_FILE).read_bytes()
    with pytest.raises(PupilaError, match="--report draws no sample"):
        audit(data, AuditSettings(**settings), "ana", None, print)
    assert (tmp_path / AUDIT_FILE).read_bytes() == before


def test_a_deleted_mask_is_left_out_of_the_page(tmp_path: Path) -> None:
    write_scenes(tmp_path, 6)
    data = pupila.open(tmp_path)
    data = label(data, data.images["target"].to_list(), by="roboflow:m")
    rows = read_history(data.home).height
    begin(data, 6, 0)
    items = draw_items(read_machine_labels(data, read_history(data.home), rows), make_sample(6, rows=rows))
    review = Review(items, SegmentReview(), ReviewContext(data.home, "ana", "audit", rows))
    for number in range(6):
        review.answer(number, 1 if number < 2 else 0)
    (tmp_path / str(items[0].label)).unlink()
    result = report(pupila.open(tmp_path))
    assert result.random.correct == 4
    page = (tmp_path / AUDIT_PAGE_FILE).read_text()
    assert page.count("rejected (") == 1 and "can&#39;t be shown" in page


def test_an_audit_of_an_old_schema_is_refused(tmp_path: Path) -> None:
    data = label(flat(tmp_path, 12), ["a"] * 12)
    (tmp_path / AUDIT_FILE).write_text(json.dumps({"schema": 2, "sample": make_sample(9).model_dump()}))
    with pytest.raises(PupilaError, match="found schema 2; expected schema 3") as refused:
        run_audit(data)
    assert "delete the file and run: pupila label audit DATA" in str(refused.value)


@pytest.mark.parametrize(
    ("content", "actual"),
    [([1, 2], "list"), ({"sample": {}}, "schema 1"), ({"schema": 3, "sample": 5}, "unreadable fields: sample"),
     ({"schema": 3, "sample": make_sample(9).model_dump(), "mood": 1}, "unreadable fields: mood")],
)  # fmt: skip
def test_a_file_that_is_no_audit_is_refused(tmp_path: Path, content: object, actual: str) -> None:
    (tmp_path / AUDIT_FILE).write_text(json.dumps(content))
    with pytest.raises(PupilaError, match=f"found {actual}; expected schema 3"):
        read_audit(str(tmp_path / AUDIT_FILE))


def test_data_without_labels_have_nothing_to_review(tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match="There are no labels to review"):
        review_task(flat(tmp_path, 2))


@pytest.mark.parametrize("target", sorted(REVIEW_TASKS))
def test_the_answers_of_every_task_are_distinct_and_described(target: Target, tmp_path: Path) -> None:
    data = flat(tmp_path, 1)
    labels = {"classes": ['{"a": 1}', '{"b": 1}']}.get(target, ["a", "b"])
    task = REVIEW_TASKS[target].of(data, [*labels, None], ["c"])
    item = ReviewItem(0, "000.jpg", data.images["sha256"][0], RANDOM, labels[0])
    every: list[Choice] = [[1, -1, -1], [-1, 0, 1]] if task.states() else list(range(len(task.choices)))
    assert all(task.accepts(choice) for choice in every)
    assert not any(task.accepts(choice) for choice in (-1, len(task.choices), [1], [2, 0, 0]))
    answers = [task.read_choice(item, choice) for choice in every]
    assert len(set(answers)) == len(answers) >= 2 and task.target == target
    assert all((answer is None) == rejected for answer, rejected in answers)
    assert any(answer == item.label for answer, _ in answers)
    assert task.instruction and all(task.describe(answer) for answer, _ in answers if answer is not None)
