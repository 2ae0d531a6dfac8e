"""The one error that users see: what happened, what was found, what was wanted, what to do next."""

from pupila.core.messages import say


class PupilaError(Exception):
    """A fault that the user can mend.

    The parts are kept in `args`, so the error survives the trip from a worker process.

    Args:
        what: one clause without a full stop: what went wrong.
        found: what was there, as shown to the user.
        wanted: what would have been right.
        remedy: the next step, often a command.
    """

    def __init__(self, what: str, found: str = "", wanted: str = "", remedy: str = "") -> None:
        super().__init__(what, found, wanted, remedy)
        self.what, self.found, self.wanted, self.remedy = what, found, wanted, remedy

    def __str__(self) -> str:
        parts = [self.what]
        if self.found:
            parts.append(say("found {found}", found=self.found))
        if self.wanted:
            parts.append(say("wanted {wanted}", wanted=self.wanted))
        first = parts[0] + (": " + "; ".join(parts[1:]) if parts[1:] else "") + "."
        return first + ("\n  " + say("Try: {remedy}", remedy=self.remedy) if self.remedy else "")


class MissingExtra(PupilaError):
    """A library of an optional extra is not installed."""

    def __init__(self, extra: str, module: str) -> None:
        super().__init__(
            say("This needs the extra '{extra}'", extra=extra),
            found=say("no module '{module}'", module=module),
            remedy=f"pip install 'pupila[{extra}]'",
        )
        self.args = (extra, module)
