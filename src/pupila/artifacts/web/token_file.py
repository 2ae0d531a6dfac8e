"""The file of tokens as the service sees it: read again when it changes, and searched at each request."""

import hmac
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pupila.artifacts.web.logs import SecurityEvent
from pupila.artifacts.web.rates import Rate, parse_rate
from pupila.artifacts.web.tokens import State, Token, hash_secret, read_tokens, split_secret
from pupila.core.errors import PupilaError
from pupila.core.messages import say

_log = logging.getLogger("uvicorn.error")
_NO_HASH = "0" * 64  # for the comparison where no token has the id: it takes the same time
_RETRY = 1.0  # seconds
_Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Identity:
    """The token of a request, or why it is not valid."""

    token: Token | None  # None: the secret belongs to no token
    state: State | Literal["unknown"]
    rate: Rate | None = None


class TokenFile:
    """Finds the token of a secret.

    A changed file that can't be read is reported, and the tokens that were read before stay in force: a service does
    not fail by a file that is being edited.

    Args:
        path: of the file.
        report: gets each change of it.

    Raises:
        PupilaError: the file can't be read.
    """

    def __init__(self, path: str, report: Callable[[SecurityEvent], None]) -> None:
        self.path, self.report = path, report
        self._stamp = self._failed = self._read_stamp()
        self._next = 0.0  # when a file that can't be read is tried again, monotonic
        self._use(read_tokens(path))

    def identify(self, secret: str) -> Identity:
        """The token of the secret; secrets are compared in constant time."""
        self._refresh()
        token, rate = self._tokens.get(split_secret(secret), (None, None))
        expected = token.sha256 if token else _NO_HASH
        if not hmac.compare_digest(hash_secret(secret), expected) or token is None:
            return Identity(None, "unknown")
        return Identity(token, token.find_state(datetime.now(UTC)), rate)

    def _use(self, tokens: tuple[Token, ...]) -> None:
        self._tokens = {token.id: (token, parse_rate(token.rate) if token.rate else None) for token in tokens}

    def _refresh(self) -> None:
        """Read the file again where it has changed; one that can't be read is tried again once a second."""
        stamp = self._read_stamp()
        if stamp == self._stamp or (stamp == self._failed and time.monotonic() < self._next):
            return
        try:
            self._use(read_tokens(self.path))
        except PupilaError as fault:
            self._next = time.monotonic() + _RETRY
            if stamp != self._failed:
                _log.error(
                    say("{problem} The earlier tokens stay in force.", problem=" ".join(str(fault).split()))
                )
                self.report(SecurityEvent("tokens-damaged", detail=fault.problem))
            self._failed = stamp
            return
        self._stamp = self._failed = stamp
        self.report(SecurityEvent("tokens-read"))

    def _read_stamp(self) -> _Stamp | None:
        """What tells that the file has changed; None where there is none."""
        try:
            status = os.stat(self.path)  # noqa: PTH116 -- at each request
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino
