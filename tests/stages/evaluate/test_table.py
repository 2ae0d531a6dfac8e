"""Evaluating tables of predictions from end to end: the report, what is counted, what is refused."""

import html
import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import pytest

import pupila
from pupila.artifacts.dataset import test_access
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.dataset.test_access import read_test_accesses
from pupila.cli.run import run as command
from pupila.core.errors import PupilaError
from pupila.core.vocabulary import TEST_ACCESS_FILE
from pupila.stages.evaluate.sentences import sentences
from pupila.statistics.estimate import Estimate
from pupila.statistics.intervals import wilson_interval
from tests.pictures import write_classes
from tests.stages.evaluate.reports import assert_valid, classified

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
    seal = Path(split_pets.home) / TEST_ACCESS_FILE
    seal.unlink(missing_ok=True)
    yield split_pets
    seal.unlink(missing_ok=True)


def sealed(data: Dataset, split: str = "test") -> list[str]:
    splits = SplitFile.read(data.home)
    assert splits is not None
    return [row.image for row in splits.in_split(split)]


def make_rows(data: Dataset, wrong: Collection[str] = (), with_probabilities: bool = True) -> Rows:
    """A row for each image; answers to the named ones are wrong, and less sure."""
    rows = []
    for image in data.images["image"]:
        target = image.partition("/")[0]
        row = {"image": image, "prediction": WRONG[target] if image in wrong else target}
        if with_probabilities:
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


def test_two_tables_of_one_folder_have_a_report_each(pets: Dataset, table: Table) -> None:
    reports = [pupila.evaluate(table(name, make_rows(pets, [])), pets).report for name in ("a", "b")]
    folders = [Path(report).parent for report in reports]
    assert [folder.name for folder in folders] == ["evaluation-a-test", "evaluation-b-test"]
    assert "a.csv: accuracy 1.000" in (folders[0] / "report.html").read_text()


def test_the_report_stands_alone_and_starts_with_the_verdict(pets: Dataset, table: Table) -> None:
    wrong = sealed(pets)[:2]
    output = pupila.evaluate(table("theirs", make_rows(pets, wrong)), pets)
    report = sentences(output.evaluation)
    assert report[0].startswith("theirs.csv: accuracy 0.875 (95 % CI 0.")
    assert report[0].endswith("; 14 of 16 test images in 16 groups).")
    assert report[1].endswith("no confidence interval, because class 'cat' has only 6 groups.")
    page = Path(output.report).read_text()
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", page)
    assert "<script" not in page
    assert "<link" not in page
    assert page.partition("<p>")[2].startswith(report[0])
    assert "cluster bootstrap with 2,000 resamples (400 for ROC AUC and calibration)" in page
    assert page.count("<figure>") == 2  # the two mistakes
    assert_valid(Path(output.report_json), output.evaluation)


def test_the_command_says_first_which_split_it_evaluated(
    pets: Dataset, table: Table, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(table("theirs", make_rows(pets)))
    assert command(["evaluate", path, pets.root]) == 0
    assert _after_the_reading(capsys).startswith("Evaluated on the sealed test split: ")
    assert command(["evaluate", path, pets.root, "--split", "val"]) == 0
    assert _after_the_reading(capsys).startswith("Evaluated on validation, the split that was requested.")


def _after_the_reading(capsys: pytest.CaptureFixture[str]) -> str:
    """What was printed after the sentences on how the data were read, which stand before anything else."""
    reading, _, after = capsys.readouterr().out.partition("Confidence in this reading: certain.\n")
    assert "images in " in reading.partition("\n")[0]
    return after.lstrip("\n")


def test_the_predictions_of_the_table_are_evaluated(pets: Dataset, table: Table) -> None:
    wrong = sealed(pets)[:3]
    model = classified(pupila.evaluate(table("theirs", make_rows(pets, wrong)), pets).evaluation).models[0]
    assert (model.n, model.groups, model.correct) == (16, 16, 13)
    cats = sum(image.startswith("cat/") for image in sealed(pets))
    lost = sum(image.startswith("cat/") for image in wrong)
    assert model.confusion == [[cats - lost, lost], [3 - lost, 16 - cats - (3 - lost)]]
    assert model.baseline.name == "dog"
    assert {row.confidence for row in model.worst_errors} == {0.6}


def test_classes_or_probabilities_alone_are_enough(pets: Dataset, table: Table) -> None:
    wrong = sealed(pets)[:2]
    bare = pupila.evaluate(table("bare", make_rows(pets, wrong, with_probabilities=False)), pets)
    shares = [{k: v for k, v in row.items() if k != "prediction"} for row in make_rows(pets, wrong)]
    full = pupila.evaluate(table("shares", shares), pets)
    models = [classified(output.evaluation).models[0] for output in (bare, full)]
    assert [model.correct for model in models] == [14, 14]
    assert [model.calibration is not None for model in models] == [False, True]


def test_a_perfect_ranking_of_sixteen_is_not_certain(pets: Dataset, table: Table) -> None:
    model = classified(pupila.evaluate(table("perfect", make_rows(pets)), pets).evaluation).models[0]
    assert model.roc_auc == {"dog": Estimate(value=1.0, low=wilson_interval(16, 16)[0], high=1.0)}


def test_foreign_rows_and_rows_that_say_it_twice_change_nothing(pets: Dataset, table: Table) -> None:
    rows = make_rows(pets, sealed(pets)[:2])
    plain = classified(pupila.evaluate(table("plain", rows), pets, split="validation").evaluation).models[0]
    more = [*rows, {**rows[0], "image": "elsewhere/999.jpg"}, rows[5]]
    again = classified(
        pupila.evaluate(table("plain", more[::-1]), pets, split="validation").evaluation
    ).models[0]
    assert again.model_copy(update={"version": plain.version}) == plain


def test_paths_of_another_machine_find_their_images(pets: Dataset, table: Table) -> None:
    rows = [{**row, "image": f"/home/them/pets/{row['image']}"} for row in make_rows(pets)]
    assert classified(pupila.evaluate(table("theirs", rows), pets).evaluation).models[0].correct == 16


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
    return [{"picture": row["image"], "class": row["prediction"]} for row in rows]


SPOILT: dict[str, tuple[Spoil, str]] = {
    "missing rows": (without, r"3 of 16 images have no prediction"),
    "a missing row whose namesake is there": (namesake, r"1 of 16 images has no prediction"),
    "another class": (one_row("prediction", "cta"), r"does not have: found cta; expected cat, dog"),
    "two predictions": (contradicted, r"has different predictions for the same image"),
    "no number": (one_row("p:cat", "high"), r"without valid probabilities: found 1 row"),
    "per cent": (one_row("p:cat", "90"), r"without valid probabilities: found 1 row"),
    "other columns": (renamed, r"is not a table of predictions: found picture, class"),
}


@pytest.mark.parametrize("fault", sorted(SPOILT))
def test_an_invalid_table_is_refused_without_a_test_access(pets: Dataset, table: Table, fault: str) -> None:
    spoil, message = SPOILT[fault]
    with pytest.raises(PupilaError, match=message):
        pupila.evaluate(table("spoilt", spoil(make_rows(pets), sealed(pets))), pets)
    assert read_test_accesses(pets.home) == []


def test_repeated_test_accesses_are_counted_and_reported(pets: Dataset, table: Table) -> None:
    def count_accesses(path: Path) -> tuple[int, bool]:
        output = pupila.evaluate(path, pets)
        return classified(output.evaluation).test_accesses, "has been evaluated" in Path(
            output.report
        ).read_text()

    first, *others = [table(f"model{k}", make_rows(pets, sealed(pets)[:k])) for k in range(3)]
    pupila.evaluate(first, pets, split="validation")
    assert read_test_accesses(pets.home) == []  # validation is free
    assert count_accesses(first) == (1, False)
    assert count_accesses(first) == (2, True)
    assert count_accesses(others[0]) == (3, True)


def test_identical_tables_have_no_winner(pets: Dataset, table: Table) -> None:
    rows = make_rows(pets, sealed(pets)[:2])
    output = pupila.evaluate(table("ours", rows), pets, against=[table("theirs", rows)])
    row = classified(output.evaluation).comparisons[0]
    assert (row.p_value, row.verdict, row.only_first) == (1.0, "not distinguishable", 0)
    assert "ours.csv and theirs.csv are not distinguishable" in Path(output.report).read_text()


def test_three_comparisons_are_holm_corrected(pets: Dataset, table: Table) -> None:
    tested = sealed(pets)
    rivals = [table(f"rival{k}", make_rows(pets, tested[:k])) for k in (10, 6, 1)]
    output = pupila.evaluate(table("ours", make_rows(pets)), pets, against=rivals)
    rows = classified(output.evaluation).comparisons
    # 10 : 0, 6 : 0 and 1 : 0 are p = 2 / 2^10, 2 / 2^6 and 1; times 3, 2 and 1
    assert [row.p_value for row in rows] == pytest.approx([2 / 1024, 2 / 64, 1.0])
    assert [row.p_holm for row in rows] == pytest.approx([6 / 1024, 4 / 64, 1.0])
    assert [row.verdict for row in rows] == ["better", *["not distinguishable"] * 2]
    page = Path(output.report).read_text()
    assert "ours.csv is significantly better than rival10.csv." in page
    assert "Images correct only with ours.csv: 1, only with rival1.csv: 0 (exact McNemar test" in page
    assert page.count("Holm-corrected for 3 comparisons") == 3
    alone = pupila.evaluate(table("ours", make_rows(pets)), pets, against=rivals[:1])
    assert "Holm" not in Path(alone.report).read_text()


def test_a_tuned_threshold_reports_its_effect(pets: Dataset, table: Table) -> None:
    # cats are rarer; two of the tested ones and one for validation are missed, all with 0.4 for cat
    cats = [[x for x in sealed(pets, split) if "cat/" in x] for split in ("validation", "test")]
    path = table("theirs", make_rows(pets, cats[0][:1] + cats[1][:2]))
    output = pupila.evaluate(path, pets, threshold="recall>=0.95")
    result = classified(output.evaluation).threshold
    assert result is not None and result.positive == "cat"
    effects = (result.without_threshold, result.with_threshold)
    assert [(effect.false_negatives, effect.false_positives) for effect in effects] == [(2, 0), (0, 0)]
    assert 0.1 < result.threshold < 0.4
    page = html.unescape(Path(output.report).read_text())
    assert "false negatives change from 2 to 0" in page
    assert "Recall of 'cat' at this threshold: 1.000" in html.unescape(page)


def test_a_threshold_wants_two_classes_probabilities_and_an_objective(
    pets: Dataset, table: Table, tmp_path: Path
) -> None:
    with pytest.raises(PupilaError, match="only be tuned for two classes with probabilities"):
        pupila.evaluate(table("bare", make_rows(pets, with_probabilities=False)), pets, threshold="f1")
    three = split_data(tmp_path, {"a": 8, "b": 8, "c": 8})
    path = table("three", make_rows(three))
    with pytest.raises(
        PupilaError, match="only be tuned for two classes with probabilities: found 3 classes"
    ):
        pupila.evaluate(path, three, threshold="f1")
    with pytest.raises(PupilaError, match="Unknown threshold objective"):
        pupila.evaluate(table("theirs", make_rows(pets)), pets, threshold="best")
    assert read_test_accesses(three.home) == read_test_accesses(pets.home) == []  # and no seal was broken
    assert classified(pupila.evaluate(path, three).evaluation).models[0].correct == 12


def test_data_that_are_not_split_are_refused(tmp_path: Path, table: Table) -> None:
    data = pupila.open(write_classes(tmp_path / "data", {"cat": 2, "dog": 2}))
    with pytest.raises(PupilaError, match="not split"):
        pupila.evaluate(table("theirs", make_rows(data)), data)


def test_a_restored_split_keeps_its_test_accesses(tmp_path: Path, table: Table) -> None:
    data = split_data(tmp_path, {"cat": 12, "dog": 20})
    path = table("theirs", make_rows(data))
    pupila.evaluate(path, data)
    pupila.split(data, val=0.2, test=0.5, seed=99, replace=True)
    assert classified(pupila.evaluate(path, data).evaluation).test_accesses == 1  # at another sealed split
    pupila.split(data, val=0.2, test=0.5, replace=True)
    assert classified(pupila.evaluate(path, data).evaluation).test_accesses == 2


@pytest.mark.parametrize("killed_before", ["the new split", "the restored accesses"])
def test_accesses_are_not_forgotten_where_a_split_is_killed(
    killed_before: str, tmp_path: Path, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = split_data(tmp_path, {"cat": 12, "dog": 20})
    path = table("theirs", make_rows(data))
    pupila.evaluate(path, data)
    first = killed_before == "the new split"

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        if first:  # the accesses are archived, and the old split is still in force
            patched.setattr(Dataset, "save", die)
            pupila.split(data, val=0.2, test=0.5, seed=99, replace=True)
        else:  # the split is there again, and its accesses are not
            pupila.split(data, val=0.2, test=0.5, seed=99, replace=True)
            patched.setattr(test_access, "restore_test_accesses", die)
            pupila.split(data, val=0.2, test=0.5, replace=True)
    assert not (Path(data.home) / TEST_ACCESS_FILE).exists()
    for count in (2, 3):
        assert classified(pupila.evaluate(path, data).evaluation).test_accesses == count


def test_digests_in_capitals_are_digests(pets: Dataset, table: Table) -> None:
    digest = dict(zip(pets.images["image"], pets.images["sha256"], strict=True))
    rows = [
        {"sha256": digest[row["image"]].upper(), "prediction": row["prediction"]} for row in make_rows(pets)
    ]
    assert classified(pupila.evaluate(table("windows", rows), pets).evaluation).models[0].correct == 16
    with pytest.raises(
        PupilaError, match=r"have no prediction.*found (cat|dog)/"
    ):  # images are named, not digests
        pupila.evaluate(table("short", rows[:1]), pets)
