"""The record of accesses to the sealed test split: nothing in it is forgotten."""

from pathlib import Path

import pytest

from pupila.artifacts.dataset.test_access import read_test_accesses, record_test_access
from pupila.core.errors import PupilaError


def test_a_record_under_its_earlier_name_is_refused_with_the_command_that_keeps_it(tmp_path: Path) -> None:
    record_test_access(str(tmp_path), ["a"], "pupila evaluate")
    (tmp_path / "openings.jsonl").write_text('{"time": "", "model": "b", "command": ""}\n')
    with pytest.raises(PupilaError, match="earlier name") as fault:
        read_test_accesses(str(tmp_path))
    assert fault.value.remedy.startswith("cat ") and "test_access.jsonl" in fault.value.remedy


def test_every_access_is_kept_and_a_damaged_line_counts(tmp_path: Path) -> None:
    record_test_access(str(tmp_path), ["a", "b"], "pupila evaluate")
    with (tmp_path / "test_access.jsonl").open("a") as stream:
        stream.write("{half a li\n" + 100_000 * "[" + "\n")
    assert [access.model for access in read_test_accesses(str(tmp_path))] == ["a", "b", "", ""]
