"""Running an app: a signal that comes before the server runs is not lost."""

import subprocess
import sys

import pytest

CODE = """
import signal, sys
from pupila.artifacts.web.app import make_app
from pupila.artifacts.web.limits import BodyLimits, ConnectionLimits
from pupila.artifacts.web.run import run
from contextlib import asynccontextmanager

@asynccontextmanager
async def lifespan(app):
    yield
    print("closed", flush=True)

app = make_app("a test", lifespan, BodyLimits(1000, 1000, 1))
run(app, "127.0.0.1", 0, lambda port: signal.raise_signal(signal.SIGTERM), ConnectionLimits(drain_seconds={drain}))
print("returned")
"""


@pytest.mark.parametrize("drain", [0, 0.2])
def test_a_signal_before_the_server_runs_ends_it(drain: float) -> None:
    code = CODE.replace("{drain}", str(drain))
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout.splitlines()) == (0, ["closed", "returned"]), ended.stderr
