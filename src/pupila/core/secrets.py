"""API keys: read from the environment, sent to one server, and never shown."""

import os
import re

from pupila.core.errors import PupilaError
from pupila.core.messages import say


class Secret:
    """The API key of one server.

    Args:
        variable: environment variable that holds it; None: the server needs none.
        needed: whether a missing key is an error once something is sent.

    Raises:
        PupilaError: no name of a variable, or a key that can't be sent.
    """

    def __init__(self, variable: str | None, needed: bool) -> None:
        if variable and not re.fullmatch("[A-Z_][A-Z0-9_]*", variable):  # it may be the key: it is not shown
            raise PupilaError(
                say("The setting 'key' must be the name of an environment variable, never the key itself"),
                expected=say("a name in capitals"), remedy="export SOME_KEY=..., --key SOME_KEY",
            )  # fmt: skip
        self.variable, self.needed = variable, needed
        self.value = os.environ.get(variable, "").strip() if variable else ""
        if not (self.value.isascii() and self.value.isprintable()):
            raise PupilaError(
                say("The key in {variable} is invalid", variable=variable),
                actual=say("characters that no HTTP header may contain"),
                remedy=f"export {variable}=...",
            )  # fmt: skip

    def require(self) -> None:
        """Refuse to send anything without the key.

        Raises:
            PupilaError: it is needed, and the variable is empty.
        """
        if self.needed and not self.value:
            raise PupilaError(
                say("Missing API key: the environment variable {variable} is empty", variable=self.variable),
                remedy=f"export {self.variable}=...",
            )

    def __repr__(self) -> str:
        return f"Secret({self.variable!r})"

    def scrub(self, text: str) -> str:
        """The text without the key."""
        return text.replace(self.value, "***") if self.value else text
