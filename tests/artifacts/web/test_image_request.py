"""The parser of requests with images: the same bytes in every form, and nothing but refusals for anything else."""

import asyncio
import contextlib
import json
import re
from base64 import b64encode
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import FiniteFloat
from starlette.exceptions import HTTPException
from starlette.requests import Request

from pupila.artifacts.web.base64_images import decode_base64
from pupila.artifacts.web.image_request import ImageBody, ImageRequest, Options
from pupila.artifacts.web.limits import BodyLimits
from pupila.artifacts.web.refusals import Refusal, to_response
from pupila.imaging.images.decode import ImageFault

LIMITS = BodyLimits(body=100_000, held=1_000_000, files=3, fields=4, field_bytes=1000)
MOST = 3000  # bytes of an image
BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


class PointOptions(Options):
    """Options of every kind."""

    flag: bool = False
    name: str | None = None
    points: tuple[tuple[FiniteFloat, FiniteFloat], ...] = ()


Parsed = tuple[list[bytes | str], PointOptions]  # the bytes of each image, or the code of its fault


def parse(
    data: bytes, kind: str, query: str = "", batch: bool = False, least: int = 1, cuts: tuple[int, ...] = ()
) -> Parsed:
    """What the parser makes of a body that arrives in pieces."""
    body = ImageBody(PointOptions, LIMITS, MOST, least, batch)
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(edges)]

    async def receive() -> dict[str, Any]:
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def run() -> Parsed:
        scope = {"type": "http", "method": "POST", "path": "/", "query_string": query.encode(), "app": None,
                 "headers": [(b"content-type", kind.encode())] if kind else [], "state": {"id": "x"}}  # fmt: skip
        async with contextlib.asynccontextmanager(body.__call__)(Request(scope, receive)) as sent:
            return read(sent), sent.options

    return asyncio.run(run())


def read(sent: ImageRequest[PointOptions]) -> list[bytes | str]:
    contents: list[bytes | str] = []
    for image in sent.images:
        try:
            contents.append(image.read())
        except ImageFault as fault:
            contents.append(fault.code)
    return contents


def refused(data: bytes, kind: str, query: str = "", batch: bool = False) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        parse(data, kind, query, batch)
    return refusal.value


def multipart(*parts: tuple[str, bytes]) -> bytes:
    bodies = [
        f"--m\r\nContent-Disposition: form-data; {name}\r\n\r\n".encode() + data + b"\r\n"
        for name, data in parts
    ]
    return b"".join(bodies) + b"--m--\r\n"


FORM = "multipart/form-data; boundary=m"
image_bytes = st.binary(max_size=MOST).filter(lambda data: b"--m" not in data)


@given(
    image_bytes,
    st.tuples(st.integers(0, 9999), st.integers(0, 9999)),
    st.sampled_from(["", "data:image/png;base64,", "DATA:;x=1;BASE64,"]),
)
def test_an_image_has_the_same_bytes_in_every_form(data: bytes, cuts: tuple[int, int], prefix: str) -> None:
    options = PointOptions(flag=True, name="a", points=((1, 2.5),))
    form = multipart(('name="file"; filename="a"', data), ('name="flag"', b"true"), ('name="name"', b"a"),
                     ('name="points"', b"[[1, 2.5]]"))  # fmt: skip
    text = json.dumps({
        "image": prefix + b64encode(data).decode(), "flag": True, "name": "a", "points": [[1, 2.5]]
    })  # fmt: skip
    query = "flag=true&name=a&points=[[1,2.5]]"
    assert parse(form, FORM, cuts=cuts) == ([data], options)
    assert parse(text.encode(), "application/json; charset=utf-8", cuts=cuts) == ([data], options)
    assert parse(text.replace("/", "\\/").encode(), "application/json") == ([data], options)  # as PHP has it
    for kind in ("image/jpeg", "IMAGE/x-anything; q=1", "application/octet-stream"):
        assert parse(data, kind, query, cuts=cuts) == ([data], options)
    assert parse(data, "", query, cuts=cuts) == ([data], options) if data else refused(data, "", query)


@given(st.lists(image_bytes, min_size=1, max_size=3))
def test_a_batch_keeps_its_order(images: list[bytes]) -> None:
    form = multipart(*((f'name="files"; filename="{n}"', data) for n, data in enumerate(images)))
    text = json.dumps({"images": [b64encode(data).decode() for data in images]}).encode()
    assert parse(form, FORM, batch=True)[0] == parse(text, "application/json", batch=True)[0] == images
    assert parse(images[0], "image/png", batch=True)[0] == images[:1]


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["image", "images", "flag", "name", "points", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)
kinds = st.sampled_from([
    "", FORM, "application/json", "image/png", "application/octet-stream", "text/plain", "multipart/form-data",
    "application/x-www-form-urlencoded", "multipart/mixed; boundary=m", "\xff", "multipart/form-data; boundary=",
    "application/json; charset=utf-16",
])  # fmt: skip


@given(json_values, st.booleans())
def test_any_json_is_parsed_or_refused(value: Any, batch: bool) -> None:
    with contextlib.suppress(Refusal):
        images, options = parse(json.dumps(value).encode("utf-8", "replace"), "application/json", batch=batch)
        assert 1 <= len(images) <= 3 and isinstance(options, PointOptions)


@given(st.binary(max_size=300), kinds, st.text("fxpoint=&%[1,]a", max_size=30), st.booleans())
def test_any_bytes_are_parsed_or_refused(data: bytes, kind: str, query: str, batch: bool) -> None:
    try:
        parse(data, kind, query, batch)
    except HTTPException as refusal:  # of this parser, or of the framework's for forms
        assert 400 <= refusal.status_code < 500


texts = st.text("Aa+/=09-_ \n", max_size=12) | st.text(max_size=8)


@given(texts | st.binary(max_size=9).map(lambda data: b64encode(data).decode()))
def test_base64_is_strict(text: str) -> None:
    try:
        data = decode_base64(text, 100)
    except ImageFault as fault:
        assert fault.code == "invalid-base64" and fault.reason
        assert not BASE64.fullmatch(text) or text[:5].lower() == "data:"
    else:
        assert BASE64.fullmatch(text) and len(data) == len(text) // 4 * 3 - text.count("=")


@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [
        ("QQ", "invalid-base64", "2 characters, or = before the end"),
        ("QQ==QQ==", "invalid-base64", "8 characters, or = before the end"),
        ("QUJD\nQUJD", "invalid-base64", "the character '\\n' at position 5"),
        ("Q-_=", "invalid-base64", "the character '-' at position 2"),
        ("é===", "invalid-base64", "the character 'é' at position 1"),
        ("data:image/png,QQ==", "invalid-base64", "a data URL without `;base64,`"),
        ("A", "invalid-base64", "1 character, or = before the end"),
        ("A" * 136, "oversized", "102 bytes; the limit is 100"),
    ],
)  # fmt: skip
def test_a_refused_text_says_what_is_wrong(text: str, code: str, reason: str) -> None:
    with pytest.raises(ImageFault) as fault:
        decode_base64(text, 100)
    assert fault.value.code == code and reason in fault.value.reason


SINGLE = """send the image as multipart field 'file', as a raw image body, or as JSON {"image": base64}"""
SEVERAL = "send the images as multipart fields 'files', as JSON {\"images\": [base64, ...]}, or one as a raw image body"


@pytest.mark.parametrize(
    ("data", "kind", "reason", "actual"),
    [
        (b"a=b", "application/x-www-form-urlencoded", "unsupported-media-type", "application/x-www-form-urlencoded"),
        (b"", "", "invalid-request", "no body"),
        (b"{}", "application/json", "invalid-request", "a body of type application/json without an image"),
        (b'{"images": ["QQ=="]}', "application/json", "invalid-request", "the fields `images`"),
        (b'{"image": null}', "application/json", "invalid-request", "a body of type application/json"),
        (b'{"image": ["QQ=="]}', "application/json", "invalid-request", "image: ['QQ==']"),
        (b"[]", "application/json", "invalid-json", "[]"),
        (b"{", "application/json", "invalid-json", "EOF while parsing"),
        (b'{"image": "\xff"}', "application/json", "invalid-json", "unicode"),
        (b'{"image": NaN}', "application/json", "invalid-json", "expected value"),
        (b"[" * 2000, "application/json", "invalid-json", "recursion limit"),
        (b"[" * 5000, "application/json", "invalid-json", "5000 commas and brackets"),
        (b'{"image":[' + b"[]," * 2600 + b"1]}", "application/json", "invalid-json", "5202 commas and brackets"),
        (b'{"image":"' + b"{," * 3000 + b'"}', "application/json", "invalid-json", "6001 commas and brackets"),
        (multipart(('name="image"; filename="a"', b"1")), FORM, "invalid-request", "a file in the field `image`"),
        (multipart(('name="file"', b"1")), FORM, "invalid-request", "the field `file` is text"),
        (multipart(('name="note"', b"1")), FORM, "invalid-request", "the fields `note`"),
        (multipart(), FORM, "invalid-request", "a body of type multipart/form-data without an image"),
    ],
)  # fmt: skip
def test_a_body_without_an_image_says_how_to_send_it(
    data: bytes, kind: str, reason: str, actual: str
) -> None:
    for batch, remedy in ((False, SINGLE), (True, SEVERAL)):
        if batch and (b"image" in data or b"file" in data):
            continue
        refusal = refused(data, kind, batch=batch)
        assert (refusal.reason, refusal.body["remedy"]) == (reason, remedy)
        assert actual in refusal.body["actual"]


@pytest.mark.parametrize(
    ("data", "kind", "query", "problem", "expected"),
    [
        (b"1", "image/png", "flag=maybe", "Invalid field flag", ""),
        (b"1", "image/png", "flg=true", "Unknown field flg", "file, flag, name, points"),
        (b"1", "image/png", "flag=true&flag=true", "The field flag occurs twice", ""),
        (b'{"image": "QQ==", "name": 5}', "application/json", "", "Invalid field name", ""),
        (b'{"image": "QQ==", "points": [[1]]}', "application/json", "", "Invalid field points", ""),
        (b'{"image": "QQ==", "flag": true}', "application/json", "flag=true", "The field flag occurs twice", ""),
    ],
)  # fmt: skip
def test_a_wrong_option_is_refused(data: bytes, kind: str, query: str, problem: str, expected: str) -> None:
    refusal = refused(data, kind, query)
    assert (refusal.reason, refusal.body["error"]) == ("invalid-request", problem)
    assert expected in refusal.body["expected"]


@pytest.mark.parametrize(
    ("data", "kind", "reason"),
    [
        (b"1" * (MOST + 1), "image/png", "oversized"),
        (b'{"image": "' + b"A" * 20_000 + b'"}', "application/json", "large-body"),
        (json.dumps({"images": ["QQ=="] * 4}).encode(), "application/json", "many-files"),
    ],
)
def test_a_body_above_its_limit_is_refused(data: bytes, kind: str, reason: str) -> None:
    assert refused(data, kind, batch=b"images" in data).reason == reason


def test_an_image_above_the_limit_is_a_fault_of_its_own() -> None:
    images = json.dumps({"images": [b64encode(b"1" * n).decode() for n in (1, MOST + 1, 2)]}).encode()
    assert parse(images, "application/json", batch=True)[0] == [b"1", "oversized", b"11"]
    files = [(f'name="files"; filename="{n}"', b"1" * n) for n in (1, MOST + 1, MOST)]
    assert parse(multipart(*files), FORM, batch=True)[0] == [b"1", "oversized", b"1" * MOST]


def test_a_route_that_needs_no_image_takes_options_alone() -> None:
    assert parse(b"", "", "name=a", least=0) == ([], PointOptions(name="a"))
    assert parse(b'{"name": "a"}', "application/json", least=0) == ([], PointOptions(name="a"))
    assert parse(multipart(('name="name"', b"a"), ('name="flag"', b"")), FORM, least=0)[1].name == "a"


def test_many_points_and_images_are_no_hostile_structure() -> None:
    points = tuple((float(n), 0.0) for n in range(256))
    fields = {"images": ["data:image/png;base64,QQ=="] * 3, "points": points}
    images, options = parse(json.dumps(fields).encode(), "application/json", batch=True)
    assert (images, options.points) == ([b"A"] * 3, points)


LONG = "n" * 100_000


@pytest.mark.parametrize(
    ("data", "kind", "query"),
    [
        (b"1", "image/png", f"{LONG}=1"), (b"1", "image/png", f"flag={LONG}"),
        (b"1", "image/png", f"{LONG}=1&{LONG}=1"), (b"1", LONG, ""),
        (multipart((f'name="{LONG[:3000]}"', b"1")), FORM, ""),
        (multipart((f'name="{LONG[:3000]}"; filename="a"', b"1")), FORM, ""),
    ],
)  # fmt: skip
def test_a_refusal_repeats_little_of_what_was_sent(data: bytes, kind: str, query: str) -> None:
    refusal = refused(data, kind, query)
    assert len(to_response(refusal, "x").body) < 2000
    assert "nnn…" in refusal.body["error"] + refusal.body["actual"]
