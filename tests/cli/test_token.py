"""`pupila token`: the secret alone on the standard output, once, and what every command says."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pupila.cli.run import run


@pytest.fixture
def tokens(tmp_path: Path) -> str:
    return str(tmp_path / "tokens.json")


def issue(tokens: str, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert run(["token", "new", "--scopes", "predict,metrics", "--tokens", tokens, *words]) == 0
    return capsys.readouterr().out


def rows(tokens: str, capsys: pytest.CaptureFixture[str]) -> Any:
    assert run(["token", "list", "--tokens", tokens, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_new_token_is_printed_alone_and_only_once(tokens: str, capsys: pytest.CaptureFixture[str]) -> None:
    printed = issue(tokens, capsys, "--expires", "90d", "--rate", "60/min", "--name", "the shop")
    assert re.fullmatch(r"pupila_[0-9a-f]{8}_[\w-]{43}\n", printed)
    (row,) = rows(tokens, capsys)
    assert (row["scopes"], row["rate"], row["name"], row["state"]) == (
        ["predict", "metrics"],
        "60/min",
        "the shop",
        "valid",
    )
    assert "sha256" not in row and printed.strip() not in json.dumps(row)
    assert run(["token", "list", "--tokens", tokens]) == 0
    listed = capsys.readouterr().out
    assert listed.startswith(f"{row['id']}  valid  predict, metrics  until 20")
    assert listed.endswith("60/min  the shop\n")


def test_a_rotated_token_ends_after_the_overlap(tokens: str, capsys: pytest.CaptureFixture[str]) -> None:
    old = issue(tokens, capsys).split("_")[1]
    assert run(["token", "rotate", old, "--overlap", "2h", "--tokens", tokens]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("pupila_") and old not in printed.out
    assert printed.err.startswith(f"{old}  valid  predict, metrics  until 20")
    assert [row["expires"] is None for row in rows(tokens, capsys)] == [False, True]


def test_a_revoked_token_is_listed_as_one(tokens: str, capsys: pytest.CaptureFixture[str]) -> None:
    old = issue(tokens, capsys).split("_")[1]
    assert run(["token", "revoke", old, "--tokens", tokens]) == 0
    assert capsys.readouterr().out.startswith(f"{old}  revoked")
    assert rows(tokens, capsys)[0]["state"] == "revoked"


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (["new", "--scopes", "all"], "expected predict, feedback, metrics, admin"),
        (["new", "--scopes", "predict", "--expires", "soon"], "90s, 15m, 2h or 30d"),
        (["new", "--scopes", "predict", "--expires", "999999999d"], "expire too late"),
        (["new", "--scopes", "predict", "--rate", "60"], "60/min"),
        (["revoke", "deadbeef"], "No file of tokens"),
        (["list"], "pupila token new"),
    ],
)
def test_faults_name_what_is_expected(
    tokens: str, capsys: pytest.CaptureFixture[str], words: list[str], match: str
) -> None:
    assert run(["token", *words, "--tokens", tokens]) == 2
    assert re.search(match, capsys.readouterr().err)
