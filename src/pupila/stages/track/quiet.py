"""The door of the trackers' libraries: neither their noise nor their switches leave it."""

import contextlib
import io
import logging
import os
import warnings
from collections.abc import Iterator

from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.stages.track.target import Target

# What users may have set themselves stays: a value of theirs is never replaced, but for the telemetry.
_ALWAYS = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "WANDB_ERROR_REPORTING": "false"}
_UNLESS_SET = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # a server that is away is no reason to wait for minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "WANDB_SILENT": "true",
    "TF_CPP_MIN_LOG_LEVEL": "3",  # TensorBoard takes in TensorFlow where it is installed
}  # fmt: skip
_LOGGERS = ("mlflow", "alembic", "sqlalchemy", "wandb", "tensorboard", "tensorflow", "urllib3", "git")


_LONGEST = 300  # characters of a fault's first line
_OURS = (
    AttributeError,
    AssertionError,
    NameError,
    TypeError,
)  # mistakes of the code, which are no fault of a tracker


@contextlib.contextmanager
def at_door(target: Target) -> Iterator[None]:
    """Within it the library of a tracker may be used: quietly, and its faults become one error without secrets.

    Raises:
        PupilaError: whatever the library raised.
    """
    try:
        with quiet():
            yield
    except Exception as fault:
        if isinstance(fault, (PupilaError, *_OURS)):
            raise
        raise PupilaError(
            say("Can't write to {target}", target=str(target)), actual=target.scrub(_first_line(fault)),
            expected=say("a tracker that can be reached and written to"),
        ) from None  # the fault itself may name a password  # fmt: skip


def _first_line(fault: Exception) -> str:
    text = str(fault).strip() or type(fault).__name__
    return text.splitlines()[0][:_LONGEST]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Within it trackers print, warn, log and report home nothing; everything is as before afterwards.

    The process has one environment and one standard output, so it is for the main thread.
    """
    before = dict(os.environ)
    os.environ.update(_ALWAYS)
    for name, value in _UNLESS_SET.items():
        os.environ.setdefault(name, value)
    levels = {name: logging.getLogger(name).level for name in _LOGGERS}
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
