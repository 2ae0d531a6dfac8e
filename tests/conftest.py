"""Shared by all tests: a cache of their own, and the paths of the real data."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from pupila.core import installation

REPOSITORY = Path(__file__).parent.parent
settings.register_profile("pupila", deadline=None)  # a busy machine is no fault
settings.load_profile("pupila")
if (
    "PYTEST_XDIST_WORKER" in os.environ
):  # workers that share the cores would wait for each other in every step
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test reads or leaves anything in the user's cache folder; one run shares one."""
    monkeypatch.setenv("PUPILA_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(autouse=True)
def _plain_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remedies name the same command in every environment that runs the tests."""
    monkeypatch.setattr(installation, "find_installation", lambda: installation.Installation())


@pytest.fixture(autouse=True)
def _no_trials(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training decides by rules alone, in seconds, but in tests that are marked as being about trials."""
    if "trials" not in request.keywords:
        monkeypatch.setattr("pupila.stages.train.trials.trial.Trials.run", lambda *_: [])
        monkeypatch.setattr("pupila.stages.train.planning.unfreezing.time_step", lambda *_, **__: 1e6)


def _shared(variable: str, folder: str) -> Callable[[str], Path]:
    root = Path(os.environ.get(variable, REPOSITORY.parent / "shared" / folder))

    def find(name: str) -> Path:
        path = root / name
        if not path.exists():
            reason = f"{variable} has no {name} (looked in {root})"
            if os.environ.get("CI") == "true":
                pytest.fail(reason)
            pytest.skip(reason)
        return path

    return find


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """The path of a real data set by name, such as `brain_mri`; skips where it is absent, fails under CI."""
    return _shared("PUPILA_DATA", "data")


@pytest.fixture(scope="session")
def real_weights() -> Callable[[str], Path]:
    """The path of a weights file by name; skips where it is absent, fails under CI."""
    return _shared("PUPILA_WEIGHTS", "weights")
