"""Asking a server: paced, patient with faults that pass, quick to stop at those that don't."""

import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.secrets import Secret

_PASSING = frozenset({408, 409, 425, 429})  # and all from 500 up: worth another try
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0  # seconds between tries, doubled each time
_PATIENCE = 600.0  # seconds; a server that asks for more is asked another day
_LONGEST_MESSAGE = 300  # letters of a server's reason
_NEVER_ANSWERED = 3  # images that fail while nothing was answered yet, until the run stops
_NO_LONGER_ANSWERS = 25  # images that fail in a row, until the run stops


class Stopped(Exception):
    """The run ends; nothing more is to be asked."""


class Unanswered(Exception):
    """This image got no answer; `args[0]` says why, without the key."""


class Unreachable(Exception):
    """A request got no answer at all: the connection, the time, or a body of something else."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server sent back."""

    status: int
    headers: Mapping[str, str] = field(repr=False)  # names in small letters
    text: str

    def error(self) -> tuple[str, str]:
        """(code, message) of a refusal, as far as it tells; as it came, so the key may stand in it."""
        try:
            told = json.loads(self.text)
        except ValueError:
            return "", " ".join(self.text.split())
        inner = told.get("error", told) if isinstance(told, dict) else told
        if not isinstance(inner, dict):
            return "", str(inner)
        message = inner.get("message") or inner.get("detail") or inner.get("error") or self.text
        return str(inner.get("code") or inner.get("type") or ""), str(message)


def host_of(address: str) -> str:
    """Host and port of a server's address, and no more of it: users put secrets into addresses."""
    told = urlsplit(address)
    return f"{told.hostname}:{told.port}" if told.port else str(told.hostname)


class Pace:
    """When the next request may start, over all threads.

    Args:
        rate: requests a minute; None: as they come.
        stop: set when the run ends.
        clock: seconds.
        wait: waits for seconds, or until the run ends, and says whether it does.
    """

    def __init__(
        self,
        rate: float | None,
        stop: threading.Event,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self._interval = 60 / rate if rate else 0.0
        self._stop, self._clock, self._wait = stop, clock, wait or stop.wait
        self._next, self._lock = clock(), threading.Lock()

    def turn(self) -> None:
        """Wait until a request may start.

        Raises:
            Stopped: the run ends.
        """
        while not self._stop.is_set():
            with self._lock:
                now = self._clock()
                left = self._next - now
                if left <= 0:
                    self._next = now + self._interval
                    return
            self.rest(left)
        raise Stopped

    def hold(self, seconds: float) -> None:
        """Start nothing for so long: the server asked for it."""
        with self._lock:
            self._next = max(self._next, self._clock() + seconds)

    def rest(self, seconds: float) -> None:
        """Wait in this thread alone.

        Raises:
            Stopped: the run ends.
        """
        if self._wait(seconds):
            raise Stopped


class Endpoint:
    """One server.

    Args:
        send: sends a body; raises Unreachable.
        retries: of a request that failed for now.
        pace: of all requests.
        secret: the key, which is taken out of everything that is said.
        stop: set when the run ends; set here on a fault that ends it.
    """

    def __init__(
        self, send: Callable[[Any], Reply], retries: int, pace: Pace, secret: Secret, stop: threading.Event
    ) -> None:
        self._send, self._retries, self._pace, self._secret, self._stop = send, retries, pace, secret, stop
        self._lock, self._failed = threading.Lock(), 0
        self.requests = 0
        self.answered = False  # whether anything was ever answered
        self.fatal: PupilaError | None = None  # why the run ended

    def ask(self, body: Any) -> Reply:
        """The server's answer.

        Raises:
            Unanswered: none to this request, after all tries.
            Stopped: the run ends; `fatal` says why, if it was a fault.
        """
        reason = ""
        for left in range(self._retries, -1, -1):
            self._pace.turn()
            with self._lock:
                self.requests += 1
            try:
                reply = self._send(body)
            except Unreachable as fault:
                reason = self._secret.scrub(str(fault))
                asked = None
            else:
                if reply.status < 300:
                    with self._lock:
                        self.answered, self._failed = True, 0
                    return reply
                reason = self._refused(reply)
                asked = _asked_to_wait(reply.headers)
                if asked is not None:
                    if asked > _PATIENCE:
                        raise self._end(
                            say("The server asks to come back later"), f"Retry-After: {asked:.0f} s"
                        )
                    self._pace.hold(asked)
                if reply.status not in _PASSING and reply.status < 500:
                    break
            if left:
                longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (self._retries - left))
                self._pace.rest(longest * random.uniform(0.5, 1) if asked is None else asked)
        self._give_up(reason)
        raise Unanswered(reason)

    def stop(self) -> None:
        """Ask nothing more; what is waiting for its turn gives up."""
        self._stop.set()

    def _refused(self, reply: Reply) -> str:
        """Why, for the image; what no other image would escape ends the run."""
        code, message = reply.error()
        message = self._secret.scrub(message)[:_LONGEST_MESSAGE]  # cut first, it could end within the key
        reason = f"HTTP {reply.status}: {message}"
        if reply.status in (401, 403):
            variable = self._secret.variable
            remedy = f"export {variable}=..." if variable else "--set key=VARIABLE"
            raise self._end(say("The server refused the key"), reason, remedy)
        if reply.status == 402 or "insufficient_quota" in (code, message):
            raise self._end(say("The account at the server is used up"), reason)
        if reply.status == 404:
            raise self._end(
                say("The server knows no such model"), reason, "--set model=NAME --set base_url=URL"
            )
        if reply.status in (400, 422) and any(word in message for word in ("response_format", "json_schema")):
            raise self._end(
                say("The server can't force an answer into the classes"), reason,
                say("a server that takes response_format json_schema: OpenAI, vLLM, llama.cpp, Ollama, LM Studio"),
            )  # fmt: skip
        return reason

    def _give_up(self, reason: str) -> None:
        with self._lock:
            self._failed += 1
            failed = self._failed
        if failed >= (_NO_LONGER_ANSWERS if self.answered else _NEVER_ANSWERED):
            raise self._end(say("The server does not answer"), reason)

    def end(self, fault: PupilaError) -> Stopped:
        """The run ends for this reason; the first one counts."""
        with self._lock:
            self.fatal = self.fatal or fault
        self._stop.set()
        return Stopped()

    def _end(self, what: str, found: str, remedy: str = "") -> Stopped:
        return self.end(PupilaError(what, found=found, remedy=remedy))


def _asked_to_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds that Retry-After asks for; None where it says nothing that can be read."""
    told = headers.get("retry-after", "")
    try:
        return max(0.0, float(told))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
