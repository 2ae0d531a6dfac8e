"""The table, the page and the notebook display of a sweep."""

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pupila.artifacts.sweep.definition import Axis
from pupila.core import files
from pupila.experiments.page import describe_state
from pupila.experiments.report import report_sweep
from pupila.experiments.result import SweepResult, read_result
from pupila.experiments.table import list_metrics, make_table
from pupila.experiments.write import write_result
from pupila.stages.train.config import TrainConfig
from tests.experiments.drawn import DrawnCell, draw_right, drawn_data, write_drawn

COUNT = 60  # images
NASTY = "<script>alert('x')</script>=1"
AXES = [Axis(name="model", values=["small", NASTY]), Axis(name="augment", values=["A1", "A2"])]


def conclude(
    folder: Path, cells: list[DrawnCell], axes: list[Axis] = AXES, test: bool = True, **info: object
) -> SweepResult:
    sweep = write_drawn(folder, axes, cells, **info)  # type: ignore[arg-type]
    return write_result(sweep, report_sweep(sweep, *drawn_data(test)))


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> SweepResult:
    return conclude(tmp_path_factory.mktemp("grid"), [
        DrawnCell({"model": "small", "augment": "A1"}, draw_right(COUNT, 4, 1), parameters=2_200_000, milliseconds=2.0),
        DrawnCell({"model": NASTY, "augment": "A1"}, draw_right(COUNT, 3, 1), parameters=6_600_000, milliseconds=6.0),
        DrawnCell({"model": "small", "augment": "A2"}, np.arange(COUNT) % 2 == 0, state="collapsed"),
        DrawnCell({"model": NASTY, "augment": "A2"}, state="failed"),
    ])  # fmt: skip


def page(result: SweepResult) -> str:
    return files.read_bytes(result.report).decode()


class Tables(HTMLParser):
    """The tables of a page as rows of cells."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.tags: set[str] = set()
        self.inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.inside = tag in ("td", "th")
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif self.inside:
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.tables[-1][-1][-1] += data


def parse(html: str) -> Tables:
    parser = Tables()
    parser.feed(html)
    return parser


def test_parquet_csv_and_json_hold_the_same_table(grid: SweepResult) -> None:
    table = pl.read_parquet(f"{grid.folder}/sweep.parquet")
    assert table.equals(make_table(grid.details))
    csv = pl.read_csv(f"{grid.folder}/sweep.csv", infer_schema_length=None)
    assert csv.columns == table.columns
    for name in table.columns:
        for row, (stored, written) in enumerate(zip(table[name], csv[name], strict=True)):
            assert written == stored or (stored in (None, "") and written is None), (name, row)
    for row, record in enumerate(grid.details.rows):
        assert table["cell"][row] == record.cell
        assert table["macro_f1"][row] == (record.metrics["macro_f1"].value if record.metrics else None)
        assert table["macro_f1_low"][row] == (record.metrics["macro_f1"].low if record.metrics else None)
    assert table.columns[-3:] == ["seconds", "milliseconds", "host"]  # what no hash covers is last
    assert list_metrics(grid.details)[0] == "macro_f1"
    assert read_result(grid.folder).details == grid.details


def test_a_value_like_a_formula_is_none_in_a_spreadsheet(tmp_path: Path) -> None:
    axes = [Axis(name="model", values=["=1+1", "small"])]
    result = conclude(tmp_path, [DrawnCell({"model": "=1+1"}, draw_right(COUNT, 1, 1))], axes)
    assert ",'=1+1," in files.read_bytes(f"{result.folder}/sweep.csv").decode()


def test_no_setting_has_the_name_of_another_column(grid: SweepResult) -> None:
    fixed = set(make_table(grid.details).columns) - {"model", "augment", "seed"}
    assert not fixed & TrainConfig.model_fields.keys()


def test_mixed_values_are_text_and_numbers_are_numbers(tmp_path: Path) -> None:
    axes = [Axis(name=name, values=[]) for name in ("lr", "clip_norm", "options.pad", "pretrained", "epochs")]
    cells = [
        DrawnCell({"lr": 1, "clip_norm": "auto", "options.pad": {"a": 1}, "pretrained": True, "epochs": 3}),
        DrawnCell({"lr": 0.5, "clip_norm": 1.0, "pretrained": False, "epochs": 4}),
    ]
    table = conclude(tmp_path, cells, axes).table
    assert table.schema["lr"] == pl.Float64 and table.schema["epochs"] == pl.Int64
    assert table["clip_norm"].to_list() == ["auto", "1"]
    assert table["options.pad"].to_list() == ['{"a": 1}', None]
    assert table["pretrained"].to_list() == [True, False]


def test_times_and_hosts_change_the_table_but_not_its_hash(tmp_path: Path) -> None:
    results = [
        conclude(
            tmp_path / host,
            [DrawnCell({"model": "small"}, draw_right(COUNT, 1, 1), milliseconds=time, host=host)],
        )
        for host, time in (("a", 1.0), ("b", 2.0))
    ]
    assert results[0].details.table_hash == results[1].details.table_hash
    assert not results[0].table.equals(results[1].table)


def test_the_verdict_comes_first_in_plain_words(grid: SweepResult) -> None:
    first, bias, equal, smaller, sealed, *states = grid.sentences
    assert first.startswith(f"model={NASTY} augment=A1: best macro F1 on validation, 0.95")
    assert "n = 60 images in 60 groups. Baseline (majority class 'ant'): 0.333." in first
    assert bias.startswith(
        "This score is optimistically biased: it is the best of 3 configurations"
    )  # one failed
    assert equal.startswith("1 of the 2 other configurations is not distinguishable from it")
    assert smaller == (
        "model=small augment=A1 is not distinguishable from it and 3.0 times smaller (2.2 against 6.6 million "
        "parameters) and 3.0 times faster (2.00 against 6.00 ms an image)."
    )
    assert "still sealed" in sealed and f"--test --out {grid.folder}" in sealed
    assert states == [
        "1 of 4 cells collapsed: it gives all images the same prediction.", "1 of 4 cells failed: Out of memory",
    ]  # fmt: skip


def test_the_page_marks_every_cell_and_escapes_every_name(grid: SweepResult) -> None:
    content = page(grid)
    assert "<script" not in content and "&lt;script&gt;" in content
    rows = parse(content).tables[-1]
    assert rows[0][:4] == ["Rank", "model", "augment", "macro F1 (95 % CI)"]
    verdicts = [row[4].replace("\xa0", " ") for row in rows[1:]]
    assert verdicts == ["winner", "not distinguishable", "worse, collapsed", "failed: Out of memory"]
    assert content.index("optimistically biased") < content.index("<svg") < content.index("<table")
    assert content.count("<svg") == 3  # the grid, and two learning curves


def test_the_card_is_a_table_with_the_winner_on_top(grid: SweepResult) -> None:
    html = grid._repr_html_()
    parser = parse(html)
    assert not parser.tags & {"script", "style", "link"} and "&lt;script&gt;" in html
    header, best, *others = parser.tables[-1]
    assert header[0] == "Rank" and best[-1] == "winner" and len(others) == 3
    assert re.search(r"<td[^>]*font-weight:bold[^>]*>winner</td>", html)
    assert repr(grid).startswith("<SweepResult: model=")
    assert grid.winner is not None
    assert grid.winner.settings == {"model": NASTY, "augment": "A1", "seed": 0}
    assert grid.winner.bundle is None


def test_without_a_winner_the_page_says_why(tmp_path: Path) -> None:
    failed = [DrawnCell({"model": "small"}, state="failed")]
    collapsed = [DrawnCell({"model": "small"}, np.arange(COUNT) % 2 == 0, state="collapsed")]
    waiting = [DrawnCell({"model": "small"}, state="waiting")]
    unmeasured = [DrawnCell({"model": "small"}, draw_right(COUNT, 1, 1), score=float("nan"))]
    expected = {
        "No winner: every cell failed. The first one: Out of memory": failed,
        "No winner: every cell that was trained collapsed": collapsed,
        "No winner: no cell has ended yet.": waiting,
        "No winner: macro F1 is not measurable": unmeasured,
    }
    for number, (sentence, cells) in enumerate(expected.items()):
        result = conclude(tmp_path / str(number), cells)
        assert result.sentences[0].startswith(sentence)
        assert result.winner is None and sentence in page(result)
        assert result.table.height == 1


def test_a_learning_curve_has_a_table_and_no_winner(tmp_path: Path) -> None:
    cells = [DrawnCell({"model": "small"}, draw_right(COUNT, 4, 1), share=share) for share in (0.5, 1.0)]
    result = conclude(tmp_path, cells)
    assert result.sentences[0].startswith("No winner: the cells of a learning curve")
    assert result.table["share"].to_list() == [0.5, 1.0] and len(result.details.configurations) == 2
    page = Path(result.report).read_text()
    assert "learning-curve.html" in page and "<td>50.0 %</td>" in page and "<svg" not in page


def test_one_cell_has_no_comparison(tmp_path: Path) -> None:
    result = conclude(tmp_path, [DrawnCell({"model": "small"}, draw_right(COUNT, 4, 1))], test=False)
    assert "It is the only configuration, so there is nothing to compare." in result.sentences
    assert "There is no labelled test split, so no unbiased estimate of the winner." in result.sentences
    assert "its epoch was selected on the same images" in result.sentences[1]
    assert "winner minus this" not in page(result)


def test_an_interrupted_sweep_shows_what_exists(tmp_path: Path) -> None:
    cells = [
        DrawnCell({"model": "small", "augment": "A1"}, draw_right(COUNT, 4, 1)),
        DrawnCell({"model": "small", "augment": "A2"}, state="waiting"),
        DrawnCell({"model": "small", "augment": "A3"}, state="impossible"),
    ]
    result = conclude(tmp_path, cells)
    assert result.sentences[0].startswith("So far, augment=A1:")
    assert any("2 of 3 cells so far have ended" in sentence for sentence in result.sentences)
    assert any("could not be trained: momentum has no effect" in sentence for sentence in result.sentences)
    assert "not trained yet" in page(result)
    assert "its epoch was selected on the same images" in result.sentences[1]
    assert "No other configuration has a score, so there is nothing to compare." in result.sentences


def test_seeds_have_a_table_of_their_own(tmp_path: Path) -> None:
    cells = [
        DrawnCell({"model": model, "augment": "A1"}, draw_right(COUNT, wrong, seed), seed=seed)
        for model, wrong in (("small", 5), ("large", 6)) for seed in (7, 8)
    ]  # fmt: skip
    result = conclude(
        tmp_path, [*cells, DrawnCell({"model": "large", "augment": "A1"}, seed=9, state="failed")]
    )
    assert any("the bundle is that of seed 7, the first and not the best" in s for s in result.sentences)
    configurations, rows = parse(page(result)).tables[-2:]
    assert [row[1:3] for row in configurations[1:]] == [["small", "A1"], ["large", "A1"]]
    assert configurations[2][configurations[0].index("seeds")] == "2 of 3"
    assert [row[3] for row in rows[1:]] == ["7", "8", "7", "8", "9"]


def test_a_search_of_97_trials_is_drawn_and_listed(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    axes = [
        Axis(name="lr", range={"low": 1e-5, "high": 0.1, "log": True}), Axis(name="optimizer", values=["adamw", "sgd"]),
        Axis(name="momentum", values=[0.8, 0.9], condition={"optimizer": ["sgd"]}),
    ]  # fmt: skip
    cells = []
    for trial in range(97):
        settings = {"lr": float(10 ** rng.uniform(-5, -1)), "optimizer": ["adamw", "sgd"][trial % 2]}
        if settings["optimizer"] == "sgd":
            settings["momentum"] = 0.9
        collapsed = trial % 3 == 0
        right = np.arange(16) % 2 == 0 if collapsed else draw_right(16, int(rng.integers(1, 8)), trial)
        cells.append(DrawnCell(settings, right, state="collapsed" if collapsed else "completed", trial=trial))
    result = conclude(tmp_path, cells, axes, search={"sampler": "tpe"})
    content = page(result)
    rows = parse(content).tables[-1]
    assert len(rows) == 98
    assert sum("collapsed" in row[5] for row in rows) == 33
    assert result.details.importance is not None
    assert {row.setting for row in result.details.importance.settings} == {"lr", "optimizer", "momentum"}
    assert 'aria-label="Importance of each setting, %"' in content
    assert 'aria-label="The best trials"' in content and 'aria-label="All trials' in content
    assert len(parse(result._repr_html_()).tables[-1]) == 11
    assert result.table["trial"].to_list() == list(range(97))


def test_a_model_that_collapsed_is_none_of_the_equals_in_the_table(tmp_path: Path) -> None:
    cells = [
        DrawnCell({"model": "small"}, draw_right(16, 6, 1)),
        DrawnCell({"model": "large"}, np.arange(16) % 2 == 0, state="collapsed"),
    ]
    result = conclude(tmp_path, cells)
    configuration = result.details.configurations[1]
    assert configuration.comparison is not None and not configuration.comparison.distinguishable
    assert describe_state(result.details, configuration) == "collapsed"
