"""What one connection and one request may take."""

from collections.abc import Mapping
from dataclasses import dataclass

MOST_GROUP = 200  # characters of the name of related images


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits of connections; a client that reaches one is refused and disconnected.

    Only the client's time counts: a pause in which the server does not read is not part of it.
    """

    connections: int = 512  # at once; above it, one that is idle or slow to send is closed for another
    head_bytes: int = 65_536  # request line and headers, and likewise what chunks and trailers add to a body
    target_bytes: int = 16_384  # the request line's address
    headers: int = 100  # of one request, trailers among them
    pipelined: int = 64  # requests that were sent before the response to an earlier one
    idle_seconds: float = 20.0  # without a byte, while the request is incomplete or its response is not read
    head_seconds: float = 20.0  # for the request line and headers
    request_seconds: float = 600.0  # for a whole request
    bytes_per_second: float = 4_096.0  # of a body on average, after the first `idle_seconds`
    fresh_seconds: float = 1.0  # in which a connection that sent something is not closed for another
    linger_seconds: float = (
        2.0  # for which a refused client's data is still read, so that the refusal arrives
    )
    linger_bytes: int = 67_108_864  # of a refused client that are read, likewise
    drain_seconds: float = 0.0  # after SIGTERM in which requests are still taken
    grace_seconds: int = 30  # that accepted requests have after that
    lingering: int = 128  # connections that are refused above the limit and linger; the oldest one is reset


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """Limits of the bodies of requests."""

    body: int  # bytes of one request
    held: int  # bytes of all requests that are being received or processed
    files: int = 1  # of one form
    fields: int = 16  # text fields of one form
    field_bytes: int = 65_536  # of one text field


def read_declared_length(headers: Mapping[str, str]) -> int:
    """The Content-Length, bytes; 0 without a valid one, which the connection refuses."""
    length = headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdecimal() else 0
