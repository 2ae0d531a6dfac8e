"""The review of several labels: what counts as correct, figures per class, the ranking, and the answers of the page."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from starlette.testclient import TestClient

import pupila
from pupila.artifacts.dataset.labelling.history import read_settled_history
from pupila.artifacts.dataset.labels import read_history
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.audit import LabelError
from pupila.artifacts.run.folder import read_run
from pupila.artifacts.run.out_of_fold import read_out_of_fold
from pupila.artifacts.web.local import HOST, LocalOnly
from pupila.stages.label.review.app import make_review_app
from pupila.stages.label.review.audit import AuditSettings, audit
from pupila.stages.label.review.audit_page import audit_page, sentences
from pupila.stages.label.review.multilabel import LabelsReview, estimate_wrong_classes, rank_by_least_quality
from pupila.stages.label.review.ranking import rank_suspects
from pupila.stages.label.review.review_task import Answer
from pupila.stages.label.review.sample import RANDOM, ReviewItem, draw_items, read_machine_labels
from pupila.stages.label.review.session import Review, ReviewContext
from pupila.stages.label.review.suspects import review_suspects
from pupila.stages.label.studio.export import ExportOptions, export_tasks
from pupila.tasks.label_text import write_labels
from tests.several_labels import write_several_labels
from tests.stages.label.review.reviews import flat, label
from tests.stages.label.review.test_audit import ALL_ROWS, begin, make_sample

ADDRESS = f"http://{HOST}:8000"
AB = LabelsReview(["a", "b"])


def text(a: bool | None = None, b: bool | None = None) -> str:
    return write_labels({name: value for name, value in (("a", a), ("b", b)) if value is not None})


@pytest.mark.parametrize(
    ("machine", "reviewer", "answered", "correct"),
    [
        (text(True, False), text(True, False), True, True),
        (text(True, False), text(True, True), True, False),
        (text(True), text(True, True), True, True),  # b is unknown to the machine
        (text(True, False), text(True), True, True),  # b is unknown to the reviewer
        (text(True), text(b=True), False, True),  # no class that both know
        (text(True), None, False, False),  # unsure
    ],
)
def test_only_classes_that_both_know_count(
    machine: str, reviewer: str | None, answered: bool, correct: bool
) -> None:
    item = ReviewItem(0, "0.jpg", "0", RANDOM, machine)
    answers = {"0": Answer(reviewer)}
    assert AB.has_answer(item, answers) is answered
    assert AB.is_correct(item, answers) is correct


def audited(folder: Path) -> tuple[Dataset, Any]:
    """12 images whose machine labels are all {a: 1, b: 0}: on 3 of them the reviewer sees b, on one no a."""
    data = label(flat(folder, 12), [text(True, False)] * 12)
    begin(data, 12, 0)
    rows = read_history(data.home).height
    items = draw_items(read_machine_labels(data, read_history(data.home), rows), make_sample(12, rows=rows))
    review = Review(items, AB, ReviewContext(data.home, "ana", "audit", rows))
    marks = {0: [1, 1], 1: [1, 1], 2: [1, 1], 3: [0, -1]}
    while (number := review.current) is not None:
        review.answer(number, marks.get(number, [1, 0]))
    data = pupila.open(folder)
    return data, audit(data, AuditSettings(), "ana", None, print)


def test_an_audit_by_hand(tmp_path: Path) -> None:
    data, result = audited(tmp_path)
    report = result.report
    assert (report.target, report.random.correct, report.random.reviewed) == ("classes", 8, 12)
    a, b = report.by_class.classes["a"], report.by_class.classes["b"]
    assert (a.labels, a.predicted, a.actual, a.correct) == (12, 12, 11, 11)
    assert a.precision.value == pytest.approx(11 / 12) and a.recall.value == 1.0
    assert (b.labels, b.predicted, b.actual, b.correct) == (0, 0, 3, 0)
    assert b.precision.value is None and b.recall.value == 0  # nothing was labelled b: not measurable
    assert report.by_class.confusion_matrix == [] and report.by_class.confusions == []
    assert report.by_class.label_errors == [
        LabelError(name="b", labelled=False, count=3), LabelError(name="a", labelled=True, count=1),
    ]  # fmt: skip
    lines = sentences(report)
    assert "correct if they agree with the reviewer in every class that both know." in "\n".join(lines)
    assert "3 of 4 errors miss 'b'; describe it in the prompt." in lines
    page = audit_page(report, data, AB)
    captions = [image.caption for _, images in page.sections[-1].galleries for image in images]
    assert "label [a] (confidence 90 %), reviewer [a, b]" in captions
    assert "label [a] (confidence 90 %), reviewer [none of the classes; unknown: b]" in captions


def test_the_answers_are_the_labels_in_force(tmp_path: Path) -> None:
    data, _ = audited(tmp_path)
    assert sorted(data.images["target"].to_list()) == sorted(
        [*[text(True, True)] * 3, text(False), *[text(True, False)] * 8]
    )


def test_classes_of_data_labels_and_user_are_offered(tmp_path: Path) -> None:
    data = label(flat(tmp_path, 2), [text(True), text(False)])
    assert LabelsReview.of(data, [text(b=True), None], ["c"]).choices == ["a", "b", "c"]


def test_the_page_takes_a_state_for_every_class(tmp_path: Path) -> None:
    data = label(flat(tmp_path, 5), [text(True, False)] * 5)
    items = draw_items(read_machine_labels(data, read_history(data.home), ALL_ROWS), make_sample(5, rows=5))
    app = make_review_app(
        Review(items, AB, ReviewContext(data.home, "ana", "audit", 5)), data, "Audit", lambda: None
    )
    app.add_middleware(LocalOnly)
    web = TestClient(app, base_url=ADDRESS, headers={"origin": ADDRESS})
    for refused in (0, [1], [1, 2], [1, 0, 0], []):
        assert web.post("/answer", json={"number": 0, "choice": refused}).status_code == 422
    shown = [
        web.post("/answer", json={"number": number, "choice": choice}).json()["last"]
        for number, choice in enumerate(([1, 1], [1, -1], [0, 0], [-1, -1], None))
    ]
    assert shown == ["a, b", "a; unknown: b", "none of the classes", "unsure", "unsure"]
    assert web.post("/undo", json={}).json()["answered"] == 4
    rows = read_history(data.home).filter(pl.col("annotator"))
    assert rows["target"].to_list() == [text(True, True), text(True), text(False, False), None, None, None]
    assert rows["note"][-1] == "audit: retracted"


def test_the_ranking_by_hand() -> None:
    given = np.array([[1, 0], [1, -1], [0, 1], [-1, -1], [1, 1]], dtype=np.int8)
    probabilities = np.array([[0.9, 0.2], [0.3, 0.9], [0.1, 0.05], [0.9, 0.9], [0.45, 0.4]])
    # Contradicted: the first class of 1 (0.3), the second of 2 (0.05), both of 4 (0.4 is the least).
    assert rank_by_least_quality(given, probabilities) == [2, 1, 4]
    assert rank_by_least_quality(given[:0], probabilities[:0]) == []


def test_wrong_classes_are_estimated_for_each_class_and_unknown_ones_do_not_count() -> None:
    rng = np.random.default_rng(3)
    present = rng.random((400, 2)) < 0.4
    probabilities = np.clip(np.where(present, 0.9, 0.1) + rng.normal(0, 0.05, (400, 2)), 0.01, 0.99)
    given = present.astype(np.int8)
    flipped = rng.choice(400, 20, replace=False)
    given[flipped, 0] = 1 - given[flipped, 0]
    estimate = estimate_wrong_classes(given, probabilities)
    assert 12 <= estimate <= 28
    given[:, 0] = -1
    assert estimate_wrong_classes(given, probabilities) <= 2
    assert estimate_wrong_classes(np.full((3, 2), -1, np.int8), probabilities[:3]) == 0


def test_exactly_the_planted_errors_are_suspected_and_their_classes_named(tmp_path: Path) -> None:
    folder = write_several_labels(tmp_path / "data", count=80, unknown=0.1, product=1)
    data = pupila.open(folder)
    labels = data.label_matrix.copy()
    columns = data.classes
    lines = (folder / "labels.csv").read_text().splitlines()
    header = lines[0].split(",")
    planted = {}
    for row in (3, 17, 40):
        name = next(each for each in columns if labels[row, columns.index(each)] >= 0)
        cells = lines[row + 1].split(",")
        cells[header.index(name)] = str(1 - labels[row, columns.index(name)])
        lines[row + 1] = ",".join(cells)
        planted[cells[0]] = name
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    data = pupila.open(folder)
    rng = np.random.default_rng(0)
    # A loss that shifts all logits up: without calibration most absent classes would be contradicted.
    logits = np.where(labels == 1, 3.0, -3.0) + rng.normal(0, 0.3, labels.shape) + 4.0
    run = tmp_path / "run"
    run.mkdir()
    data.images.select("image", "sha256", "target").with_columns(
        pl.Series("labels", ["[]"] * len(data)),
        *(pl.Series(f"logit:{name}", logits[:, number]) for number, name in enumerate(columns)),
    ).write_parquet(run / "oof.parquet")
    ranking = rank_suspects(data, read_out_of_fold(read_run(str(run)), data), frozenset())
    assert {suspect.image: suspect.classes for suspect in ranking.suspects} == {
        image: [name] for image, name in planted.items()
    }
    assert ranking.checked == 80 and ranking.estimated_errors is not None and ranking.estimated_errors <= 6
    result = review_suspects(data, str(run), 50, "ana", None)
    assert result.counts() == {"answered": 0, "confirmed": 0, "corrected": 0, "unsure": 0}
    assert (Path(data.home) / "suspects.json").exists()


def test_a_history_of_single_classes_is_read_as_several_labels(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    label(flat(folder, 12), ["a", "b"] * 6)  # before anyone thought of several labels
    data = pupila.open(folder, task="multilabel")
    begin(data, 12, 0)
    items = draw_items(read_machine_labels(data, read_settled_history(data), 12), make_sample(12, rows=12))
    review = Review(items, AB, ReviewContext(data.home, "ana", "audit", 12))
    while (number := review.current) is not None:
        review.answer(number, [1, 0])
    data = pupila.open(folder, task="multilabel")
    result = audit(data, AuditSettings(), "ana", None, print).report
    # {"a": 1} agrees with the answer, {"b": 1} does not.
    assert (result.target, result.random.correct, result.random.reviewed) == ("classes", 6, 12)
    assert export_tasks(data, str(tmp_path / "out.json"), ExportOptions()).predictions == 12
