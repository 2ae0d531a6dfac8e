"""Records that are read from files: whole, or refused with what to do."""

import json
from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field

from pupila.core.errors import PupilaError
from pupila.core.records import Record, read_record


class Box(Record):
    """A file with a schema."""

    schema_version: Literal[2] = Field(default=2, alias="schema")
    width: int


def read(path: Path, content: object) -> Box:
    path.write_text(json.dumps(content))
    return read_record(Box, str(path), "Can't read the box", "make it again")


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    box = Box(width=3)
    assert read(tmp_path / "box.json", box.model_dump(by_alias=True)) == box


@pytest.mark.parametrize(
    ("content", "actual"),
    [
        ([], "list"),
        ({"width": 3}, "schema 1"),
        ({"schema": 3, "width": 3}, "schema 3"),
        ({"schema": 2, "width": "wide"}, "unreadable fields: width"),
        ({"schema": 2, "width": 3, "colour": 1}, "unreadable fields: colour"),
    ],
)
def test_another_content_is_refused_with_what_to_do(tmp_path: Path, content: object, actual: str) -> None:
    with pytest.raises(PupilaError) as refused:
        read(tmp_path / "box.json", content)
    error = refused.value
    assert (error.problem, error.actual, error.expected) == ("Can't read the box", actual, "schema 2")
    assert error.remedy == "make it again"


def test_a_file_that_is_no_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "box.json").write_text("{")
    with pytest.raises(PupilaError, match=r"(?s)Can't read .*box\.json: found Expecting.*make it again"):
        read_record(Box, str(tmp_path / "box.json"), "Another version wrote the box", "make it again")
