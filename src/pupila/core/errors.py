"""The one error that users see: the problem, what was found, what was expected, and what to do next."""

import contextlib
from collections.abc import Iterator

from pupila.core.installation import install_command
from pupila.core.messages import say


class PupilaError(Exception):
    """A problem that the user can fix.

    The parts are kept in `args`, so the error survives the trip from a worker process.

    Args:
        problem: what is wrong, without the last full stop.
        actual: what was found, as shown to the user.
        expected: what would have been right.
        remedy: the next step, often a command.
    """

    def __init__(self, problem: str, actual: str = "", expected: str = "", remedy: str = "") -> None:
        super().__init__(problem, actual, expected, remedy)
        self.problem, self.actual, self.expected, self.remedy = problem, actual, expected, remedy

    def __str__(self) -> str:
        parts = {
            "problem": self.problem,
            "actual": self.actual,
            "expected": self.expected,
        }  # `say` escapes them
        if self.actual and self.expected:
            sentence = say("{problem}: found {actual}; expected {expected}.", **parts)
        elif self.actual:
            sentence = say("{problem}: found {actual}.", **parts)
        elif self.expected:
            sentence = say("{problem}: expected {expected}.", **parts)
        else:
            sentence = say("{problem}.", **parts)
        sentence = sentence[:-1] if sentence.endswith("?.") else sentence
        return sentence + ("\n  " + say("Try: {remedy}", remedy=self.remedy) if self.remedy else "")


class MissingExtra(PupilaError):
    """A library of an optional extra is not installed."""

    def __init__(self, extra: str, module: str) -> None:
        super().__init__(
            say("This needs the extra '{extra}'", extra=extra),
            actual=say("no module '{module}'", module=module),
            remedy=install_command(extra),
        )
        self.args = (extra, module)


@contextlib.contextmanager
def name_unread_files(uri: str) -> Iterator[None]:
    """Within it, a file that can't be read is an error that names it.

    Args:
        uri: of what is read, for systems that do not say which file it was.

    Raises:
        PupilaError: instead of any OSError but that of a closed output.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as fault:
        raise PupilaError(
            say("Can't read {path}", path=fault.filename or uri), actual=fault.strerror or str(fault),
            expected=say("a file with read permission"),
        ) from fault  # fmt: skip


def describe_type(value: object) -> str:
    """The type of a value, as in an error: "a set", "polars.Series"."""
    kind = type(value)
    if value is None:
        return "None"
    module = kind.__module__.partition(".")[0]
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"
