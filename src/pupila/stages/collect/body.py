"""Reading the body of a response within a limit: the bytes that arrive, and those that they are decompressed to."""

import zlib

import httpx

from pupila.core.messages import listing, say
from pupila.stages.collect.rules import FetchRefused

ACCEPT_ENCODING = "gzip, deflate"  # what is requested and read, one at a time
_ENCODINGS = frozenset({"gzip", "x-gzip", "deflate"})


async def read_body(response: httpx.Response, max_bytes: int) -> bytes:
    """Read and decompress the body, up to the limit, whatever its Content-Length says.

    It is decompressed here and not by the client, which would inflate each piece whole, and one encoding within
    another, before anyone looks at a limit.

    Args:
        response: its body not read yet.
        max_bytes: of the body, both as it arrives and decompressed.

    Raises:
        FetchRefused: it is larger, or has several encodings or one that was not requested.
        httpx.RequestError: it can't be read or decompressed.
    """
    encoding = _encoding(response.headers)
    declared = response.headers.get("content-length", "")
    too_large = FetchRefused(say("larger than {n} bytes", n=max_bytes))
    # A number of more digits than a limit has is larger; Python refuses to read one of thousands.
    if declared.isdecimal() and (len(declared.lstrip("0")) > 18 or int(declared) > max_bytes):
        raise too_large
    inflater = _Inflater(encoding) if encoding else None
    parts, arrived, size = [], 0, 0
    async for part in response.aiter_raw():
        arrived += len(part)
        content = inflater.inflate(part, max_bytes + 1 - size) if inflater else part
        parts.append(content)
        size += len(content)
        if max(arrived, size) > max_bytes:
            raise too_large
    if inflater and arrived and not inflater.is_complete:
        raise httpx.DecodingError(say("the compressed body is incomplete"))
    return b"".join(parts)


def _encoding(headers: httpx.Headers) -> str:
    """The encoding of the body; "" where there is none.

    Raises:
        FetchRefused: several encodings, or one that was not requested.
    """
    names = [name.strip().lower() for name in headers.get_list("content-encoding", split_commas=True)]
    names = [name for name in names if name not in ("", "identity")]
    if len(names) > 1:
        raise FetchRefused(say("several content encodings: {names}", names=listing(names)))
    if names and names[0] not in _ENCODINGS:
        raise FetchRefused(say("unknown content encoding {name}", name=names[0]))
    return names[0] if names else ""


class _Inflater:
    """Decompresses piece by piece; what follows the end of the stream is ignored, as browsers do."""

    def __init__(self, encoding: str) -> None:
        self._encoding, self._start = encoding, b""
        self._stream: zlib._Decompress | None = None

    @property
    def is_complete(self) -> bool:
        """Whether the end of the stream was seen."""
        return self._stream is not None and self._stream.eof

    def inflate(self, part: bytes, most: int) -> bytes:
        """At most so many bytes (1 or more) of what the piece is decompressed to; a longer one is over the limit."""
        if self.is_complete:
            return b""
        if self._stream is None:
            self._start += part
            if len(self._start) < 2:
                return b""
            self._stream, part = zlib.decompressobj(_window_bits(self._encoding, self._start)), self._start
        try:
            return self._stream.decompress(part, most)
        except zlib.error as fault:
            raise httpx.DecodingError(say("the compressed body is damaged: {fault}", fault=fault)) from fault


def _window_bits(encoding: str, start: bytes) -> int:
    """How zlib reads a body that begins so; servers send `deflate` with and without the header of RFC 1950."""
    if encoding != "deflate":
        return zlib.MAX_WBITS | 16
    has_header = start[0] & 0x0F == 8 and int.from_bytes(start[:2]) % 31 == 0
    return zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS
