"""API keys: read from the environment, sent to one server, and never shown."""

import os
import re

from pupila.core.errors import PupilaError
from pupila.core.messages import say


class Secret:
    """The API key of one server.

    Args:
        variable: environment variable that holds it; None: the server needs none.
        needed: whether a missing key is an error.

    Raises:
        PupilaError: it is needed, and the variable is empty.
    """

    def __init__(self, variable: str | None, needed: bool) -> None:
        if variable and not re.fullmatch("[A-Z_][A-Z0-9_]*", variable):  # it may be the key: it is not shown
            raise PupilaError(
                say("The setting 'key' must be the name of an environment variable, never the key itself"),
                expected=say("a name in capitals"), remedy="export SOME_KEY=..., --key SOME_KEY",
            )  # fmt: skip
        self.variable = variable
        self.value = os.environ.get(variable, "").strip() if variable else ""
        if not (self.value.isascii() and self.value.isprintable()):
            raise PupilaError(
                say("The key in {variable} is invalid", variable=variable),
                actual=say("characters that no HTTP header may contain"),
                remedy=f"export {variable}=...",
            )  # fmt: skip
        if needed and not self.value:
            raise PupilaError(
                say("Missing API key"), actual=say("an empty environment variable {variable}", variable=variable),
                expected=say("the key in {variable}", variable=variable), remedy=f"export {variable}=...",
            )  # fmt: skip

    def __repr__(self) -> str:
        return f"Secret({self.variable!r})"

    def scrub(self, text: str) -> str:
        """The text without the key."""
        return text.replace(self.value, "***") if self.value else text
