"""Keys: read from the environment, sent to one server, and never seen elsewhere."""

import os
import re

from pupila.core.errors import PupilaError
from pupila.core.messages import say


class Secret:
    """The key of one server.

    Args:
        variable: environment variable that holds it; None: the server wants none.
        needed: refuse to go without.

    Raises:
        PupilaError: it is needed, and the variable is empty.
    """

    def __init__(self, variable: str | None, needed: bool) -> None:
        if variable and not re.fullmatch("[A-Z_][A-Z0-9_]*", variable):  # it may be the key: it is not shown
            raise PupilaError(
                say("The setting key names an environment variable, and is never the key itself"),
                wanted=say("a name in capitals"), remedy="export SOME_KEY=..., --set key=SOME_KEY",
            )  # fmt: skip
        self.variable = variable
        self.value = os.environ.get(variable, "").strip() if variable else ""
        if not (self.value.isascii() and self.value.isprintable()):
            raise PupilaError(
                say("The key in {variable} can't be sent", variable=variable), found=say("characters that no key has"),
                remedy=f"export {variable}=...",
            )  # fmt: skip
        if needed and not self.value:
            raise PupilaError(
                say("No key for the server"), found=say("nothing in {variable}", variable=variable),
                wanted=say("the key, in the environment alone"), remedy=f"export {variable}=...",
            )  # fmt: skip

    def __repr__(self) -> str:
        return f"Secret({self.variable!r})"

    def scrub(self, text: str) -> str:
        """The text without the key."""
        return text.replace(self.value, "***") if self.value else text
