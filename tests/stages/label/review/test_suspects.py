"""Suspects: what a run's answers speak against, how a person's answers are written down, and what follows from them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import pupila
from pupila.artifacts.dataset.labels import history
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import fitting_split
from pupila.artifacts.run.out_of_fold import read_kept
from pupila.core.errors import PupilaError
from pupila.imaging.masks.codec import as_png
from pupila.stages.label.review.session import Review, Whose
from pupila.stages.label.review.suspects import (
    Suspected,
    _note,
    _questions,
    estimated,
    ranked,
    review_suspects,
    sentences,
    suspects,
)
from tests.pictures import scene, write_classes, write_scenes

CLASSES = ("cow", "dog")


def run_that_answers(folder: Path, data: Dataset, sure: Any) -> str:
    """A run whose probability of the first class of each row is told."""
    second = np.log((1 - sure) / sure)
    folder.mkdir()
    data.images.select("image", "sha256", "target").with_columns(
        pl.Series("logit:cow", np.zeros(len(data))), pl.Series("logit:dog", second)
    ).write_parquet(folder / "oof.parquet")
    return str(folder)


def mislabelled(folder: Path, wrong: tuple[str, ...]) -> tuple[Dataset, Any]:
    """30 cows and 30 dogs as a run sees them, with some photos in the other's folder."""
    write_classes(folder, dict.fromkeys(CLASSES, 30))
    data = pupila.open(folder)
    truth = data.images["target"].to_list()
    sure = np.where(np.array(truth) == "cow", 0.95, 0.05) + np.linspace(-0.03, 0.03, 60)
    for name in wrong:
        image = folder / name
        other = CLASSES[1 - CLASSES.index(image.parent.name)]
        image.rename(folder / other / f"x{image.name}")
    sure_of = dict(zip(data.images["sha256"], sure.tolist(), strict=True))
    again = pupila.open(folder)
    return again, np.array([sure_of[digest] for digest in again.images["sha256"]])


def ask_all(data: Dataset, run: str, choice: dict[str, str]) -> Suspected:
    """A person answers all that are suspected; by the path of the picture."""
    found = review_suspects(data, run, 50, "ana", None)
    rows = {digest: row for row, digest in enumerate(data.images["sha256"])}
    since = json.loads(Path(found.file).read_text())["rows"]
    review = Review(
        _questions(found.ranking.suspects, rows), list(CLASSES), Whose(data.home, "ana", "suspect", since),
        lambda question, label: _note(found.patch, question, label),
    )  # fmt: skip
    while (number := review.current) is not None:
        review.answer(number, CLASSES.index(choice[review.questions[number].image]))
    return review_suspects(pupila.open(data.root), run, 50, "ana", None)


def test_planted_errors_are_found_and_nothing_else(tmp_path: Path) -> None:
    data, sure = mislabelled(tmp_path / "data", ("cow/003.jpg", "cow/011.jpg", "dog/020.jpg"))
    run = run_that_answers(tmp_path / "run", data, sure)
    ranking = suspects(data, read_kept(run, data), frozenset())
    found = ranking.suspects
    assert (ranking.judged, ranking.estimated) == (60, 3)
    assert {one.image for one in found} == {"dog/x003.jpg", "dog/x011.jpg", "cow/x020.jpg"}
    assert all(one.answer != one.label and one.sure < 0.1 for one in found)
    assert [one.sure for one in found] == sorted(one.sure for one in found)
    rest = suspects(data, read_kept(run, data), frozenset(one.sha256 for one in found[:2]))
    assert rest.judged == 58 and rest.suspects == found[2:]


def test_the_ranking_of_made_up_answers_has_known_precision_and_recall() -> None:
    rng, n = np.random.default_rng(5), 400
    truth = rng.integers(0, 3, n)
    raw = rng.dirichlet(np.ones(3), n) + 2.5 * np.eye(3)[truth]
    flipped = rng.choice(n, 20, replace=False)
    given = truth.copy()
    given[flipped] = (truth[flipped] + 1) % 3
    order = ranked(given, raw / raw.sum(axis=1, keepdims=True))
    first = set(order[:20]) & set(flipped.tolist())
    print(f"suspects: {len(first)} of 20 planted errors among the first 20 of {len(order)} suspected")
    # A true label has at least 2.5 / 3.5 of the probability, a false one at most 1 / 3.5: all are found, and first.
    assert len(first) == len(order) == 20
    assert 10 <= estimated(given, raw / raw.sum(axis=1, keepdims=True)) <= 30
    assert estimated(np.zeros(5, int), np.full((5, 2), 0.5)) == 0  # one class alone


def test_confirmed_and_mended_go_into_history_and_patch(tmp_path: Path) -> None:
    data, sure = mislabelled(tmp_path / "data", ("cow/003.jpg", "dog/020.jpg"))
    run = run_that_answers(tmp_path / "run", data, sure)
    split = pupila.split(data)
    done = ask_all(data, run, {"dog/x003.jpg": "cow", "cow/x020.jpg": "cow"})
    assert done.counts() == {"answered": 2, "confirmed": 1, "mended": 1, "unsure": 0}
    lines = [json.loads(line) for line in Path(done.patch).read_text().splitlines()]
    assert {(line["image"], line["before"], line["after"], line["by"]) for line in lines} == {
        ("dog/x003.jpg", "dog", "cow", "person:ana"),
        ("cow/x020.jpg", "cow", "cow", "person:ana"),
    }
    assert all(line["sha256"] and line["time"] for line in lines)
    mended = pupila.open(tmp_path / "data")
    assert dict(mended.images.select("image", "target").iter_rows())["dog/x003.jpg"] == "cow"
    kept = fitting_split(mended, mended.home)
    assert kept is not None and kept.hash == split.hash  # only labels changed
    told = " ".join(sentences(done, "runs/old"))
    assert "2 of 60" in told and "1 were wrong, 1 right" in told and "--against runs/old" in told
    assert mended.set_aside.is_empty() and history(mended.home)["note"].to_list() == ["suspect"] * 2


def test_a_ranking_that_was_begun_goes_on_and_a_new_run_ranks_anew(tmp_path: Path) -> None:
    data, sure = mislabelled(tmp_path / "data", ("cow/003.jpg", "dog/020.jpg"))
    run = run_that_answers(tmp_path / "run", data, sure)
    first = ask_all(data, run, {"dog/x003.jpg": "cow", "cow/x020.jpg": "cow"})
    again = review_suspects(pupila.open(tmp_path / "data"), run, 50, "ana", None)
    assert (again.ranking.suspects, again.counts()) == (first.ranking.suspects, first.counts())
    other = run_that_answers(tmp_path / "other", pupila.open(tmp_path / "data"), sure * 0.99)
    fresh = review_suspects(pupila.open(tmp_path / "data"), other, 50, "ana", None)
    assert (
        fresh.ranking.judged == 58 and not fresh.ranking.suspects
    )  # what a person answered is suspected no more
    assert sentences(fresh, other) == ["The run's answers speak against none of 58 labels."]


def test_the_order_of_the_questions_does_not_tell_the_rank(tmp_path: Path) -> None:
    data, sure = mislabelled(tmp_path / "data", tuple(f"cow/{n:03d}.jpg" for n in range(8)))
    found = review_suspects(data, run_that_answers(tmp_path / "run", data, sure), 5, "ana", None)
    assert (len(found.ranking.suspects), found.asked) == (8, 5)
    rows = {digest: row for row, digest in enumerate(data.images["sha256"])}
    asked = [one.sha256 for one in _questions(found.ranking.suspects, rows)]
    assert sorted(asked) == sorted(one.sha256 for one in found.ranking.suspects)
    assert asked != [one.sha256 for one in found.ranking.suspects]


def test_masks_far_below_the_usual_agreement_are_suspected(tmp_path: Path) -> None:
    write_scenes(tmp_path / "data", 8)
    data = pupila.open(tmp_path / "data")
    answers = [scene(number)[1] for number in range(8)]
    answers[3] = 1 - answers[3]
    run = tmp_path / "run"
    run.mkdir()
    data.images.select("image", "sha256", "target").with_columns(
        mask=pl.Series([as_png(mask, 2) for mask in answers])
    ).write_parquet(run / "oof.parquet")
    found = review_suspects(data, str(run), 50, "ana", None)
    assert [(one.image, one.sure) for one in found.ranking.suspects] == [("images/003.png", 0.0)]
    assert found.ranking.suspects[0].label == "masks/003.png"


def test_a_run_of_other_data_is_refused(tmp_path: Path) -> None:
    data, sure = mislabelled(tmp_path / "data", ())
    with pytest.raises(PupilaError, match="No run with answers"):
        review_suspects(data, str(tmp_path), 50, "ana", None)
    run = run_that_answers(tmp_path / "run", data, sure)
    pl.read_parquet(f"{run}/oof.parquet").drop("logit:dog").write_parquet(f"{run}/oof.parquet")
    with pytest.raises(PupilaError, match="answered something else"):
        review_suspects(data, run, 50, "ana", None)
    write_classes(tmp_path / "others", dict.fromkeys(CLASSES, 3), seed=9)
    with pytest.raises(PupilaError, match="answered none of these images"):
        review_suspects(pupila.open(tmp_path / "others"), run, 50, "ana", None)


def test_equal_files_are_one_question(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "data", dict.fromkeys(CLASSES, 12))
    (folder / "dog" / "x.jpg").write_bytes((folder / "cow" / "003.jpg").read_bytes())
    (folder / "dog" / "y.jpg").write_bytes((folder / "cow" / "003.jpg").read_bytes())
    (folder / "cow" / "003.jpg").unlink()
    data = pupila.open(folder)
    cow = ["cow" in image or image in ("dog/x.jpg", "dog/y.jpg") for image in data.images["image"]]
    run = run_that_answers(tmp_path / "run", data, np.where(cow, 0.95, 0.05))
    done = ask_all(data, run, {"dog/x.jpg": "cow", "dog/y.jpg": "cow"})
    assert (len(done.ranking.suspects), done.asked, done.counts()["answered"]) == (1, 1, 1)
    assert "are left" not in " ".join(sentences(done, run))
    assert set(pupila.open(folder).images.filter(pl.col("image").str.contains("[xy].jpg"))["target"]) == {
        "cow"
    }


def test_one_class_alone_can_be_suspected(tmp_path: Path) -> None:
    data, sure = mislabelled(tmp_path / "data", ("cow/003.jpg",))
    kept = read_kept(run_that_answers(tmp_path / "run", data, sure), data)
    cows = frozenset(data.images.filter(pl.col("target") == "cow")["sha256"])
    found = suspects(data, kept, cows)
    assert (found.judged, found.estimated) == (31, 0)
    assert [one.image for one in found.suspects] == ["dog/x003.jpg"]
