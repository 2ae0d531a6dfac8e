"""The guard of a page with visitors: host, origin and login are checked before anything behind it is reached."""

import asyncio
import hashlib
import html
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request, cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pupila.artifacts.web.access import find_network
from pupila.artifacts.web.login import LoginFile
from pupila.artifacts.web.observing import find_address
from pupila.artifacts.web.rates import MovingWindow, Rate
from pupila.artifacts.web.refusals import Refusal, method_not_allowed, new_request_id, to_response
from pupila.core.messages import say

LOGIN, LOGOUT = "/login", "/logout"
_LIFETIME = 12 * 3600  # seconds of a session
_MOST_SESSIONS = 1000  # above it the oldest one ends
_MOST_FORM = 8192  # bytes
_FAILURES = Rate(10, 60)  # of one client with one name
_ALL_FAILURES = Rate(60, 60)  # of one client with all names
_MOST_FIELDS = 8  # of the form
_LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")
_HEADERS = {
    "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}  # fmt: skip -- of the page: Gradio fills its templates with `new Function`
_FORM_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"


@dataclass(slots=True)
class Guard:
    """Who may use a page.

    Args:
        logins: names and hashes; None: whoever is on this machine, and no other one.
        secure: whether the page is served by https.
    """

    logins: LoginFile | None = None
    secure: bool = False
    sessions: dict[str, "Session"] = field(
        default_factory=dict
    )  # hash of the cookie -> session, oldest first
    windows: MovingWindow = field(default_factory=MovingWindow)


@dataclass(frozen=True, slots=True)
class Session:
    """A visitor who has logged in."""

    name: str
    key: str  # salt and hash of the password at login: a session ends where it changes
    end: float  # monotonic


class PageGuard:
    """Refuses foreign hosts and origins, closed paths, and visitors without a session.

    Args:
        app: the application behind it.
        guard: who may use it.
        is_open: whether a path is one of the page's own; others do not exist.
    """

    def __init__(self, app: ASGIApp, guard: Guard, is_open: Callable[[str], bool]) -> None:
        self.app, self.guard, self.is_open = app, guard, is_open
        self._hashing = asyncio.Semaphore(2)  # passwords at once

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's call."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return

        async def send_page(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        try:
            response = await self._respond(scope, receive)
        except Refusal as refusal:
            response = to_response(refusal, new_request_id())
        except ClientDisconnect:
            return
        if response is None:
            await self.app(scope, receive, send_page)
        else:
            await response(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive) -> Response | None:
        """The guard's own response; None: the request may pass.

        Raises:
            Refusal: it may not.
        """
        headers, path, method = Headers(scope=scope), scope["path"], scope["method"]
        _check_origin(method, headers)
        if self.guard.logins is None:
            _check_local(headers)
        elif path == LOGIN:
            if method == "POST":
                return await self._log_in(Request(scope, receive))
            if method not in ("GET", "HEAD"):
                raise method_not_allowed(method, "GET, HEAD, POST")
            return _show_form()
        elif (session := self._find_session(headers)) is None:
            if path == "/" and method in ("GET", "HEAD"):
                return RedirectResponse(LOGIN, 303)
            raise Refusal("unauthenticated", say("Log in first"), remedy=LOGIN)
        elif path == LOGOUT and method == "POST":
            return self._log_out(headers)
        else:
            scope.setdefault("state", {})["visitor"] = session.name
        if not self.is_open(path):
            raise Refusal("not-found", say("Page not found"), path)
        return None

    async def _log_in(self, request: Request) -> Response:
        """A session for a name and its password."""
        logins = self.guard.logins
        assert logins is not None
        name, password = _parse_form(await _read_form(request))
        client, windows = find_network(find_address(request.scope)), self.guard.windows
        pair = f"{client} {_hash(name)}"
        wait = windows.admit(client, _ALL_FAILURES)
        if not wait and (wait := windows.admit(pair, _FAILURES)):
            windows.take_back(client)
        if wait:
            return _show_form(say("Too many attempts, try again in {n} s", n=int(wait) + 1), 429)
        async with self._hashing:
            valid = await asyncio.to_thread(logins.check, name, password)
        if valid:
            windows.take_back(client)
            windows.take_back(pair)
        key = logins.find(name)
        if not valid or key is None:
            return _show_form(say("Wrong name or password"), 401)
        secret = secrets.token_urlsafe(32)
        sessions = self.guard.sessions
        sessions[_hash(secret)] = Session(name, key, time.monotonic() + _LIFETIME)
        while len(sessions) > _MOST_SESSIONS:
            del sessions[next(iter(sessions))]
        # Behind a proxy with TLS the browser's origin alone says that the page is served by https.
        secure = self.guard.secure or request.headers.get("origin", "").startswith("https://")
        response = RedirectResponse("/", 303)
        response.set_cookie(
            _SECURE_COOKIE if secure else _COOKIE, secret, max_age=_LIFETIME, httponly=True, secure=secure,
            samesite="strict",
        )  # fmt: skip
        return response

    def _log_out(self, headers: Headers) -> Response:
        for secret in _find_secrets(headers):
            self.guard.sessions.pop(_hash(secret), None)
        return RedirectResponse(LOGIN, 303)

    def _find_session(self, headers: Headers) -> Session | None:
        """The session of a request; one that is too old, or whose password has changed, ends."""
        logins = self.guard.logins
        assert logins is not None
        for secret in _find_secrets(headers):
            key = _hash(secret)
            session = self.guard.sessions.get(key)
            if session is None:
                continue
            if session.end > time.monotonic() and logins.find(session.name) == session.key:
                return session
            del self.guard.sessions[key]
        return None


_COOKIE, _SECURE_COOKIE = "pupila_session", "__Host-pupila_session"


def _find_secrets(headers: Headers) -> list[str]:
    cookies = cookie_parser(headers.get("cookie", ""))
    return [cookies[name] for name in (_SECURE_COOKIE, _COOKIE) if cookies.get(name)]


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _check_local(headers: Headers) -> None:
    """Refuse another host's name (DNS rebinding).

    Raises:
        Refusal: 403.
    """
    host = headers.get("host", "")
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    if name not in _LOCAL_NAMES:
        raise Refusal("forbidden", say("This page is served to this machine only"), host)


def _check_origin(method: str, headers: Headers) -> None:
    """Refuse what another site's page sends: browsers name its origin with every changing request.

    Raises:
        Refusal: 403.
    """
    origin = headers.get("origin")
    if origin is None and method in ("GET", "HEAD"):
        return
    if origin is None or origin.partition("://")[2] != headers.get("host", ""):
        raise Refusal(
            "forbidden", say("The request comes from another site's page"), origin or say("no origin")
        )


async def _read_form(request: Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _MOST_FORM:
            raise Refusal(
                "large-body", say("The request is too large"), expected=say("at most {n}", n=_MOST_FORM)
            )
    return body


def _parse_form(body: bytes) -> tuple[str, str]:
    """Name and password.

    Raises:
        Refusal: 413.
    """
    try:
        form = parse_qs(body.decode("utf-8", "replace"), max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise Refusal(
            "many-fields",
            say("The form has too many text fields"),
            expected=say("at most {n}", n=_MOST_FIELDS),
        ) from None
    name, password = (form.get(field, [""])[0] for field in ("name", "password"))
    return name, password


def _show_form(problem: str = "", status: int = 200) -> Response:
    text = (Path(__file__).parent / "login.html").read_text(encoding="utf-8")
    words = {
        "title": say("Log in"), "name": say("Name"), "password": say("Password"), "button": say("Log in"),
        "problem": problem,
    }  # fmt: skip
    for name, word in words.items():
        text = text.replace("{{" + name + "}}", html.escape(word))
    headers = {**_HEADERS, "content-security-policy": _FORM_POLICY, "cache-control": "no-store"}
    return Response(text, status, headers, media_type="text/html")
