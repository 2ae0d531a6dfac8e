"""A polite HTTP client for pages, images and the requests of a browser: robots.txt, rate limits, retries."""

import asyncio
import base64
import codecs
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Self
from urllib.parse import urljoin, urlsplit

import httpx
from protego import Protego
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_random_exponential

from pupila.core.messages import number, say
from pupila.core.retry_after import read_retry_after
from pupila.core.secrets import Secret
from pupila.stages.collect.body import ACCEPT_ENCODING, read_body
from pupila.stages.collect.pinned import PinnedTransport
from pupila.stages.collect.rules import (
    AddressPolicy,
    FetchFailed,
    FetchRefused,
    Resolve,
    find_opt_out,
    origin,
    resolve,
)
from pupila.stages.collect.site import ROBOT_NAME, Site

MAX_REDIRECTS = 5  # redirects that are followed
_ROBOTS_BYTES = 512_000  # RFC 9309, 2.5: at least 500 KiB have to be read
_RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
_SAFE_METHODS = frozenset({"GET", "HEAD"})
_CHARSET = re.compile(r"\bcharset\s*=\s*[\"']?([\w:.-]+)", re.IGNORECASE | re.ASCII)
# Python's names of the encodings of pages (https://encoding.spec.whatwg.org). Its other ones are no text, or take
# time that grows with the square of the page (`punycode`).
_CHARSETS = frozenset({
    "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "ascii", "mac-roman", "mac-cyrillic", "koi8-r", "koi8-u",
    "cp866", "cp874", "cp932", "cp949", "gbk", "gb2312", "gb18030", "big5", "big5hkscs", "euc_jp", "iso2022_jp",
    "shift_jis", "euc_kr", *(f"cp{number}" for number in range(1250, 1259)),
    *(f"iso8859-{number}" for number in range(1, 17)),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Clock:
    """Time, which tests replace."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(frozen=True, slots=True)
class RequestOptions:
    """A request apart from its address."""

    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    paced: bool = True  # counts towards the request rate, not only towards the concurrency
    stored: bool = True  # the response is stored as data, so its X-Robots-Tag counts


@dataclass(frozen=True, slots=True)
class Response:
    """A response whose body was read."""

    url: str  # after redirects
    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def text(self) -> str:
        """The body as text, decoded by the charset of the header, else of its `<meta>`, else UTF-8."""
        declared = re.search(rb"<meta[^>]+?(charset=[\"']?[\w-]+)", self.body[:1024], re.IGNORECASE)
        for text in (self.headers.get("content-type", ""), declared[1].decode() if declared else ""):
            if charset := _read_charset(text):
                return self.body.decode(charset, errors="replace")
        return self.body.decode(errors="replace")


def _read_charset(text: str) -> str:
    """The charset that the text declares; "" where it is none that browsers know."""
    if (match := _CHARSET.search(text)) is None:
        return ""
    try:
        name = codecs.lookup(match[1]).name
    except (LookupError, ValueError):
        return ""
    return name if name in _CHARSETS else ""


class _RetryableFailure(Exception):
    """A failed attempt that may be retried."""

    def __init__(self, reason: str, response: Response | None = None, wait: float | None = None) -> None:
        super().__init__(reason)
        self.response, self.wait = response, wait


class RateLimiter:
    """Limits the request rate and concurrency of one host."""

    def __init__(self, site: Site, clock: Clock) -> None:
        self._clock, self._next = clock, 0.0
        self._free = asyncio.Semaphore(site.concurrency)
        self._closed, self._until = "", 0.0
        self.interval = 1 / site.rate  # seconds

    @asynccontextmanager
    async def slot(self, paced: bool) -> AsyncIterator[None]:
        """Wait for a free slot.

        Raises:
            FetchFailed: the host asked for a pause that is too long to wait for.
        """
        async with self._free:
            while paced and (left := self._next - self._clock.now()) > 0 and not self._is_closed:
                await self._clock.sleep(left)
            if self._is_closed:
                raise FetchFailed(self._closed)
            self._next = max(self._next, self._clock.now() + self.interval) if paced else self._next
            yield

    def pause(self, seconds: float) -> None:
        """Delay all requests."""
        self._next = max(self._next, self._clock.now() + seconds)

    def close(self, seconds: float, why: str) -> None:
        """Fail all requests for a while instead of delaying them."""
        self._closed, self._until = why, max(self._until, self._clock.now() + seconds)

    @property
    def _is_closed(self) -> bool:
        return self._clock.now() < self._until


class Fetcher:
    """Makes the allowed requests within the rate limits of the site; use it as `async with`."""

    def __init__(self, site: Site, clock: Clock | None = None, resolve: Resolve = resolve) -> None:
        self._site, self._clock = site, clock or Clock()
        self._addresses = AddressPolicy(site, resolve)
        self._login = read_login(site)
        self._limiters: dict[str, RateLimiter] = {}
        self._robots: dict[str, asyncio.Task[Protego | str]] = {}
        self._jitter = wait_random_exponential(multiplier=1, max=site.longest_wait)
        # No proxy of the environment: the checked address must be the one that is connected to.
        # No cookies: those of a browser come with its requests.
        self._client = httpx.AsyncClient(
            transport=PinnedTransport(self._addresses.resolve_allowed),
            headers={"user-agent": site.user_agent, "accept-encoding": ACCEPT_ENCODING},
            trust_env=False, timeout=site.timeout, cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        )  # fmt: skip
        self.pending = 0  # requests that wait or are in flight

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._robots.values():
            task.cancel()
        await asyncio.gather(*self._robots.values(), return_exceptions=True)
        await self._client.aclose()

    def is_site_host(self, url: str) -> bool:
        """Whether the address belongs to one of the site's own hosts, those of the setting `hosts` included."""
        return self._addresses.is_site_host(url)

    async def get(self, url: str, options: RequestOptions | None = None) -> Response:
        """The response of any status, after redirects within the allowed hosts.

        Raises:
            FetchRefused: the host, its robots.txt or the X-Robots-Tag forbids it; or the response is too large.
            FetchFailed: no response, or too many redirects.
        """
        options = options or RequestOptions()
        self.pending += 1
        try:
            for _ in range(MAX_REDIRECTS + 1):
                await self._addresses.check(url)
                await self._check_robots(url)
                response = await self._get_with_retries(url, options)
                if (target := _redirect_target(response)) is None:
                    return response
                url = target
                if response.status in (301, 302, 303) and options.method not in _SAFE_METHODS:
                    options = replace(options, method="GET", body=None)
            raise FetchFailed(say("more than {n} redirects", n=MAX_REDIRECTS))
        finally:
            self.pending -= 1

    async def _check_robots(self, url: str) -> None:
        place = origin(url)
        if place not in self._robots:  # fetched once, shared by all requests that wait for it
            self._robots[place] = asyncio.create_task(self._read_robots(place))
        rules = await asyncio.shield(self._robots[place])
        if isinstance(rules, str):
            raise FetchRefused(rules)
        # The client removes `/../` and escapes what a path may not contain: both forms have to be allowed.
        if not all(rules.can_fetch(form, ROBOT_NAME) for form in {url, str(httpx.URL(url))}):
            raise FetchRefused(say("robots.txt of {host} disallows it", host=place))

    async def _read_robots(self, place: str) -> Protego | str:
        """The rules, or why all is forbidden: a robots.txt that can't be read forbids all (RFC 9309, 2.3.1.4)."""
        url, why = f"{place}/robots.txt", ""
        try:
            for _ in range(MAX_REDIRECTS + 1):
                await self._addresses.check(url)
                response = await self._get_with_retries(url, RequestOptions(stored=False), _ROBOTS_BYTES)
                if (target := _redirect_target(response)) is None:
                    break
                url = target
            if response.status >= 500 or response.status == 429 or _redirect_target(response) is not None:
                why = str(response.status)
        except (FetchRefused, FetchFailed) as fault:
            why = str(fault)
        if why:
            return say(
                "robots.txt of {host} can't be read, so nothing may be fetched: {why}", host=place, why=why
            )
        rules = Protego.parse(response.body.decode(errors="replace") if response.status < 400 else "")
        if (delay := _crawl_delay(rules)) > self._site.longest_wait:
            return say(
                "robots.txt of {host} asks for {n} s between requests, more than longest_wait ({limit} s)",
                host=place, n=number(delay, 0), limit=number(self._site.longest_wait, 0),
            )  # fmt: skip
        limiter = self._limiter(place)
        limiter.interval = max(limiter.interval, delay)
        return rules

    def _headers(self, url: str, options: RequestOptions) -> dict[str, str]:
        """The headers of a request, with the login for where the start pages are."""
        if self._login and origin(url) in map(origin, self._site.start):
            return {**options.headers, "authorization": self._login}
        return options.headers

    def _limiter(self, url: str) -> RateLimiter:
        host = urlsplit(url).netloc.rpartition("@")[2].lower()
        return self._limiters.setdefault(host, RateLimiter(self._site, self._clock))

    async def _get_with_retries(
        self, url: str, options: RequestOptions, max_bytes: int | None = None
    ) -> Response:
        """Retry after 429, 5xx and timeouts, with the Retry-After of the server or a random exponential backoff."""
        limiter = self._limiter(url)

        def wait(state: RetryCallState) -> float:
            failure = state.outcome.exception() if state.outcome else None
            seconds = getattr(failure, "wait", None)
            seconds = self._jitter(state) if seconds is None else seconds
            limiter.pause(seconds)  # all requests to the host wait
            return float(seconds)

        tries = self._site.tries if options.method in _SAFE_METHODS else 1
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(_RetryableFailure), stop=stop_after_attempt(tries), wait=wait,
            sleep=self._clock.sleep, reraise=True,
        )  # fmt: skip
        try:
            return await retrying(self._get_once, url, options, max_bytes or self._site.max_bytes)
        except _RetryableFailure as last:
            if last.response is not None:
                return last.response
            raise FetchFailed(str(last)) from last

    async def _get_once(self, url: str, options: RequestOptions, max_bytes: int) -> Response:
        try:
            async with (
                self._limiter(url).slot(options.paced),
                asyncio.timeout(self._site.timeout),
                self._client.stream(
                    options.method, url, headers=self._headers(url, options), content=options.body
                ) as stream,
            ):
                response = Response(url, stream.status_code, stream.headers, b"")
                if response.status in _RETRIED_STATUSES:
                    raise _RetryableFailure(str(response.status), response, self._read_retry_after(response))
                if options.stored and (opt_out := find_opt_out(stream.headers.get_list("x-robots-tag"))):
                    raise FetchRefused(say("X-Robots-Tag says {word}", word=opt_out))
                return replace(response, body=await read_body(stream, max_bytes))
        except TimeoutError as fault:
            raise _RetryableFailure(
                say("no response within {n} s", n=number(self._site.timeout, 1))
            ) from fault
        except httpx.RequestError as fault:
            raise _RetryableFailure(str(fault) or type(fault).__name__) from fault
        except (httpx.InvalidURL, httpx.CookieConflict, ValueError) as fault:
            raise FetchRefused(say("not a web address: {url}", url=url)) from fault

    def _read_retry_after(self, response: Response) -> float | None:
        """The seconds of the Retry-After header; None without one.

        Raises:
            FetchFailed: longer than `longest_wait`.
        """
        seconds = read_retry_after(response.headers.get("retry-after", ""))
        if seconds is not None and seconds > self._site.longest_wait:
            why = say("HTTP status {status}: the server asks for a pause of {n} s",
                      status=response.status, n=number(seconds, 0))  # fmt: skip
            self._limiter(response.url).close(seconds, why)
            raise FetchFailed(why)
        return seconds


def read_login(site: Site) -> str:
    """The header with the login of the site; "" without one.

    Raises:
        PupilaError: its variable is empty, or can't be read.
    """
    secret = Secret(site.login, needed=site.login is not None)
    secret.require()
    return f"Basic {base64.b64encode(secret.value.encode()).decode()}" if secret.value else ""


def _crawl_delay(rules: Protego) -> float:
    """Seconds between two requests, by the Crawl-delay and Request-rate of a robots.txt."""
    rate = rules.request_rate(ROBOT_NAME)
    by_rate = rate.seconds / rate.requests if rate else 0
    return max(float(rules.crawl_delay(ROBOT_NAME) or 0), by_rate)


def _redirect_target(response: Response) -> str | None:
    """The address that a response redirects to; None where it does not.

    Raises:
        FetchFailed: the target is not a web address.
    """
    location = response.headers.get("location")
    try:
        return urljoin(response.url, location) if response.status in _REDIRECT_STATUSES and location else None
    except ValueError as fault:
        raise FetchFailed(
            say("redirected to {target}, which is not a web address", target=location)
        ) from fault
