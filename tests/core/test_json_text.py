"""JSON without NaN: figures that are not finite are null in every file, and readers take null back."""

import json
import math
import re
from pathlib import Path

import pytest

import pupila
from pupila.artifacts.run.log import EpochLog, read_log, write_log
from pupila.core import files
from pupila.core.json_text import dump_json
from pupila.core.records import Record
from pupila.stages.collect.collection import Collection
from pupila.stages.collect.reader import Product

ODD = (math.nan, math.inf, -math.inf)


def parse(text: str) -> object:
    """JSON as the standard has it."""

    def refuse(word: str) -> None:
        raise AssertionError(word)

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("odd", ODD)
def test_what_is_not_finite_is_null_wherever_it_stands(odd: float) -> None:
    content = {
        "a": odd,
        "b": [odd, 1.5, (odd, "NaN")],
        "c": {"d": {"e": odd}},
        "f": None,
        "g": True,
        "é": 10**400,
    }
    assert parse(dump_json(content)) == {
        "a": None, "b": [None, 1.5, [None, "NaN"]], "c": {"d": {"e": None}}, "f": None, "g": True, "é": 10**400,
    }  # fmt: skip
    assert dump_json({"é": 1}, indent=1) == json.dumps({"é": 1}, ensure_ascii=False, indent=1)


def test_files_have_no_nan(tmp_path: Path) -> None:
    files.write_json(str(tmp_path / "a.json"), {"n": list(ODD)})
    assert parse((tmp_path / "a.json").read_text()) == {"n": [None] * 3}

    class Figure(Record):
        value: float | None

    assert parse(Figure(value=math.nan).model_dump_json()) == {"value": None}


def test_a_log_of_a_diverged_run_is_json_and_is_read_back(tmp_path: Path) -> None:
    lines = [
        EpochLog(part="head", phase="head", epoch=1, train_loss=odd, validation_loss=odd, metrics={"accuracy": odd},
                 score=odd, lr=0.1, seconds=1)
        for odd in ODD
    ]  # fmt: skip
    write_log(str(tmp_path), lines)
    for line in (tmp_path / "log.jsonl").read_text().splitlines():
        assert parse(line)
    for read in read_log(str(tmp_path)):
        assert math.isnan(read.train_loss) and math.isnan(read.score) and math.isnan(read.metrics["accuracy"])
        assert read.validation_loss is None and str(read)
    old = '{"part":"head","phase":"head","epoch":1,"train_loss":NaN,"metrics":{"a":Infinity},'
    old += '"score":1.0,"lr":0.1,"seconds":1.0}\n'
    (tmp_path / "log.jsonl").write_text(old)  # as it was written before
    assert math.isnan(read_log(str(tmp_path))[0].train_loss)


def test_a_price_of_four_hundred_digits_is_no_number_in_the_table(tmp_path: Path) -> None:
    collection = Collection(str(tmp_path / "shop"))
    collection.begin({"start": [], "ended": None, "times_resumed": 0})
    collection.add(Product("1", "a", "b", math.inf, "", "", ()), [], {})
    rows = [parse(line) for line in (tmp_path / "shop/products.jsonl").read_text().splitlines()]
    assert len(rows) == 1 and isinstance(rows[0], dict) and rows[0]["price"] is None
    assert Collection(str(tmp_path / "shop")).products["1"]["price"] is None


def test_what_others_read_is_written_in_one_place() -> None:
    sources = list(Path(pupila.__file__).parent.rglob("*.py"))
    assert len(sources) > 300
    written = re.compile(r"(print|write_bytes|files\.append)\(.*json\.dumps|ser_json_inf_nan")
    assert not [path.name for path in sources if written.search(path.read_text())]
