"""The description of the installation, for bug reports."""

import json

import pytest

import pupila
from pupila.cli.run import run
from pupila.stages.doctor import installation


def test_versions_and_extras_are_listed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    present = installation._version
    monkeypatch.setattr(installation, "_version", lambda name: None if name == "torch" else present(name))
    assert run(["doctor", "--json"]) == 0
    lines = json.loads(capsys.readouterr().out)
    assert lines["pupila"] == pupila.__version__
    assert lines["extra data"] == "installed"
    assert "torch" in lines["extra train"]
    assert lines["numpy"].count(".") >= 2
    assert run(["doctor"]) == 0
    assert "extra data" in capsys.readouterr().out
