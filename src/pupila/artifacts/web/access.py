"""Who may use which route: tokens, scopes and rates, before any route is called and any body is read."""

import ipaddress
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from pupila.artifacts.web.logs import SecurityEvent
from pupila.artifacts.web.observing import MatchedRoute, find_address
from pupila.artifacts.web.rates import MovingWindow, Rate
from pupila.artifacts.web.refusals import Refusal, to_response
from pupila.artifacts.web.scopes import Access
from pupila.artifacts.web.token_file import Identity, TokenFile
from pupila.artifacts.web.tokens import Token, describe_state
from pupila.core.messages import listing, say

_SHARED_PREFIX = 64  # bits of an IPv6 address that one client has for itself
# Headers of proxies and of web pages; a page of any site may be open in this machine's browser.
_FOREIGN = ("forwarded", "x-real-ip", "via", "origin", "cf-connecting-ip", "true-client-ip", "x-client-ip")
_LOCAL_NAME = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?", re.IGNORECASE | re.ASCII)
_OPEN_SCOPES = ("predict", "feedback")  # of a service without tokens; the others are for this machine
_REPORTED = Rate(1, 60)  # refusals of one client by its rate that are in the security log
_HOW = "curl -H 'Authorization: Bearer TOKEN' ..."


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """Who may use a service.

    Args:
        tokens: None: everyone may send requests.
        address_rate: of requests without a valid token, from one address.
        report: gets what is refused; to be written to the security log.
    """

    tokens: TokenFile | None
    address_rate: Rate
    report: Callable[[SecurityEvent], None]
    token_window: MovingWindow = field(default_factory=MovingWindow)
    address_window: MovingWindow = field(
        default_factory=MovingWindow
    )  # of its own: addresses crowd out no token
    report_window: MovingWindow = field(default_factory=MovingWindow)


class AccessGuard:
    """Refuses requests whose route needs a scope that they don't show.

    Args:
        app: the application behind it.
        policy: of the service.
    """

    def __init__(self, app: ASGIApp, policy: AccessPolicy) -> None:
        self.app, self.policy = app, policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's call."""
        if scope["type"] == "http":
            try:
                self._check(scope)
            except Refusal as refusal:
                self._report(scope, refusal)
                await to_response(refusal, scope["state"]["id"])(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        """Let the request pass.

        Raises:
            Refusal: 401, 403 or 429.
        """
        matched: MatchedRoute = scope["state"]["route"]
        access = matched.access
        if access is not None and access.scope is None:
            return
        headers, address = Headers(scope=scope), find_address(scope)
        if self.policy.tokens is None:
            local = is_local(address, headers)
            if not matched.path or local or (access is not None and access.scope in _OPEN_SCOPES):
                return
            raise _only_here()
        if access is not None and access.loopback and is_local(address, headers):
            return
        token, rate = self._authenticate(self.policy.tokens, headers, scope)
        if rate is not None and (wait := self.policy.token_window.admit(token.id, rate)):
            raise _too_many(rate, wait, say("send fewer requests, or ask for a token with a higher rate"))
        if matched.path and (access is None or access.scope not in token.scopes):
            raise _wrong_scope(token, access)

    def _authenticate(self, tokens: TokenFile, headers: Headers, scope: Scope) -> tuple[Token, Rate | None]:
        """The valid token that the request shows, and its rate.

        Raises:
            Refusal: 401, or 429 where this address had too many of them.
        """
        secrets = find_secrets(headers)
        identity = tokens.identify(secrets[0]) if len(secrets) == 1 else Identity(None, "unknown")
        if identity.token is not None:
            scope["state"]["token"] = identity.token.id
            if identity.state == "valid":
                return identity.token, identity.rate
        rate = self.policy.address_rate
        if wait := self.policy.address_window.admit(find_network(find_address(scope)), rate):
            raise _too_many(
                rate, wait, say("send a valid token: requests without one are limited by address")
            )
        raise _no_valid_token(identity, len(secrets))

    def _report(self, scope: Scope, refusal: Refusal) -> None:
        state = scope["state"]
        state["reason"] = refusal.reason
        address, limited = find_address(scope), refusal.reason == "rate-limited"
        if limited and self.policy.report_window.admit(find_network(address), _REPORTED):
            return  # a flood would push all else out of the log; the access log has each of them
        self.policy.report(SecurityEvent(
            "refused", refusal.reason, refusal.body["actual"], state.get("token", ""), address, scope["method"],
            state["route"].path, state["id"],
        ))  # fmt: skip


def find_secrets(headers: Headers) -> list[str]:
    """The secrets that the request shows, each once."""
    shown = [key.strip() for key in headers.getlist("x-api-key")]
    for value in headers.getlist("authorization"):
        kind, _, secret = value.partition(" ")
        if kind.lower() == "bearer":
            shown.append(secret.strip())
    return list(dict.fromkeys(filter(None, shown)))


def find_network(address: str) -> str:
    """What counts as one client: an IPv4 address, or the 64 bits that a client with IPv6 has for itself.

    What is no address, as a proxy may pass it, counts as one client: empty.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((int(parsed), _SHARED_PREFIX), strict=False))
    return str(parsed)


def is_local(address: str, headers: Headers) -> bool:
    """Whether the request comes from this machine under its own name, through no proxy and no web page."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    hosts = headers.getlist("host")
    foreign = any(name in _FOREIGN or name.startswith("x-forwarded-") for name in headers)
    return (
        (mapped or parsed).is_loopback
        and not foreign
        and len(hosts) == 1
        and bool(_LOCAL_NAME.fullmatch(hosts[0]))
    )


def _challenge(error: str, **more: str) -> dict[str, str]:
    """What a client has to show (RFC 6750)."""
    parts = {"realm": "pupila", **({"error": error} if error else {}), **more}
    return {"www-authenticate": "Bearer " + ", ".join(f'{name}="{value}"' for name, value in parts.items())}


def _no_valid_token(identity: Identity, shown: int) -> Refusal:
    """The refusal of a request that shows so many tokens."""
    expected = say("a token in the header Authorization: Bearer, or X-API-Key")
    if shown > 1:
        return Refusal("unauthenticated", say("Several tokens in one request"), str(shown), say("one token"), _HOW,
                       _challenge("invalid_request"))  # fmt: skip
    if not shown:
        return Refusal(
            "unauthenticated", say("This needs a token"), say("no token"), expected, _HOW, _challenge("")
        )
    actual, remedy = say("an unknown token"), _HOW
    if identity.token is not None and identity.state != "unknown":
        actual = say("token {id}: {state}", id=identity.token.id, state=describe_state(identity.state))
        remedy = say("ask the operator of the service for another token")
    return Refusal("unauthenticated", say("The token is not valid"), actual, expected, remedy,
                   _challenge("invalid_token"))  # fmt: skip


def _wrong_scope(token: Token, access: Access | None) -> Refusal:
    if access is None or access.scope is None:
        return Refusal("forbidden", say("This route is closed: it names no scope"), remedy=say("see /docs"))
    return Refusal(
        "forbidden", say("The token has no such scope"), listing(list(token.scopes)), access.scope,
        say("ask the operator of the service for a token with this scope"),
        _challenge("insufficient_scope", scope=access.scope),
    )  # fmt: skip


def _only_here() -> Refusal:
    return Refusal(
        "forbidden", say("The service has no tokens: this is for its own machine only"),
        say("a request from another machine, through a proxy or under another name"),
        remedy="pupila serve BUNDLE --tokens tokens.json",
    )  # fmt: skip


def _too_many(rate: Rate, wait: float, remedy: str) -> Refusal:
    seconds = math.ceil(wait)
    return Refusal(
        "rate-limited", say("Too many requests, try again in {n} s", n=seconds),
        expected=say("at most {n} in {seconds} s", n=rate.requests, seconds=rate.seconds),
        remedy=remedy, headers={"retry-after": str(seconds)},
    )  # fmt: skip
