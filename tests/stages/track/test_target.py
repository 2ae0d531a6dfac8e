"""What `--to` may name, and that no secret of an address is ever shown."""

import importlib.util
from pathlib import Path

import pytest

from pupila.core.errors import MissingExtra, PupilaError
from pupila.stages.track.target import PLACES, Target, parse_target, sqlite_path
from pupila.stages.track.trackers import TRACKERS

SECRET = "postgresql+psycopg2://ann:pa%24s@db:5432/x?sslpassword=abc&a=1"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_each_tracker_has_a_place() -> None:
    assert PLACES.keys() == TRACKERS.keys()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("mlflow", "sqlite:///{cwd}/mlflow.db"),
        ("mlflow:sqlite:///deep/x.db?timeout=3", "sqlite:///{cwd}/deep/x.db?timeout=3"),
        ("mlflow:sqlite:////abs/x.db", "sqlite:////abs/x.db"),
        ("mlflow:http://host:5000", "http://host:5000"),
        (f"mlflow:{SECRET}", SECRET),
        ("mlflow:databricks://profile", "databricks://profile"),
        ("wandb", "{cwd}"),
        ("wandb:some/folder", "{cwd}/some/folder"),
        ("tensorboard", "{cwd}/tensorboard"),
        ("tensorboard:/abs/tb", "/abs/tb"),
    ],
)
def test_places(text: str, place: str, tmp_path: Path) -> None:
    assert parse_target(text).place == place.format(cwd=tmp_path)


def test_mlflows_own_variable_is_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://other:1")
    assert parse_target("mlflow").place == "http://other:1"
    assert parse_target("mlflow:http://host:5000").place == "http://host:5000"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "file:///mlruns")
    with pytest.raises(PupilaError, match="MLflow can't be reached so"):
        parse_target("mlflow")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mlfow", "Unknown tracker mlfow. Did you mean mlflow"),
        ("clearml:x", "Unknown tracker clearml. Choose one of: mlflow, wandb, tensorboard"),
        ("mlflow:localhost:5000", "found no scheme in localhost:5000; expected .*sqlite://.*http://"),
        ("mlflow:mlruns", "no scheme in mlruns"),
        ("mlflow:file:///tmp/mlruns", "found file:///tmp/mlruns; expected a database or a server"),
        ("mlflow:sqlite://", "MLflow needs a database on disk"),
        ("mlflow:sqlite:///:memory:", "MLflow needs a database on disk"),
        ("wandb:https://api.wandb.ai", "writes to a local folder: found https://api.wandb.ai"),
        ("tensorboard:s3://bucket/tb", "writes to a local folder"),
        ("mlflow:ftp://ann:secret@host", r"found ftp://\*\*\*@host"),
    ],
)
def test_refusals(text: str, message: str) -> None:
    with pytest.raises(PupilaError, match=message) as fault:
        parse_target(text)
    assert "secret" not in str(fault.value)


def test_a_tracker_that_is_not_installed_is_an_error_with_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        MissingExtra, match=r"(?s)needs the extra 'track'.*no module 'wandb'.*pupila\[track\]"
    ):
        parse_target("wandb")


def test_secrets_are_never_shown() -> None:
    target = Target("mlflow", SECRET)
    assert str(target) == "mlflow:postgresql+psycopg2://***@db:5432/x?sslpassword=***&a=***"
    shown = target.scrub(
        f"OperationalError: can't reach {SECRET} with password pa$s, token http://u:v@w/?key=1"
    )
    for secret in ("ann", "pa%24s", "pa$s", "abc", "u:v", "key=1"):
        assert secret not in shown
    assert "ann" not in repr(target)


def test_the_file_of_an_sqlite_address() -> None:
    assert sqlite_path("sqlite:////a/b%20c.db?x=1") == "/a/b c.db"
    assert sqlite_path("http://x") is None
