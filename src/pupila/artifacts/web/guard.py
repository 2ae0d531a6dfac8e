"""What stands before every route: the refusals that need only the headers or a count of bytes."""

import codecs
import re
from collections.abc import Callable
from email.message import Message as HeaderParser

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pupila.artifacts.web.limits import BodyLimits, read_declared_length
from pupila.artifacts.web.refusals import RETRY_LATER, Refusal, over_limit, to_response
from pupila.core.messages import listing, say

# Others decode to half characters (utf-7), or take quadratic time (punycode).
_CHARSETS = ("utf-8", "ascii", "iso8859-1", "cp1252")
_BOUNDARY = re.compile(
    r"^multipart/form-data\s*;.*\bboundary=(?:\"([\w'()+,./:=? -]+)\"|([\w'+./:-]+))", re.IGNORECASE
)
_LONGEST_TYPE = 1000  # characters of a Content-Type with a charset: parameters take quadratic time to parse
_TAIL = 4096  # bytes in which a form must end
Admit = Callable[[], None]  # raises a Refusal where no more requests can be taken


class RequestGuard:
    """Answers HEAD as GET, and refuses bodies that can't be taken.

    A body is refused that is over the limit, with or without a declared length, that is compressed or of another
    charset, that comes while the queue is full, or that is more than all open requests may hold together.

    Args:
        app: the application behind it.
        limits: bytes of one request and of all.
        admit: called before the body of a POST is read.
    """

    def __init__(self, app: ASGIApp, limits: BodyLimits, admit: Admit | None = None) -> None:
        self.app, self.limits, self.admit = app, limits, admit
        self.held = 0  # bytes of all open requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's call."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            self._check(scope["method"], headers)
        except Refusal as refusal:
            scope["state"]["reason"] = refusal.reason
            await to_response(refusal, scope["state"]["id"])(scope, receive, send)
            return
        head = scope["method"] == "HEAD"
        read, tail, ending = 0, b"", _form_ending(headers.get("content-type", ""))

        async def receive_counted() -> Message:
            nonlocal read, tail
            message = await receive()
            body = message.get("body", b"")
            size = len(body)
            read += size
            self.held += size
            if read > self.limits.body:
                raise self._too_large(read)
            if self.held > self.limits.held:
                raise self._too_much()
            if ending and message["type"] == "http.request":
                tail = (tail + body if size < _TAIL else body)[-_TAIL:]
                if not message.get("more_body", False) and ending not in tail:
                    raise _cut_off()  # or its last part would be lost without a word
            return message

        async def send_head(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        try:
            # The server, which reads the method again, must not see the change.
            inner = {**scope, "method": "GET"} if head else scope
            await self.app(inner, receive_counted, send_head if head else send)
        finally:
            self.held -= read

    def _check(self, method: str, headers: Headers) -> None:
        """Refuse what the headers alone rule out.

        Raises:
            Refusal: 413, 415 or 503.
        """
        encodings = [
            name for name in headers.getlist("content-encoding") if name.strip().lower() != "identity"
        ]
        if encodings:
            raise Refusal(
                "compressed", say("The request is compressed"), listing(encodings), say("no Content-Encoding"),
                say("send the image files as they are: they are compressed already"), {"accept-encoding": "identity"},
            )  # fmt: skip
        if (charset := _other_charset(headers.get("content-type", ""))) is not None:
            raise Refusal(
                "unsupported-charset",
                say("Unsupported charset"),
                charset,
                "utf-8",
                say("send names and text fields as UTF-8"),
            )
        declared = read_declared_length(headers)
        if declared > self.limits.body:
            raise self._too_large(declared)
        if self.held + declared > self.limits.held and self.held:
            raise self._too_much()
        if method == "POST" and self.admit is not None:
            self.admit()

    def _too_large(self, length: int) -> Refusal:
        return over_limit(
            "large-body", say("The request is too large"), length, self.limits.body,
            say("send fewer images, or smaller ones"),
        )  # fmt: skip

    def _too_much(self) -> Refusal:
        return over_limit(
            "many-open-bytes", say("The open requests are too large together"), self.held, self.limits.held,
            say("send the request again"), RETRY_LATER,
        )  # fmt: skip


def _cut_off() -> Refusal:
    return Refusal(
        "cut-off", say("The multipart form is cut off"), expected=say("a form that ends with its boundary and --"),
        remedy=say("send the whole form"),
    )  # fmt: skip


def _form_ending(content_type: str) -> bytes:
    """How a multipart form of this type ends; nothing for other bodies."""
    match = _BOUNDARY.match(content_type)
    return b"" if match is None else f"--{match[1] or match[2]}--".encode("latin-1")


def _other_charset(content_type: str) -> str | None:
    """The charset of a body that is not taken; None where it is, or where none is named."""
    if "charset" not in content_type.lower():
        return None
    if len(content_type) > _LONGEST_TYPE:
        return content_type
    header = HeaderParser()
    header["content-type"] = content_type
    charsets = [value for name, value in header.get_params(()) if name.lower() == "charset"]
    others = (value for value in charsets if not _is_taken(value))  # parsers differ in which one counts
    return next((value if isinstance(value, str) else "charset*" for value in others), None)


def _is_taken(charset: object) -> bool:
    if not isinstance(charset, str):  # in three parts, as RFC 2231 has it
        return False
    try:
        return codecs.lookup(charset).name in _CHARSETS
    except (LookupError, ValueError):
        return False
