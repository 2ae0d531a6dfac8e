"""Judging tables of foreign answers from end to end: what is said, what is counted, what is refused."""

import json
import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import pytest

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.dataset.test_access import openings
from pupila.core.errors import PupilaError
from pupila.core.vocabulary import OPENINGS_FILE
from pupila.stages.evaluate.sentences import sentences
from pupila.statistics.intervals import wilson_interval
from tests.pictures import write_classes

Rows = list[dict[str, str]]
Table = Callable[[str, Rows], Path]
WRONG = {"cat": "dog", "dog": "cat", "a": "b", "b": "c", "c": "a"}


def split_data(folder: Path, counts: dict[str, int]) -> Dataset:
    with pytest.MonkeyPatch.context() as patch:  # the shared cache comes with each test, later than this
        patch.setenv("PUPILA_CACHE", str(folder / "cache"))
        data = pupila.open(write_classes(folder / "data", counts))
        pupila.split(data, val=0.2, test=0.5)
    return data


@pytest.fixture(scope="module")
def split_pets(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """32 photos, 16 of them in the test split; cat/000.jpg and dog/000.jpg bear one name."""
    return split_data(tmp_path_factory.mktemp("pets"), {"cat": 12, "dog": 20})


@pytest.fixture
def pets(split_pets: Dataset) -> Iterator[Dataset]:
    """The pets, whose test split nobody has opened."""
    seal = Path(split_pets.home) / OPENINGS_FILE
    seal.unlink(missing_ok=True)
    yield split_pets
    seal.unlink(missing_ok=True)


def sealed(data: Dataset, split: str = "test") -> list[str]:
    splits = SplitFile.read(data.home)
    assert splits is not None
    return [row.image for row in splits.of(split)]


def answers(data: Dataset, wrong: Collection[str] = (), sure: bool = True) -> Rows:
    """A row for each image; answers to the named ones are wrong, and less sure."""
    rows = []
    for image in data.images["image"]:
        truth = image.partition("/")[0]
        row = {"image": image, "prediction": WRONG[truth] if image in wrong else truth}
        if sure:
            chance = 0.6 if image in wrong else 0.9
            rest = (1 - chance) / (len(data.classes) - 1)
            row |= {f"p:{name}": str(chance if name == row["prediction"] else rest) for name in data.classes}
        rows.append(row)
    return rows


@pytest.fixture
def table(tmp_path: Path) -> Table:
    """Writes rows as a CSV and gives its path."""

    def write(name: str, rows: Rows) -> Path:
        lines = [",".join(rows[0])] + [",".join(row.values()) for row in rows]
        path = tmp_path / f"{name}.csv"
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


def test_the_report_stands_alone_and_starts_with_the_verdict(pets: Dataset, table: Table) -> None:
    wrong = sealed(pets)[:2]
    done = pupila.evaluate(table("theirs", answers(pets, wrong)), pets)
    told = sentences(done.evaluation)
    assert told[0].startswith("theirs.csv: 14 of 16 test images right, macro F1 ")
    assert told[0].endswith("too few groups for an interval (cat has 6): use folds.")
    page = Path(done.report).read_text()
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", page)
    assert "<script" not in page
    assert "<link" not in page
    assert page.partition("<p>")[2].startswith(told[0])
    assert page.count("<figure>") == 2  # the two mistakes
    assert json.loads(Path(done.report_json).read_text()) == json.loads(json.dumps(done.evaluation))


def test_what_is_judged_is_what_was_answered(pets: Dataset, table: Table) -> None:
    wrong = sealed(pets)[:3]
    judged = pupila.evaluate(table("theirs", answers(pets, wrong)), pets).evaluation["models"][0]
    assert (judged["n"], judged["groups"], judged["right"]) == (16, 16, 13)
    cats = sum(image.startswith("cat/") for image in sealed(pets))
    lost = sum(image.startswith("cat/") for image in wrong)
    assert judged["confusion"] == [[cats - lost, lost], [3 - lost, 16 - cats - (3 - lost)]]
    assert judged["baseline"]["class"] == "dog"
    assert {row["confidence"] for row in judged["mistakes"]} == {0.6}


def test_answers_or_probabilities_alone_are_enough(pets: Dataset, table: Table) -> None:
    wrong = sealed(pets)[:2]
    bare = pupila.evaluate(table("bare", answers(pets, wrong, sure=False)), pets)
    shares = [{k: v for k, v in row.items() if k != "prediction"} for row in answers(pets, wrong)]
    full = pupila.evaluate(table("shares", shares), pets)
    models = [done.evaluation["models"][0] for done in (bare, full)]
    assert [model["right"] for model in models] == [14, 14]
    assert ["calibration" in model for model in models] == [False, True]


def test_a_perfect_ranking_of_sixteen_is_not_certain(pets: Dataset, table: Table) -> None:
    judged = pupila.evaluate(table("perfect", answers(pets)), pets).evaluation["models"][0]
    assert judged["auc"] == {"dog": {"value": 1.0, "low": wilson_interval(16, 16)[0], "high": 1.0}}


def test_foreign_rows_and_rows_that_say_it_twice_change_nothing(pets: Dataset, table: Table) -> None:
    rows = answers(pets, sealed(pets)[:2])
    plain = pupila.evaluate(table("plain", rows), pets, split="validation").evaluation["models"][0]
    more = [*rows, {**rows[0], "image": "elsewhere/999.jpg"}, rows[5]]
    again = pupila.evaluate(table("plain", more[::-1]), pets, split="validation").evaluation["models"][0]
    assert {**again, "version": plain["version"]} == plain


def test_paths_of_another_machine_find_their_images(pets: Dataset, table: Table) -> None:
    rows = [{**row, "image": f"/home/them/pets/{row['image']}"} for row in answers(pets)]
    assert pupila.evaluate(table("theirs", rows), pets).evaluation["models"][0]["right"] == 16


Spoil = Callable[[Rows, list[str]], Rows]


def without(rows: Rows, tested: list[str]) -> Rows:
    return [row for row in rows if row["image"] not in tested[:3]]


def namesake(rows: Rows, tested: list[str]) -> Rows:
    """Two images bear one file name; the row of the tested one is missing, that of the other one is there."""
    name = next(image for image in tested if image.startswith("cat/")).partition("/")[2]
    return [row for row in rows if row["image"] != f"cat/{name}"]


def one_row(column: str, value: str) -> Spoil:
    return lambda rows, tested: [{**row, column: value} if row["image"] == tested[0] else row for row in rows]


def contradicted(rows: Rows, tested: list[str]) -> Rows:
    row = next(row for row in rows if row["image"] == tested[0])
    return [*rows, {**row, "prediction": WRONG[row["prediction"]]}]


def renamed(rows: Rows, tested: list[str]) -> Rows:
    return [{"picture": row["image"], "answer": row["prediction"]} for row in rows]


SPOILT: dict[str, tuple[Spoil, str]] = {
    "missing rows": (without, r"3 of 16 images have no answer"),
    "a missing row whose namesake is there": (namesake, r"1 of 16 images have no answer"),
    "another class": (one_row("prediction", "cta"), r"does not have.*cta(.|\n)*did you mean 'cat'"),
    "two answers": (contradicted, r"answers an image twice, and not alike"),
    "no number": (one_row("p:cat", "high"), r"without probabilities: found one row"),
    "per cent": (one_row("p:cat", "90"), r"without probabilities: found one row"),
    "other columns": (renamed, r"is no table of answers: found picture, answer"),
}


@pytest.mark.parametrize("fault", sorted(SPOILT))
def test_a_spoilt_table_is_refused_and_is_no_look(pets: Dataset, table: Table, fault: str) -> None:
    spoil, message = SPOILT[fault]
    with pytest.raises(PupilaError, match=message):
        pupila.evaluate(table("spoilt", spoil(answers(pets), sealed(pets))), pets)
    assert openings(pets.home) == []


def test_every_other_look_at_the_test_split_is_counted_and_said(pets: Dataset, table: Table) -> None:
    def looks(path: Path) -> tuple[int, bool]:
        done = pupila.evaluate(path, pets)
        return done.evaluation["looks"], "opened before" in Path(done.report).read_text()

    first, *others = [table(f"model{k}", answers(pets, sealed(pets)[:k])) for k in range(3)]
    pupila.evaluate(first, pets, split="validation")
    assert openings(pets.home) == []  # validation is free
    assert looks(first) == (1, False)
    assert looks(first) == (2, True)
    assert looks(others[0]) == (3, True)


def test_identical_tables_have_no_winner(pets: Dataset, table: Table) -> None:
    rows = answers(pets, sealed(pets)[:2])
    done = pupila.evaluate(table("ours", rows), pets, against=[table("theirs", rows)])
    row = done.evaluation["comparisons"][0]
    assert (row["p_value"], row["verdict"], row["only_first"]) == (1.0, "not distinguishable", 0)
    assert "ours.csv and theirs.csv are not distinguishable" in Path(done.report).read_text()


def test_three_rivals_are_adjusted_and_it_is_said(pets: Dataset, table: Table) -> None:
    tested = sealed(pets)
    rivals = [table(f"rival{k}", answers(pets, tested[:k])) for k in (10, 6, 1)]
    done = pupila.evaluate(table("ours", answers(pets)), pets, against=rivals)
    rows = done.evaluation["comparisons"]
    # 10 : 0, 6 : 0 and 1 : 0 are p = 2 / 2^10, 2 / 2^6 and 1; times 3, 2 and 1
    assert [row["p_value"] for row in rows] == pytest.approx([2 / 1024, 2 / 64, 1.0])
    assert [row["p_holm"] for row in rows] == pytest.approx([6 / 1024, 4 / 64, 1.0])
    assert [row["verdict"] for row in rows] == ["better", *["not distinguishable"] * 2]
    page = Path(done.report).read_text()
    assert "ours.csv is better than rival10.csv" in page
    assert page.count("adjusted by Holm for 3 comparisons") == 3
    alone = pupila.evaluate(table("ours", answers(pets)), pets, against=rivals[:1])
    assert "Holm" not in Path(alone.report).read_text()


def test_a_threshold_buys_what_it_says(pets: Dataset, table: Table) -> None:
    # cats are rarer; two of the tested ones and one for validation are missed, all with 0.4 for cat
    cats = [[x for x in sealed(pets, split) if "cat/" in x] for split in ("validation", "test")]
    path = table("theirs", answers(pets, cats[0][:1] + cats[1][:2]))
    done = pupila.evaluate(path, pets, threshold="recall>=0.95")
    found = done.evaluation["threshold"]
    assert (found["positive"], found["missed"], found["false_alarms"]) == ("cat", [2, 0], [0, 0])
    assert 0.1 < found["threshold"] < 0.4
    assert "2 missed become 0" in Path(done.report).read_text()


def test_a_threshold_wants_two_classes_probabilities_and_an_objective(
    pets: Dataset, table: Table, tmp_path: Path
) -> None:
    with pytest.raises(PupilaError, match="needs two classes and probabilities"):
        pupila.evaluate(table("bare", answers(pets, sure=False)), pets, threshold="f1")
    three = split_data(tmp_path, {"a": 8, "b": 8, "c": 8})
    path = table("three", answers(three))
    with pytest.raises(PupilaError, match="needs two classes and probabilities: found 3 classes"):
        pupila.evaluate(path, three, threshold="f1")
    with pytest.raises(PupilaError, match="Bad threshold"):
        pupila.evaluate(table("theirs", answers(pets)), pets, threshold="best")
    assert openings(three.home) == openings(pets.home) == []  # and no seal was broken
    assert pupila.evaluate(path, three).evaluation["models"][0]["right"] == 12


def test_data_that_are_not_split_are_refused(tmp_path: Path, table: Table) -> None:
    data = pupila.open(write_classes(tmp_path / "data", {"cat": 2, "dog": 2}))
    with pytest.raises(PupilaError, match="not split"):
        pupila.evaluate(table("theirs", answers(data)), data)


def test_a_split_that_comes_back_was_looked_at_before(tmp_path: Path, table: Table) -> None:
    data = split_data(tmp_path, {"cat": 12, "dog": 20})
    path = table("theirs", answers(data))
    pupila.evaluate(path, data)
    pupila.split(data, val=0.2, test=0.5, seed=99, replace=True)
    assert pupila.evaluate(path, data).evaluation["looks"] == 1  # at another sealed split
    pupila.split(data, val=0.2, test=0.5, replace=True)
    assert pupila.evaluate(path, data).evaluation["looks"] == 2


def test_digests_in_capitals_are_digests(pets: Dataset, table: Table) -> None:
    digest = dict(zip(pets.images["image"], pets.images["sha256"], strict=True))
    rows = [
        {"sha256": digest[row["image"]].upper(), "prediction": row["prediction"]} for row in answers(pets)
    ]
    assert pupila.evaluate(table("windows", rows), pets).evaluation["models"][0]["right"] == 16
    with pytest.raises(
        PupilaError, match=r"have no answer.*found (cat|dog)/"
    ):  # images are named, not digests
        pupila.evaluate(table("short", rows[:1]), pets)
