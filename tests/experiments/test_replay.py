"""Tables of results, read again: counts from rounded figures, refusals, and the words that are owed."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import pupila
from pupila.artifacts.report.page import render
from pupila.core.errors import PupilaError
from pupila.experiments.replay.page import describe_replay, make_replay_page
from pupila.experiments.replay.replay import replay_table, replay_with
from pupila.experiments.replay.table import TestSet, read_table
from pupila.experiments.replay.verdicts import compare_rows
from pupila.experiments.settings import SweepSettings

TestSet.__test__ = False  # type: ignore[attr-defined]  # pytest takes it for tests
OCTAGONS = TestSet(117, 24)


def write(folder: Path, *lines: str) -> str:
    path = folder / "results.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def test_rounded_figures_give_their_counts(tmp_path: Path) -> None:
    table = write(
        tmp_path, "lr,precision_octagon,recall_octagon,f1_octagon", "0.1,0.91,0.88,0.89", "0.2,1.0,0.88,0.93",
        "0.3,0.0,0.0,0.0", "0.4,,0.71,0.36", "0.5,0.5,0.12,0.2",
    )  # fmt: skip
    rows = read_table(table, OCTAGONS)
    # 21 of 24 hits, 2 of 93 wrongly: 21/23 = 0.913, 21/24 = 0.875, 42/47 = 0.894
    assert rows[0].right == [(91, 21)] and rows[1].right == [(93, 21)]
    assert rows[2].right == [(93, 0)] and rows[2].collapsed and not rows[0].collapsed
    # 17 hits; F1 = 34 / (17 + false + 24) is 0.36 for 53 or 54 false
    assert sorted(rows[3].right) == [(39, 17), (40, 17)]
    assert rows[4].right == [(90, 3)] and rows[4].name == "0.5"


def test_percentages_and_names_of_columns_are_recognised(tmp_path: Path) -> None:
    table = write(tmp_path, "Model,Test-Acc", "a,94.9 %", "b,70.5 %")
    assert [row.right for row in read_table(table, TestSet(78))] == [[(74,)], [(55,)]]
    table = write(tmp_path, "model,val_accuracy,macro_f1", "a,0.949,0.9", "b,1,0.9")
    assert [row.right for row in read_table(table, TestSet(78))] == [[(74,)], [(78,)]]


@pytest.mark.parametrize(("lines", "test_set", "words"), [
    (["accuracy", "0.705", "0.949"], TestSet(79), r"row 1 \(accuracy 0\.705\) is impossible"),
    (["precision,recall,f1", "0.91,0.88,0.80", "1,1,1"], OCTAGONS, "row 1 .* is impossible"),
    (["accuracy", "0.5", "high"], TestSet(10), "row 2 has no accuracy"),
    (["model,loss", "a,0.5"], TestSet(10), "No figures to replay"),
    (["recall", "0.5"], OCTAGONS, "two of precision, recall and f1"),
    (["f1,recall,recall_b", "0.5,0.5,0.5"], OCTAGONS, "Several columns are the same metric"),
    (["accuracy"], TestSet(10), "no rows"),
], ids=lambda value: str(value)[:9] if isinstance(value, str) else "")  # fmt: skip
def test_what_can_not_be_is_refused(lines: list[str], test_set: TestSet, words: str, tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match=f"(?s){words}"):
        read_table(write(tmp_path, *lines), test_set)


def test_the_test_set_has_to_be_given(tmp_path: Path) -> None:
    table = write(tmp_path, "accuracy", "0.5", "0.6")
    with pytest.raises(PupilaError, match="no test set"):
        replay_table(table, None)
    with pytest.raises(PupilaError, match="--epochs has no effect"):
        replay_with(table, {"replay": True, "test_images": 10, "epochs": 3}, None)
    with pytest.raises(PupilaError, match="No row has the score"):
        replay_table(table, 10, chosen=0.7)
    with pytest.raises(PupilaError, match="nothing to compare"):
        replay_table(write(tmp_path, "accuracy", "0.5"), 10)
    with pytest.raises(PupilaError, match="No table in"):
        replay_table(str(tmp_path / "none.csv"), 10)


def test_a_chosen_run_that_is_not_the_best_is_named(tmp_path: Path) -> None:
    table = write(tmp_path, "name,accuracy", "a,0.90", "b,0.95", "c,0.40")
    result = replay_with(
        table, {"replay": True, "test_images": "100", "chosen": "0.9"}, str(tmp_path / "out")
    )
    sentences = " ".join(result.sentences)
    assert "The best of 3 runs is row 2 (b): accuracy 0.950, 95 of 100 images right" in sentences
    assert (
        "The chosen run, row 1 (accuracy 0.900), is not the best of its table: 1 run scores higher"
        in sentences
    )
    assert "1 run is significantly worse than the best, whatever the pairing." in sentences
    assert "upwards by" in sentences
    page = Path(result.report).read_text(encoding="utf-8")
    assert "chosen" in page and "whatever the pairing" in page
    assert "is the best of its table" in " ".join(
        replay_table(table, 100, chosen=0.95, out=str(tmp_path)).sentences
    )


def test_the_page_explains_a_collapse_that_the_table_leaves_open(tmp_path: Path) -> None:
    page = ["precision,recall,f1", "1.0,0.88,0.93", "0,0,0"]
    replay = compare_rows(read_table(write(tmp_path, *page), OCTAGONS), OCTAGONS, None)
    sentences = describe_replay(replay)
    at = sentences.index("1 of 2 runs collapsed: it finds none of the 24 positives.")
    assert sentences[at + 1] == ("The table has no accuracy: F1 = 0 is read as no image predicted positive.")
    lines = ["f1,accuracy", "0.93,0.97", "0,0.79"]  # 93 of 117: the counts follow
    known = compare_rows(read_table(write(tmp_path, *lines), OCTAGONS), OCTAGONS, None)
    assert known.collapsed == 1 and "no accuracy" not in " ".join(describe_replay(known))


def test_python_replays_with_a_function_and_images_stays_the_folder(tmp_path: Path) -> None:
    table = Path(write(tmp_path, "name,accuracy", "a,0.90", "b,0.95"))
    result = pupila.replay_table(table, images=100, out=tmp_path / "out")
    assert Path(result.report) == tmp_path / "out" / "replay.html" and result.details.best.name == "b"
    with pytest.raises(PupilaError, match=r"pupila\.replay_table"):
        pupila.sweep(table, **{"replay": True})  # type: ignore[arg-type]
    assert "images" not in SweepSettings.model_fields


def test_the_97_runs_of_a_published_sweep_get_the_words_they_are_owed(
    real_data: Callable[[str], Path],
) -> None:
    rows = read_table(str(real_data("../reference-sweeps.csv")), OCTAGONS)
    replay = compare_rows(rows, OCTAGONS, chosen=0.89)
    text = " ".join(describe_replay(replay))
    assert len(rows) == 97 and replay.collapsed == 68
    assert (
        "F1 0.930, 114 of 117 images right" in text
        and "21 of 24 positives recognised (95 % CI 0.69 to 0.96)" in text
    )
    assert "(F1 0.890), is not the best of its table: 1 run scores higher, the best F1 0.930" in text
    assert "The two are not distinguishable, whichever images each of them got right." in text
    verdicts = [row.verdict for row in replay.comparisons]
    assert all(other.verdict == "different" for other in replay.comparisons if other.row.collapsed)
    assert [
        verdicts.count(word) for word in ("not distinguishable", "depends on the pairing", "different")
    ] == [5, 10, 81]
    low, high = replay.optimism
    assert 0.01 < low < 0.06 and low < high
    assert "68 of 97 runs collapsed" in text
    assert "row 63" in text or "63" in render(make_replay_page(replay, "sweeps"))


def test_the_12_cells_of_a_published_grid_get_the_words_they_are_owed(
    tmp_path: Path, real_data: Callable[[str], Path]
) -> None:
    text = real_data("../reference-systems.md").read_text(encoding="utf-8")
    grid = re.findall(r"^\| (A\d) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", text, re.MULTILINE)
    lines = [
        f"{augmentation} {column},{value}"
        for augmentation, *values in grid
        for column, value in enumerate(values)
    ]
    table = write(tmp_path, "cell,accuracy", *lines)
    replay = compare_rows(read_table(table, TestSet(78)), TestSet(78), None)
    assert len(replay.rows) == 12 and replay.best.right == [(76,)] and not replay.ambiguous
    assert "76 of 78 images right (95 % CI 0.911 to 0.993)" in describe_replay(replay)[0]
    words = {row.row.right[0][0]: row.verdict for row in replay.comparisons}
    assert words[75] == words[74] == words[72] == "not distinguishable"  # up to 4 images behind
    assert words[52] == "different" and not replay.collapsed
