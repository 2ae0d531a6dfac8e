"""Asking web servers politely: one way for pages, for images and for what a browser wants."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Self
from urllib.parse import urljoin, urlsplit

import httpx
from protego import Protego
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_random_exponential

from pupila.core.messages import say
from pupila.stages.collect.pinned import Pinned
from pupila.stages.collect.rules import Addresses, Failed, Refused, Resolve, opted_out, origin, resolve
from pupila.stages.collect.site import AGENT, Site

HOPS = 5  # redirects that are followed
_ROBOTS_BYTES = 512_000  # RFC 9309, 2.5: at least 500 KiB have to be read
_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SAFE = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Clock:
    """Time, for tests to hold still."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked beside the address."""

    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    paced: bool = True  # counts for requests a second, not for those at once alone
    kept: bool = True  # what comes is kept as data, so what it says to robots counts


@dataclass(frozen=True, slots=True)
class Answer:
    """What came."""

    url: str  # after redirects
    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def text(self) -> str:
        """The body as text: by the encoding that its header names, else by the one that it names itself."""
        told = httpx.Response(200, headers={"content-type": self.headers.get("content-type", "")})
        inside = re.search(rb"<meta[^>]+charset=[\"']?([\w-]+)", self.body[:1024], re.IGNORECASE)
        for name in (told.charset_encoding, inside[1].decode() if inside else None):
            try:
                return self.body.decode(name or "", errors="replace")
            except (LookupError, ValueError):  # none, or one of bytes, such as hex
                continue
        return self.body.decode(errors="replace")


class _Again(Exception):
    """An answer after which one may ask once more."""

    def __init__(self, reason: str, answer: Answer | None = None, wait: float | None = None) -> None:
        super().__init__(reason)
        self.answer, self.wait = answer, wait


class Gate:
    """Keeps one host's pace."""

    def __init__(self, site: Site, clock: Clock) -> None:
        self._clock, self._next = clock, 0.0
        self._free = asyncio.Semaphore(site.concurrency)
        self._closed, self._until = "", 0.0
        self.interval = 1 / site.rate  # seconds

    @asynccontextmanager
    async def turn(self, paced: bool) -> AsyncIterator[None]:
        """Wait for a turn.

        Raises:
            Failed: there is none, for the host wants to be left alone.
        """
        async with self._free:
            while paced and (left := self._next - self._clock.now()) > 0 and not self._is_closed:
                await self._clock.sleep(left)
            if self._is_closed:
                raise Failed(self._closed)
            self._next = max(self._next, self._clock.now() + self.interval) if paced else self._next
            yield

    def pause(self, seconds: float) -> None:
        """Nobody's turn comes for a while."""
        self._next = max(self._next, self._clock.now() + seconds)

    def close(self, seconds: float, why: str) -> None:
        """No turns at all for a while that nobody waits for."""
        self._closed, self._until = why, max(self._until, self._clock.now() + seconds)

    @property
    def _is_closed(self) -> bool:
        return self._clock.now() < self._until


class Fetcher:
    """Asks for what may be asked, at the site's pace; use it as `async with`."""

    def __init__(self, site: Site, clock: Clock | None = None, resolve: Resolve = resolve) -> None:
        self._site, self._clock = site, clock or Clock()
        self._addresses = Addresses(site, resolve)
        self._gates: dict[str, Gate] = {}
        self._robots: dict[str, asyncio.Task[Protego | str]] = {}
        self._jitter = wait_random_exponential(multiplier=1, max=site.longest_wait)
        # No proxy of the environment: the address that is checked must be the one that is asked.
        # No cookies: those of a browser come with its requests.
        self._client = httpx.AsyncClient(
            transport=Pinned(self._addresses.behind), headers={"user-agent": site.agent}, trust_env=False,
            timeout=site.timeout,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        )  # fmt: skip
        self.under_way = 0  # requests that wait or run

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._robots.values():
            task.cancel()
        await asyncio.gather(*self._robots.values(), return_exceptions=True)
        await self._client.aclose()

    def is_ours(self, url: str) -> bool:
        """Whether the address is of the site's own hosts, those of the setting among them."""
        return self._addresses.is_ours(url)

    async def get(self, url: str, ask: Ask | None = None) -> Answer:
        """The answer, of whatever status, after redirects that stay where one may ask.

        Raises:
            Refused: the site, its robots.txt or the answer's own headers say no; or the answer is too large.
            Failed: no answer, or none but redirects.
        """
        ask = ask or Ask()
        self.under_way += 1
        try:
            for _ in range(HOPS + 1):
                await self._addresses.check(url)
                await self._ask_robots(url)
                answer = await self._patiently(url, ask)
                if (onward := _redirected(answer)) is None:
                    return answer
                url = onward
                if answer.status in (301, 302, 303) and ask.method not in _SAFE:
                    ask = replace(ask, method="GET", body=None)
            raise Failed(say("more than {n} redirects", n=HOPS))
        finally:
            self.under_way -= 1

    async def _ask_robots(self, url: str) -> None:
        place = origin(url)
        if place not in self._robots:  # asked once, whoever else waits for it
            self._robots[place] = asyncio.create_task(self._read_robots(place))
        told = await asyncio.shield(self._robots[place])
        if isinstance(told, str):
            raise Refused(told)
        if not told.can_fetch(url, AGENT):
            raise Refused(say("robots.txt of {place} forbids it", place=place))

    async def _read_robots(self, place: str) -> Protego | str:
        """The rules, or why nothing may be asked: a robots.txt that fails may well forbid it (RFC 9309, 2.3.1.4)."""
        url, why = f"{place}/robots.txt", ""
        try:
            for _ in range(HOPS + 1):
                await self._addresses.check(url)
                answer = await self._patiently(url, Ask(kept=False), _ROBOTS_BYTES)
                if (onward := _redirected(answer)) is None:
                    break
                url = onward
            if answer.status >= 500 or answer.status == 429 or _redirected(answer) is not None:
                why = str(answer.status)
        except (Refused, Failed) as fault:
            why = str(fault)
        if why:
            return say("robots.txt of {place} can't be read, which counts as no: {why}", place=place, why=why)
        rules = Protego.parse(answer.body.decode(errors="replace") if answer.status < 400 else "")
        if (delay := _delay(rules)) > self._site.longest_wait:
            return say(
                "robots.txt of {place} asks for {n:g} s between two requests, longest_wait is {most:g} s",
                place=place, n=delay, most=self._site.longest_wait,
            )  # fmt: skip
        gate = self._gate(place)
        gate.interval = max(gate.interval, delay)
        return rules

    def _gate(self, url: str) -> Gate:
        return self._gates.setdefault(urlsplit(url).netloc.lower(), Gate(self._site, self._clock))

    async def _patiently(self, url: str, ask: Ask, most: int | None = None) -> Answer:
        """Ask again after 429, 5xx and silence, after a while that the server or chance decides."""
        gate = self._gate(url)

        def wait(state: RetryCallState) -> float:
            told = state.outcome.exception() if state.outcome else None
            seconds = getattr(told, "wait", None)
            seconds = self._jitter(state) if seconds is None else seconds
            gate.pause(seconds)  # the host is left alone by all
            return float(seconds)

        tries = self._site.tries if ask.method in _SAFE else 1
        again = AsyncRetrying(
            retry=retry_if_exception_type(_Again), stop=stop_after_attempt(tries), wait=wait,
            sleep=self._clock.sleep, reraise=True,
        )  # fmt: skip
        try:
            return await again(self._once, url, ask, most or self._site.max_bytes)
        except _Again as last:
            if last.answer is not None:
                return last.answer
            raise Failed(str(last)) from last

    async def _once(self, url: str, ask: Ask, most: int) -> Answer:
        try:
            async with (
                self._gate(url).turn(ask.paced),
                asyncio.timeout(self._site.timeout),
                self._client.stream(ask.method, url, headers=ask.headers, content=ask.body) as response,
            ):
                answer = Answer(url, response.status_code, response.headers, b"")
                if answer.status in _AGAIN:
                    raise _Again(str(answer.status), answer, self._asked_to_wait(answer))
                if ask.kept and (word := opted_out(response.headers.get_list("x-robots-tag"))):
                    raise Refused(say("X-Robots-Tag says {word}", word=word))
                return replace(answer, body=await _read(response, most))
        except TimeoutError as fault:
            raise _Again(say("no answer within {n:g} s", n=self._site.timeout)) from fault
        except httpx.RequestError as fault:
            raise _Again(str(fault) or type(fault).__name__) from fault
        except (httpx.InvalidURL, httpx.CookieConflict, ValueError) as fault:
            raise Refused(say("no web address: {url}", url=url)) from fault

    def _asked_to_wait(self, answer: Answer) -> float | None:
        """Seconds that the server wants to be left alone.

        Raises:
            Failed: longer than anyone waits.
        """
        told = answer.headers.get("retry-after", "").strip()
        if not told:
            return None
        if told.isdigit():
            seconds = float(told)
        else:
            try:
                seconds = max((parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds(), 0.0)
            except (ValueError, TypeError):
                return None
        if seconds > self._site.longest_wait:
            why = say(
                "{status}: the server wants to be left alone for {n:.0f} s", status=answer.status, n=seconds
            )
            self._gate(answer.url).close(seconds, why)
            raise Failed(why)
        return seconds


def _delay(rules: Protego) -> float:
    """Seconds between two requests that a robots.txt asks for."""
    told = rules.request_rate(AGENT)
    by_rate = told.seconds / told.requests if told else 0
    return max(float(rules.crawl_delay(AGENT) or 0), by_rate)


async def _read(response: httpx.Response, most: int) -> bytes:
    """The body, never more than allowed, whatever its header says.

    Raises:
        Refused: it is larger.
    """
    said = response.headers.get("content-length", "")
    too_large = Refused(say("larger than {n} bytes", n=most))
    if said.isdigit() and int(said) > most:
        raise too_large
    parts, size = [], 0
    async for part in response.aiter_bytes():
        parts.append(part)
        size += len(part)
        if size > most:
            raise too_large
    return b"".join(parts)


def _redirected(answer: Answer) -> str | None:
    """Where the answer sends one.

    Raises:
        Failed: to no address.
    """
    place = answer.headers.get("location")
    try:
        return urljoin(answer.url, place) if answer.status in _REDIRECTS and place else None
    except ValueError as fault:
        raise Failed(say("sent on to {place}, which is no web address", place=place)) from fault
