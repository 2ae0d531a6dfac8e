"""Requests to a server: rate-limited, retried after transient errors, stopped at once by permanent ones."""

import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.retry_after import read_retry_after
from pupila.core.secrets import Secret

_TRANSIENT = frozenset({408, 409, 425, 429})  # and 500 or more: worth a retry
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0  # seconds between tries, doubled each time
_MAX_RETRY_AFTER = 600.0  # seconds; a longer Retry-After ends the run
_LONGEST_MESSAGE = 300  # characters of an error message of the server
_MAX_FIRST_FAILURES = 3  # failed images before the first response that stop the run
_MAX_FAILURES_IN_A_ROW = 25  # failed images in a row that stop the run


class Stopped(Exception):
    """The run has ended; no further request is sent."""


class Unanswered(Exception):
    """No usable response for this image; `args[0]` is the reason, without the key."""


class Unreachable(Exception):
    """No response at all: no connection, a time-out, or a body of another format."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The response of a server."""

    status: int
    headers: Mapping[str, str] = field(repr=False)  # names in lower case
    text: str

    def error(self) -> tuple[str, str]:
        """(code, message) of an error response, each empty if absent; unchanged, so it may contain the key."""
        try:
            content = json.loads(self.text)
        except ValueError:
            return "", " ".join(self.text.split())
        inner = content.get("error", content) if isinstance(content, dict) else content
        if not isinstance(inner, dict):
            return "", str(inner)
        message = inner.get("message") or inner.get("detail") or inner.get("error") or self.text
        return str(inner.get("code") or inner.get("type") or ""), str(message)


def host_and_port(address: str) -> str:
    """Host and port of a server's address; the rest is left out, because users put secrets into addresses."""
    parts = urlsplit(address)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


class RateLimiter:
    """Limits the rate of requests over all threads.

    Args:
        rate: requests per minute; None: no limit.
        stop: set when the run ends.
        clock: seconds.
        wait: waits for a number of seconds or until the run ends; returns whether it has ended.
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

    def acquire(self) -> None:
        """Wait until the next request may start.

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
            self.sleep(left)
        raise Stopped

    def delay(self, seconds: float) -> None:
        """Start no request for a number of seconds, as the server demanded."""
        with self._lock:
            self._next = max(self._next, self._clock() + seconds)

    def sleep(self, seconds: float) -> None:
        """Wait in this thread only.

        Raises:
            Stopped: the run ends.
        """
        if self._wait(seconds):
            raise Stopped


class Endpoint:
    """Sends requests to one server, with retries.

    Args:
        send: sends a body; raises Unreachable.
        retries: after transient errors, per request.
        limiter: limits the rate of all requests.
        secret: the key, which is removed from every message.
        stop: set when the run ends; set here after a fatal error.
    """

    def __init__(
        self,
        send: Callable[[Any], Reply],
        retries: int,
        limiter: RateLimiter,
        secret: Secret,
        stop: threading.Event,
    ) -> None:
        self._send, self._retries, self._limiter, self._secret, self._stop = (
            send,
            retries,
            limiter,
            secret,
            stop,
        )
        self._lock, self._failed = threading.Lock(), 0
        self.requests = 0
        self.responded = False  # whether any request succeeded
        self.fatal: PupilaError | None = None  # the error that ended the run

    def request(self, body: Any) -> Reply:
        """Send a body and return the response.

        Raises:
            Unanswered: no response to this request after all retries.
            Stopped: the run ends; `fatal` is the error, if there was one.
        """
        reason = ""
        for left in range(self._retries, -1, -1):
            self._limiter.acquire()
            with self._lock:
                self.requests += 1
            try:
                reply = self._send(body)
            except Unreachable as fault:
                reason = self._secret.scrub(str(fault))
                delay = None
            else:
                if reply.status < 300:
                    with self._lock:
                        self.responded, self._failed = True, 0
                    return reply
                reason = self._explain_refusal(reply)
                delay = read_retry_after(reply.headers.get("retry-after", ""))
                if delay is not None:
                    if delay > _MAX_RETRY_AFTER:
                        raise self._abort(
                            say("The server demands a long pause; run the command again later"),
                            f"Retry-After: {delay:.0f} s",
                        )
                    self._limiter.delay(delay)
                if reply.status not in _TRANSIENT and reply.status < 500:
                    break
            if left:
                longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (self._retries - left))
                self._limiter.sleep(longest * random.uniform(0.5, 1) if delay is None else delay)
        self._count_failure(reason)
        raise Unanswered(reason)

    def stop(self) -> None:
        """Send no further request; waiting threads stop."""
        self._stop.set()

    def _explain_refusal(self, reply: Reply) -> str:
        """The reason of a refused request; a reason that holds for all images ends the run."""
        code, message = reply.error()
        message = self._secret.scrub(message)[:_LONGEST_MESSAGE]  # cut before, it could end within the key
        reason = f"HTTP {reply.status}: {message}"
        if reply.status in (401, 403):
            variable = self._secret.variable
            remedy = f"export {variable}=..." if variable else "--key VARIABLE"
            raise self._abort(say("The server rejected the API key"), reason, remedy)
        if reply.status == 402 or "insufficient_quota" in (code, message):
            raise self._abort(say("The account at the server has no credit left"), reason)
        if reply.status == 404:
            raise self._abort(
                say("The server does not have this model"), reason, "--model NAME --base-url URL"
            )
        if reply.status in (400, 422) and any(word in message for word in ("response_format", "json_schema")):
            raise self._abort(
                say("The server does not support structured output"), reason,
                say("use a server with response_format json_schema: OpenAI, vLLM, llama.cpp, Ollama, LM Studio"),
            )  # fmt: skip
        return reason

    def _count_failure(self, reason: str) -> None:
        with self._lock:
            self._failed += 1
            failed = self._failed
        if failed >= (_MAX_FAILURES_IN_A_ROW if self.responded else _MAX_FIRST_FAILURES):
            raise self._abort(say("The server does not respond"), reason)

    def abort(self, fault: PupilaError) -> Stopped:
        """End the run with this error, unless another one has ended it already."""
        with self._lock:
            self.fatal = self.fatal or fault
        self._stop.set()
        return Stopped()

    def _abort(self, problem: str, actual: str, remedy: str = "") -> Stopped:
        return self.abort(PupilaError(problem, actual=actual, remedy=remedy))
