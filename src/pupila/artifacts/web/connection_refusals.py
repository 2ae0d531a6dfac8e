"""The refusals of connections that reach a limit."""

from pupila.artifacts.web.limits import ConnectionLimits
from pupila.artifacts.web.refusals import RETRY_LATER, Refusal, method_not_allowed, over_limit
from pupila.core.messages import say


def invalid_http() -> Refusal:
    """Bytes that are no request."""
    return Refusal(
        "invalid-http", say("The request is not valid HTTP"), expected=say("a request of HTTP/1.1"),
        remedy=say("let an HTTP library build the request"),
    )  # fmt: skip


def no_tunnel() -> Refusal:
    """CONNECT."""
    return method_not_allowed("CONNECT", "GET, HEAD, OPTIONS, POST")


def long_address(size: int, limits: ConnectionLimits) -> Refusal:
    """An address of so many bytes."""
    return over_limit(
        "long-address", say("The address is too long"), size, limits.target_bytes,
        say("send data as the request's body"),
    )  # fmt: skip


def many_headers(limits: ConnectionLimits) -> Refusal:
    """More headers than the limit."""
    return Refusal(
        "large-headers", say("Too many headers"), expected=say("at most {n}", n=limits.headers),
        remedy=say("send fewer headers"),
    )  # fmt: skip


def large_headers(size: int, limits: ConnectionLimits) -> Refusal:
    """Request line and headers of so many bytes."""
    return over_limit(
        "large-headers", say("The headers are too large"), size, limits.head_bytes,
        say("send smaller headers, and the data in the body"),
    )  # fmt: skip


def large_framing(size: int, limits: ConnectionLimits) -> Refusal:
    """Chunk extensions and trailers of so many bytes."""
    return over_limit(
        "large-framing", say("The chunk extensions or trailers are too large"), size, limits.head_bytes,
        say("send the data in the chunks"),
    )  # fmt: skip


def many_pipelined(limits: ConnectionLimits) -> Refusal:
    """More requests before the first response than the limit."""
    return Refusal(
        "pipelined", say("Too many requests before the first response"),
        expected=say("at most {n}", n=limits.pipelined), remedy=say("wait for responses, or open more connections"),
    )  # fmt: skip


def many_connections(limits: ConnectionLimits) -> Refusal:
    """More connections than the limit."""
    return Refusal(
        "many-connections", say("Too many connections"), expected=say("at most {n}", n=limits.connections),
        remedy=say("send the request again"), headers=RETRY_LATER,
    )  # fmt: skip


def too_slow() -> Refusal:
    """A request that did not come in time."""
    return Refusal(
        "timeout", say("The request did not arrive in time"), expected=say("a complete request"),
        remedy=say("send the request again, over a faster connection"),
    )  # fmt: skip
