"""The installation in words, for bug reports."""

import json

import pytest

import pupila
from pupila.cli.run import run
from pupila.stages.doctor import installation


def test_versions_extras_and_places_are_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    present = installation._version
    monkeypatch.setattr(installation, "_version", lambda name: None if name == "torch" else present(name))
    assert run(["doctor", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["pupila"] == pupila.__version__
    assert told["extra data"] == "installed"
    assert "torch" in told["extra train"]
    assert told["numpy"].count(".") >= 2
    assert run(["doctor"]) == 0
    assert "extra data" in capsys.readouterr().out
