"""CSV that no spreadsheet runs: formulas are quoted, numbers stay, and Pupila reads every name back."""

import csv
import io
import random
import re
from pathlib import Path

import pytest

import pupila
from pupila.artifacts.dataset.formats.tables.table_file import parse_table
from pupila.artifacts.predictions.rows import FailedRow, ImageError
from pupila.core.csv_text import csv_line, csv_text
from pupila.stages.predict.rows import to_csv
from pupila.stages.predict.tasks import TASK_PREDICTORS
from tests.pictures import write_photo

FORMULAS = [
    "=1+1", "=cmd|'/c calc'!A0", "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠x",
    "=HYPERLINK(\"http://x\",\"a,b\")", "-", "--5", "+ 5", "-0.5.jpg", "-5 %", "-1e", "- 5", "'=1", "''=1", "'-", "-١",
]  # fmt: skip
PLAIN: list[object] = ["cat", "'cat'", "a=b", "x-1", " =1", "", 0, -0.5, 1e-9, -3, "-0.5", "+5", "-5.", "-.5", "-1e-9",
                       None, float("-inf")]  # fmt: skip


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("cell", FORMULAS)
def test_a_text_like_a_formula_gets_an_apostrophe(cell: str) -> None:
    assert read(csv_line(["a", cell])) == [["a", f"'{cell}"]]


@pytest.mark.parametrize("cell", PLAIN)
def test_everything_else_stays(cell: object) -> None:
    plain = io.StringIO()
    csv.writer(plain, lineterminator="\n").writerow(["a", cell])
    assert csv_line(["a", cell]) + "\n" == plain.getvalue()


def test_every_name_is_read_back() -> None:
    draw = random.Random(3)
    names = {"".join(draw.choices("'=+-@\t1a＝,\"", k=draw.randint(1, 6))).strip() for _ in range(400)} - {""}
    cells = [*FORMULAS, *sorted(names)]
    table = parse_table(
        csv_text([["image", "=label"], *([str(n), cell] for n, cell in enumerate(cells))]).encode(), ".csv"
    )
    assert table.frame.columns == ["image", "=label"]
    assert table.frame["=label"].to_list() == [
        cell.replace("\r", "\n") for cell in cells
    ]  # as in every table


def test_half_a_character_is_written_as_its_number() -> None:
    assert csv_line(["=\udcff.png", "\ud800,é"]).encode() == '\'=\\udcff.png,"\\ud800,é"'.encode()


def test_tables_of_others_keep_their_apostrophes() -> None:
    text = "image,'label'\n'a'.jpg,'cat'\nb's.jpg,it's = 1\n"
    assert parse_table(text.encode(), ".csv").frame.rows() == [("'a'.jpg", "'cat'"), ("b's.jpg", "it's = 1")]


def test_names_survive_converting_and_predicting(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    rows: list[list[object]] = [["image", "=sum", "@b"]]
    for number in range(4):
        write_photo(folder / f"-{number}=.png", number)
        rows.append([f"-{number}=.png", number % 2, 1])
    (folder / "labels.csv").write_text(csv_text(rows))
    pupila.convert(pupila.open(folder), to="table", out=str(tmp_path / "out"))
    text = (tmp_path / "out/labels.csv").read_text()
    assert "'=sum" in text and "'@b" in text
    assert sorted(pupila.open(tmp_path / "out").classes) == ["=sum", "@b"]


def test_a_row_of_predictions_is_quoted_and_read_back() -> None:
    columns = ["image", "error", "p:=cat"]
    row = FailedRow(image="=a.png", error=ImageError(code="unreadable", reason="@no image"))
    text = f"{csv_line(columns)}\n{to_csv(row, TASK_PREDICTORS['classify'], columns, None)}\n"
    assert text == "image,error,p:=cat\n'=a.png,'@no image,\n"
    assert parse_table(text.encode(), ".csv").frame.rows() == [("=a.png", "@no image", None)]


def test_every_csv_is_written_in_one_place() -> None:
    sources = list(Path(pupila.__file__).parent.rglob("*.py"))
    assert len(sources) > 300
    writers = [
        path.name for path in sources if re.search(r"csv\.writer|DictWriter|write_csv", path.read_text())
    ]
    assert writers == ["csv_text.py"]
