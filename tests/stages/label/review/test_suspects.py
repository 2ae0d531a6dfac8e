"""Suspected label errors: their ranking, their review, and the files with the results."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import pupila
from pupila.artifacts.dataset.labels import read_history
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import find_matching_split
from pupila.artifacts.run.folder import read_run
from pupila.artifacts.run.out_of_fold import read_out_of_fold
from pupila.core.errors import PupilaError
from pupila.core.vocabulary import SUSPECTS_FILE
from pupila.imaging.masks.codec import encode_png
from pupila.stages.label.review.classify import ClassifyReview, rank_by_self_confidence
from pupila.stages.label.review.label_errors import estimate_label_errors
from pupila.stages.label.review.ranking import rank_suspects
from pupila.stages.label.review.session import Review, ReviewContext
from pupila.stages.label.review.suspects import (
    SuspectReview,
    _append_patch,
    _shuffle_items,
    review_suspects,
    sentences,
)
from tests.pictures import scene, write_classes, write_scenes

CLASSES = ("cow", "dog")


def run_that_answers(folder: Path, data: Dataset, probability: Any) -> str:
    """A run with a given probability of the first class for each row."""
    second = np.log((1 - probability) / probability)
    folder.mkdir()
    data.images.select("image", "sha256", "target").with_columns(
        pl.Series("prediction", [CLASSES[int(share < 0.5)] for share in probability], dtype=pl.String),
        pl.Series("logit:cow", np.zeros(len(data))),
        pl.Series("logit:dog", second),
    ).write_parquet(folder / "oof.parquet")
    return str(folder)


def mislabelled(folder: Path, wrong: tuple[str, ...]) -> tuple[Dataset, Any]:
    """30 cows and 30 dogs as a run sees them, with some photos in the other's folder."""
    write_classes(folder, dict.fromkeys(CLASSES, 30))
    data = pupila.open(folder)
    targets = data.images["target"].to_list()
    probability = np.where(np.array(targets) == "cow", 0.95, 0.05) + np.linspace(-0.03, 0.03, 60)
    for name in wrong:
        image = folder / name
        other = CLASSES[1 - CLASSES.index(image.parent.name)]
        image.rename(folder / other / f"x{image.name}")
    probability_by_digest = dict(zip(data.images["sha256"], probability.tolist(), strict=True))
    again = pupila.open(folder)
    return again, np.array([probability_by_digest[digest] for digest in again.images["sha256"]])


def ask_all(data: Dataset, run: str, choice: dict[str, str]) -> SuspectReview:
    """Answer all suspects, by the path of the image."""
    ranked = review_suspects(data, run, 50, "ana", None)
    rows = {digest: row for row, digest in enumerate(data.images["sha256"])}
    since = json.loads(Path(ranked.file).read_text())["history_rows"]
    review = Review(
        _shuffle_items(ranked.ranking.suspects, rows), ClassifyReview(CLASSES),
        ReviewContext(data.home, "ana", "suspect", since),
        lambda item, label: _append_patch(ranked.patch, item, label),
    )  # fmt: skip
    while (number := review.current) is not None:
        review.answer(number, CLASSES.index(choice[review.items[number].image]))
    return review_suspects(pupila.open(data.root), run, 50, "ana", None)


def test_exactly_the_planted_errors_are_suspected(tmp_path: Path) -> None:
    data, probability = mislabelled(tmp_path / "data", ("cow/003.jpg", "cow/011.jpg", "dog/020.jpg"))
    run = run_that_answers(tmp_path / "run", data, probability)
    ranking = rank_suspects(data, read_out_of_fold(read_run(run), data), frozenset())
    ranked = ranking.suspects
    assert (ranking.checked, ranking.estimated_errors) == (60, 3)
    assert {suspect.image for suspect in ranked} == {"dog/x003.jpg", "dog/x011.jpg", "cow/x020.jpg"}
    assert all(suspect.prediction != suspect.label and suspect.label_quality < 0.1 for suspect in ranked)
    assert [suspect.label_quality for suspect in ranked] == sorted(
        suspect.label_quality for suspect in ranked
    )
    rest = rank_suspects(
        data, read_out_of_fold(read_run(run), data), frozenset(suspect.sha256 for suspect in ranked[:2])
    )
    assert rest.checked == 58 and rest.suspects == ranked[2:]


def test_the_ranking_of_simulated_predictions_has_known_precision_and_recall() -> None:
    rng, n = np.random.default_rng(5), 400
    targets = rng.integers(0, 3, n)
    raw = rng.dirichlet(np.ones(3), n) + 2.5 * np.eye(3)[targets]
    flipped = rng.choice(n, 20, replace=False)
    given = targets.copy()
    given[flipped] = (targets[flipped] + 1) % 3
    order = rank_by_self_confidence(given, raw / raw.sum(axis=1, keepdims=True))
    first = set(order[:20]) & set(flipped.tolist())
    print(f"suspects: {len(first)} of 20 planted errors among the first 20 of {len(order)} suspected")
    # A true label has at least 2.5 / 3.5 of the probability, a false one at most 1 / 3.5: all are found, and first.
    assert len(first) == len(order) == 20
    assert 10 <= estimate_label_errors(given, raw / raw.sum(axis=1, keepdims=True)) <= 30
    assert estimate_label_errors(np.zeros(5, int), np.full((5, 2), 0.5)) == 0  # one class alone


def test_confirmed_and_corrected_labels_go_into_history_and_patch(tmp_path: Path) -> None:
    data, probability = mislabelled(tmp_path / "data", ("cow/003.jpg", "dog/020.jpg"))
    run = run_that_answers(tmp_path / "run", data, probability)
    split = pupila.split(data)
    review = ask_all(data, run, {"dog/x003.jpg": "cow", "cow/x020.jpg": "cow"})
    assert review.counts() == {"answered": 2, "confirmed": 1, "corrected": 1, "unsure": 0}
    lines = [json.loads(line) for line in Path(review.patch).read_text().splitlines()]
    assert {(line["image"], line["before"], line["after"], line["annotator"]) for line in lines} == {
        ("dog/x003.jpg", "dog", "cow", "annotator:ana"),
        ("cow/x020.jpg", "cow", "cow", "annotator:ana"),
    }
    assert all(line["sha256"] and line["time"] for line in lines)
    corrected = pupila.open(tmp_path / "data")
    assert dict(corrected.images.select("image", "target").iter_rows())["dog/x003.jpg"] == "cow"
    split_after = find_matching_split(corrected, corrected.home)
    assert split_after is not None and split_after.hash == split.hash  # only labels changed
    text = " ".join(sentences(review, "runs/old"))
    assert "2 of 60" in text and "1 corrected, 1 confirmed" in text and "--against runs/old" in text
    assert corrected.skipped.is_empty() and read_history(corrected.home)["note"].to_list() == ["suspect"] * 2


def test_a_review_resumes_and_another_run_gets_a_new_ranking(tmp_path: Path) -> None:
    data, probability = mislabelled(tmp_path / "data", ("cow/003.jpg", "dog/020.jpg"))
    run = run_that_answers(tmp_path / "run", data, probability)
    first = ask_all(data, run, {"dog/x003.jpg": "cow", "cow/x020.jpg": "cow"})
    again = review_suspects(pupila.open(tmp_path / "data"), run, 50, "ana", None)
    assert (again.ranking.suspects, again.counts()) == (first.ranking.suspects, first.counts())
    other = run_that_answers(tmp_path / "other", pupila.open(tmp_path / "data"), probability * 0.99)
    fresh = review_suspects(pupila.open(tmp_path / "data"), other, 50, "ana", None)
    assert (
        fresh.ranking.checked == 58 and not fresh.ranking.suspects
    )  # what a person answered is suspected no more
    assert sentences(fresh, other) == ["The predictions of the run contradict none of 58 labels."]


def test_the_order_of_the_questions_does_not_reveal_the_rank(tmp_path: Path) -> None:
    data, probability = mislabelled(tmp_path / "data", tuple(f"cow/{n:03d}.jpg" for n in range(8)))
    review = review_suspects(data, run_that_answers(tmp_path / "run", data, probability), 5, "ana", None)
    assert (len(review.ranking.suspects), review.selected) == (8, 5)
    rows = {digest: row for row, digest in enumerate(data.images["sha256"])}
    items = [suspect.sha256 for suspect in _shuffle_items(review.ranking.suspects, rows)]
    assert sorted(items) == sorted(suspect.sha256 for suspect in review.ranking.suspects)
    assert items != [suspect.sha256 for suspect in review.ranking.suspects]


def test_masks_far_below_the_median_iou_are_suspected(tmp_path: Path) -> None:
    write_scenes(tmp_path / "data", 8)
    data = pupila.open(tmp_path / "data")
    answers = [scene(number)[1] for number in range(8)]
    answers[3] = 1 - answers[3]
    run = tmp_path / "run"
    run.mkdir()
    data.images.select("image", "sha256", "target").with_columns(
        mask=pl.Series([encode_png(mask) for mask in answers])
    ).write_parquet(run / "oof.parquet")
    review = review_suspects(data, str(run), 50, "ana", None)
    assert [(suspect.image, suspect.label_quality) for suspect in review.ranking.suspects] == [
        ("images/003.png", 0.0)
    ]
    assert review.ranking.suspects[0].label == "masks/003.png"


def test_a_run_of_other_data_is_refused(tmp_path: Path) -> None:
    data, probability = mislabelled(tmp_path / "data", ())
    with pytest.raises(PupilaError, match="No run in"):
        review_suspects(data, str(tmp_path), 50, "ana", None)
    run = run_that_answers(tmp_path / "run", data, probability)
    pl.read_parquet(f"{run}/oof.parquet").drop("logit:dog").write_parquet(f"{run}/oof.parquet")
    with pytest.raises(PupilaError, match="predicts other targets"):
        review_suspects(data, run, 50, "ana", None)
    write_classes(tmp_path / "others", dict.fromkeys(CLASSES, 3), seed=9)
    with pytest.raises(PupilaError, match="no predictions for these images"):
        review_suspects(pupila.open(tmp_path / "others"), run, 50, "ana", None)


def test_duplicate_files_are_one_question(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "data", dict.fromkeys(CLASSES, 12))
    (folder / "dog" / "x.jpg").write_bytes((folder / "cow" / "003.jpg").read_bytes())
    (folder / "dog" / "y.jpg").write_bytes((folder / "cow" / "003.jpg").read_bytes())
    (folder / "cow" / "003.jpg").unlink()
    data = pupila.open(folder)
    cow = ["cow" in image or image in ("dog/x.jpg", "dog/y.jpg") for image in data.images["image"]]
    run = run_that_answers(tmp_path / "run", data, np.where(cow, 0.95, 0.05))
    review = ask_all(data, run, {"dog/x.jpg": "cow", "dog/y.jpg": "cow"})
    assert (len(review.ranking.suspects), review.selected, review.counts()["answered"]) == (1, 1, 1)
    assert "left to review" not in " ".join(sentences(review, run))
    assert set(pupila.open(folder).images.filter(pl.col("image").str.contains("[xy].jpg"))["target"]) == {
        "cow"
    }


def test_suspects_of_a_single_class_are_found(tmp_path: Path) -> None:
    data, probability = mislabelled(tmp_path / "data", ("cow/003.jpg",))
    predictions = read_out_of_fold(read_run(run_that_answers(tmp_path / "run", data, probability)), data)
    cows = frozenset(data.images.filter(pl.col("target") == "cow")["sha256"])
    ranking = rank_suspects(data, predictions, cows)
    assert (ranking.checked, ranking.estimated_errors) == (31, 0)
    assert [suspect.image for suspect in ranking.suspects] == ["dog/x003.jpg"]


def test_suspects_of_an_old_schema_are_refused(tmp_path: Path) -> None:
    data, probability = mislabelled(tmp_path / "data", ("cow/003.jpg",))
    run = run_that_answers(tmp_path / "run", data, probability)
    old = {"schema": 1, "run": run, "answers": "0", "rows": 0, "suspects": []}
    (tmp_path / "data" / SUSPECTS_FILE).write_text(json.dumps(old))
    with pytest.raises(PupilaError, match="found schema 1; expected schema 2") as refused:
        review_suspects(data, run, 50, "ana", None)
    assert f"delete the file and run: pupila label suspects DATA --with {run}" in str(refused.value)
