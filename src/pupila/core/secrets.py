"""Secrets: read in this one place, from the environment or from a file, sent to one server, and never shown."""

import os
import re
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from pupila.core.addresses import HIDDEN, scrub_addresses
from pupila.core.errors import PupilaError
from pupila.core.messages import say

FILE_SUFFIX = "_FILE"  # of the variable that names a file with the secret, as for Docker's secrets
_MOST = 65_536  # bytes of such a file
_SHORTEST = 3  # characters; a shorter secret would be removed from within words, and is none
_NAME = re.compile("[A-Z_][A-Z0-9_]*")


class Secret:
    """The key, token or password for one server.

    Args:
        variable: environment variable that holds it, see `read_secret`; None: the server needs none.
        needed: whether a missing one is an error once something is sent.
        value: the secret itself, which is then not read; None: it is.

    Raises:
        PupilaError: no name of a variable, a secret that can't be read, or one that can't be sent.
    """

    def __init__(self, variable: str | None, needed: bool = False, value: str | None = None) -> None:
        if variable and not _NAME.fullmatch(variable):  # it may be the key: it is not shown
            raise PupilaError(
                say("The setting for a secret must be the name of an environment variable, never the secret itself"),
                expected=say("a name in capitals"), remedy=say("export SOME_KEY=..., then name SOME_KEY"),
            )  # fmt: skip
        self.variable, self.needed = variable, needed
        self.value = value.strip() if value is not None else read_secret(variable) if variable else ""
        if not (self.value.isascii() and self.value.isprintable()):
            given = value is not None
            raise PupilaError(
                say("The given token is invalid") if given
                else say("The key in {variable} is invalid", variable=variable),
                say("characters that no HTTP header may contain"), say("printable ASCII characters"),
                say("copy the token again, without quotation marks") if given else f"export {variable}=...",
            )  # fmt: skip

    def require(self) -> None:
        """Refuse to send anything without the key.

        Raises:
            PupilaError: it is needed, and the variable is empty.
        """
        if self.needed and not self.value:
            raise PupilaError(
                say("Missing key: the environment variable {variable} is empty", variable=self.variable),
                remedy=say("export {variable}=..., or export {variable}_FILE=PATH", variable=self.variable),
            )

    def __repr__(self) -> str:
        return f"Secret({self.variable!r})"

    def scrub(self, text: str) -> str:
        """The text without the secret, as it is and as it stands in an address."""
        return _remove(self.value, text)


def read_secret(variable: str) -> str:
    """The secret in an environment variable, or in the file that the variable with `_FILE` names; "" without both.

    Args:
        variable: such as PUPILA_TOKEN; white space around the secret is removed.

    Raises:
        PupilaError: both are set, or the file can't be read or is empty; it names the file, and never its content.
    """
    value, path = (
        os.environ.get(variable, "").strip(),
        os.environ.get(file_variable := variable + FILE_SUFFIX),
    )
    if not path:
        return value
    if value:
        raise PupilaError(
            say("Both {variable} and {file} are set", variable=variable, file=file_variable),
            expected=say("the secret in one of them"), remedy=f"unset {variable}",
        )  # fmt: skip
    return read_secret_file(
        path, say("a text file with the secret alone, as {variable} names it", variable=file_variable)
    )


def read_secret_file(path: str, expected: str) -> str:
    """The secret that is the whole content of a file, without white space around it.

    Args:
        path: of the file.
        expected: of the error: what the file should be.

    Raises:
        PupilaError: the file can't be read or is empty; it names the file, and never its content.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MOST + 1)
        value = content.decode("utf-8").strip()
    except OSError as fault:
        missing = isinstance(fault, FileNotFoundError)
        actual = say("no such file") if missing else fault.strerror or str(fault)
        remedy = say("correct the path, or write the file")
        raise PupilaError(say("Can't read {path}", path=path), actual, expected, remedy) from fault
    except UnicodeDecodeError:  # the fault itself has the content
        raise PupilaError(
            say("No secret in {path}", path=path), say("bytes that are no text"), expected
        ) from None
    if not value or len(content) > _MOST:
        actual = say("more than {n} bytes", n=_MOST) if value else say("an empty file")
        raise PupilaError(say("No secret in {path}", path=path), actual, expected)
    return value


def scrub_password(address: str, text: str) -> str:
    """The text without the password of this address, wherever it stands, and without those of other addresses."""
    try:
        password = urlsplit(address).password or "" if "://" in address else ""
    except ValueError:  # an address that is none
        password = ""
    return scrub_addresses(_remove(unquote(password), _remove(password, text)))


def _remove(secret: str, text: str) -> str:
    if len(secret) < _SHORTEST:
        return text
    for form in sorted({secret, quote(secret), quote(secret, safe="")}, key=len, reverse=True):
        text = text.replace(form, HIDDEN)
    return text
