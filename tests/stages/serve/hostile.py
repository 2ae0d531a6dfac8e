"""A generator of hostile requests: bytes that a client of a service should never send, drawn from a seed."""

import json
import random
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

BOUNDARY = b"m"
_HEAD = b"POST /%s HTTP/1.1\r\nHost: x\r\n%s"
_ADDRESS = b"a://" + b"?key" * 15_000  # what is removed from texts are the secrets of addresses
_TARGETS = (
    b"predict/single", b"predict/batch", b"predict/single?a=%ED%A0%80", b"predict/single?explain=true", b"%ff",
    b"segment", b"segment?points=%5B%5B3,3%5D%5D", b"segment?image_id=" + b"0" * 64, b"segment?points=[[1e999,NaN]]",
    _ADDRESS[:9000].replace(b"?", b"%3F")[:9000], b"predict/single?" + _ADDRESS[:9000],
)  # fmt: skip
_NAMES = (
    b"a.png",
    b"\xed\xa0\x80",
    b"\xff" * 40,
    b"../../etc/passwd",
    b"a\\x00.png",
    b"%ED%A0%80",
    b"",
    b"a" * 3000,
    _ADDRESS[:3000],
    b"a://" + b"b:c@" * 700,
)
_CHARSETS = (b"", b"; charset=utf-7", b"; charset=undefined", b"; charset=punycode", b"; charset=utf-8")


def requests(seed: int, image: bytes, header: bytes = b"") -> Iterator[list[bytes]]:
    """Endless requests, each as the pieces in which it is sent.

    Args:
        seed: of the draws.
        image: a valid one.
        header: a line that most of them have.
    """
    draw = random.Random(seed)
    kinds = (
        _headers,
        _points,
        _chunks,
        _lengths,
        _pipelines,
        _forms,
        _upgrades,
        _mutated,
        _encoded,
        _raw,
        _json,
    )
    while True:
        pieces = draw.choice(kinds)(draw, image)
        more = header if draw.random() < 0.8 else b""
        yield [piece.replace(b"Host: x\r\n", b"Host: x\r\n" + more) for piece in pieces]


def _form(draw: random.Random, image: bytes) -> tuple[bytes, bytes]:
    """The content type and the body of a form."""
    field = draw.choice((b"file", b"files", b"image", b"\xff", b""))
    parts = []
    for _ in range(draw.choice((0, 1, 1, 1, 2, 5, 200))):
        disposition = b'Content-Disposition: form-data; name="%s"' % field
        if draw.random() < 0.8:
            disposition += b'; filename="%s"' % draw.choice(_NAMES)
        data = draw.choice((image, image[: len(image) // 2], b"", b"\r\n-" * 5000, b"[[1e999,NaN]]"))
        parts.append(b"--%s\r\n%s\r\n\r\n%s\r\n" % (BOUNDARY, disposition, data))
    ending = draw.choice((b"--%s--\r\n" % BOUNDARY, b"", b"--"))
    return b"multipart/form-data; boundary=" + BOUNDARY + draw.choice(_CHARSETS), b"".join(parts) + ending


def _head(draw: random.Random) -> bytes:
    header = draw.choice((
        b"", b"", b"Authorization: Bearer %s\r\n" % _ADDRESS, b"Authorization: Bearer \xff\r\n", b"X-API-Key: x\r\n",
        b"X-Request-ID: %s\r\n" % _ADDRESS, b"Authorization: Basic %s\r\n" % (b"a:" * 20_000),
        b"Content-Encoding: %s\r\n" % _ADDRESS, b"Content-Type: a; charset=%s\r\n" % _ADDRESS,
        b"Content-Type: a; charset=\"%s\r\n" % (b";" * 60_000),
    ))  # fmt: skip
    return _HEAD % (draw.choice(_TARGETS), header)


def _typed(draw: random.Random, kind: bytes, body: bytes) -> list[bytes]:
    """A request with a body of a type, whole or cut off."""
    head = b"Content-Type: %s\r\nContent-Length: %d\r\n\r\n" % (kind, len(body))
    return [_head(draw) + head + body[: draw.choice((len(body), len(body), len(body) // 2))]]


def _raw(draw: random.Random, image: bytes) -> list[bytes]:
    kind = draw.choice(
        (b"image/jpeg", b"image/", b"image/\xff", b"application/octet-stream", b"", b"text/plain", b"a" * 900)
    )
    return _typed(
        draw, kind, draw.choice((image, image[: len(image) // 2], b"", image * 50, b"\0" * 300_000))
    )


def _json(draw: random.Random, image: bytes) -> list[bytes]:
    """JSON that is damaged, deep, of other types or of hostile texts."""
    text = b64encode(image).decode()
    value: Any = draw.choice((
        text, text[:-1], f"data:image/png;base64,{text}", "data:,", "=" * 1000, "A" * 400_000, "\ud800", 5, None, [],
        {}, [[]] * 100_000, [text] * 2, [text] * 200, [None], {"image": text}, True,
    ))  # fmt: skip
    fields = {draw.choice(("image", "images", "explain", "", "__proto__", "\0")): value for _ in range(3)}
    body = json.dumps(fields).encode()
    body = draw.choice((
        body, body, body[: len(body) // 2], b"[" * 90_000, b'{"image":' * 9_000, b"\xff\xfe" + body, b"1e999", b"NaN",
        b'{"image": "' + b"\\u0041" * 50_000 + b'"}', body.replace(b"/", b"\\/"), b" " * 100_000,
    ))  # fmt: skip
    return _typed(draw, b"application/json" + draw.choice(_CHARSETS), body)


def _whole(draw: random.Random, image: bytes, extra: bytes = b"") -> bytes:
    kind, body = _form(draw, image)
    return _head(draw) + extra + b"Content-Type: %s\r\nContent-Length: %d\r\n\r\n" % (kind, len(body)) + body


def _forms(draw: random.Random, image: bytes) -> list[bytes]:
    return [_whole(draw, image)]


def _points(draw: random.Random, image: bytes) -> list[bytes]:
    """A prompt, with or without its image."""
    value = draw.choice((
        b"[[3,3]]", b"[[1e999,3]]", b"[" * 60_000, b"[],", b"[[3]]", b"[[3,3]" + b",[3,3]" * 9000 + b"]", _ADDRESS, b"",
    ))  # fmt: skip
    form = b'--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
    body = form % (BOUNDARY, draw.choice((b"points", b"negatives", b"box", b"image_id", _NAMES[-2])), value)
    kind, rest = _form(draw, image)
    return _typed(draw, kind, draw.choice((b"", body)) + body + rest)


def _headers(draw: random.Random, _: bytes) -> list[bytes]:
    line = draw.choice(
        (
            b"A: %s\r\n" % (b"a" * 60_000),
            b"A: %s\r\n" % _ADDRESS,
            b"a: b\r\n" * 500,
            b"\r\n",
            b"A" * 70_000,
            b": \r\n",
            b" fold\r\n",
        )
    )
    start = draw.choice((b"", b"\r\n" * 1000, b"\0" * 10))
    return [start + _head(draw), *[line] * draw.choice((1, 3, 30)), b"\r\n"]


def _chunks(draw: random.Random, image: bytes) -> list[bytes]:
    kind, body = _form(draw, image)
    head = _head(draw) + b"Content-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n" % kind
    size = draw.choice(
        (b"%x" % len(body), b"-1", b"zz", b"0x5", b"f" * 17, b"%x;%s" % (len(body), b"e" * 90_000), b"")
    )
    ending = draw.choice(
        (b"0\r\n\r\n", b"0\r\n" + b"T: x\r\n" * 300 + b"\r\n", b"0\r\nX-Request-ID: late\r\n\r\n", b"")
    )
    return [head, size + b"\r\n", body + draw.choice((b"\r\n", b"", b"xx")), ending]


def _lengths(draw: random.Random, image: bytes) -> list[bytes]:
    kind, body = _form(draw, image)
    lengths = draw.choice(
        (
            b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n" % len(body),
            b"Content-Length: %d\r\nContent-Length: 3\r\n" % len(body),
            b"Content-Length: -5\r\n", b"Content-Length: 9999999999999999999999\r\n", b"Content-Length: 3, 3\r\n",
            b"Content-Length: %d\r\n" % (len(body) + 50), b"Transfer-Encoding: gzip, chunked\r\n",
            b"Transfer-Encoding: chunked, identity\r\n", b"Content-Length : 3\r\n", b"Content-Length: 1e3\r\n",
        )
    )  # fmt: skip
    return [_head(draw) + b"Content-Type: %s\r\n" % kind + lengths + b"\r\n" + body]


def _pipelines(draw: random.Random, image: bytes) -> list[bytes]:
    each = draw.choice(
        (b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n", _whole(draw, image), b"GET / HTTP/1.1\r\n\r\n")
    )
    return [each * draw.choice((2, 20, 300)), b"GET /hea"]


def _upgrades(draw: random.Random, image: bytes) -> list[bytes]:
    kind = draw.choice(
        (b"websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAA", b"h2c", b"\xff", b"TLS/1.0")
    )
    extra = b"Connection: Upgrade\r\nUpgrade: %s\r\n" % kind
    return [
        draw.choice(
            (
                _whole(draw, image, extra),
                b"CONNECT a:1 HTTP/1.1\r\n\r\n",
                b"GET / HTTP/1.1\r\n" + extra + b"\r\n",
            )
        )
    ]


def _encoded(draw: random.Random, image: bytes) -> list[bytes]:
    extra = draw.choice((b"Content-Encoding: gzip, gzip\r\n", b"Expect: 100-continue\r\n", b"Expect: x\r\n",
                         b"X-Request-ID: \xff\xfe\r\n", b"Accept: image/png\r\n", b"Host: [\r\n"))  # fmt: skip
    return [_whole(draw, image, extra)]


def _mutated(draw: random.Random, image: bytes) -> list[bytes]:
    """A request with some bytes changed, in random pieces."""
    data = bytearray(_whole(draw, image))
    for _ in range(draw.choice((1, 3, 20))):
        data[draw.randrange(min(len(data), 400))] = draw.randrange(256)
    cuts = sorted(draw.randrange(len(data)) for _ in range(draw.choice((0, 1, 8))))
    return [bytes(data[start:end]) for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
