"""The tokens of a service from Python: what is taken, and what is shown of a secret."""

from pathlib import Path
from typing import Any

import pytest

import pupila
from pupila.core.errors import PupilaError
from tests.colours import write_colours


def test_paths_and_tokens_are_taken_where_a_file_is(tmp_path: Path) -> None:
    folder = write_colours(tmp_path / "bundle").folder
    tokens = pupila.tokens(tmp_path / "tokens.json")
    issued = tokens.issue("predict")
    for given in (tokens, tmp_path / "tokens.json", str(tmp_path / "tokens.json")):
        settings: Any = {"tokens": given, "log_folder": tmp_path / "logs", "threads": 1}
        with pupila.serve(folder, **settings) as service, pupila.Client(service.url, issued.secret) as client:
            assert client.info().classes == ["red", "green", "blue"]


def test_a_secret_is_not_shown(tmp_path: Path) -> None:
    issued = pupila.tokens(tmp_path / "tokens.json").issue(["predict"])
    assert issued.secret not in repr(issued) + str(issued)
    assert issued.token.id in repr(issued)


@pytest.mark.parametrize(("scopes", "rate"), [("predict", 60), ("all", None), ([], None)])
def test_faults_are_errors_of_pupila(tmp_path: Path, scopes: str, rate: str | None) -> None:
    with pytest.raises(PupilaError):
        pupila.tokens(tmp_path / "tokens.json").issue(scopes, rate=rate)
