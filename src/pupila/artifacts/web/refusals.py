"""Refused requests: their one form, and what the errors of the framework become in it."""

import errno
import json
import logging
import re
import uuid
from collections.abc import Mapping
from typing import Any

import fastapi
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.responses import Response

from pupila.core.messages import listing, mark, say, translate

_log = logging.getLogger("uvicorn.error")
UPLOAD_FIELDS = ("file", "files")  # the form fields that are files, on every route
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FILES_OPEN = (errno.EMFILE, errno.ENFILE)
_SHOWN = 5  # names of form fields in a refusal
RETRY_AFTER = 1  # seconds
RETRY_LATER = {"retry-after": str(RETRY_AFTER)}  # headers of a refusal of only now
_BUILD = mark("let the HTTP library build the form, and set no Content-Type yourself")


class Refusal(fastapi.HTTPException):
    """A refused request.

    Args:
        status: HTTP status.
        problem: one clause: what is wrong.
        actual: what was found.
        expected: what would have been right.
        remedy: the next step.
        headers: of the response.
    """

    def __init__(
        self,
        status: int,
        problem: str,
        actual: str = "",
        expected: str = "",
        remedy: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, problem, headers)
        self.body = {"error": problem, "actual": actual, "expected": expected, "remedy": remedy}


def over_limit(
    status: int, problem: str, size: int, most: int, remedy: str, headers: Mapping[str, str] | None = None
) -> Refusal:
    """The refusal of so many bytes, of which so many are allowed."""
    return Refusal(status, problem, say("{n} bytes", n=size), say("at most {n}", n=most), remedy, headers)


class Problem(BaseModel):
    """The body of every refusal."""

    error: str
    actual: str
    expected: str
    remedy: str
    request_id: str


REFUSALS: dict[int | str, dict[str, Any]] = {
    code: {"model": Problem} for code in (400, 408, 413, 415, 422, 500, 503, 507)
}


def new_request_id() -> str:
    """A number that no other request has."""
    return uuid.uuid4().hex


def to_response(refusal: Refusal, request_id: str) -> Response:
    """The response; half characters, which no encoding of text has, are shown by their number."""
    texts = {**refusal.body, "request_id": request_id}
    shown = {name: text.encode("utf-8", "backslashreplace").decode() for name, text in texts.items()}
    headers = {"x-request-id": request_id, **(refusal.headers or {})}
    body = json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(body, refusal.status_code, headers, media_type="application/json")


# How the framework's own sentence on a form begins -> status, our problem and the remedy.
_FORM_FAULTS = {
    "Too many files": (413, mark("Too many files"), mark("split the files into several requests")),
    "Too many fields": (413, mark("Too many text fields"), mark("send no other fields than /docs names")),
    "Part exceeded": (413, mark("A text field is too large"), mark("send images as files, with a file name")),
    "Field exceeded": (
        413,
        mark("A text field is too large"),
        mark("send images as files, with a file name"),
    ),
    "Missing boundary": (400, mark("The multipart boundary is missing"), _BUILD),
    "The Content-Disposition": (400, mark("A part of the form has no name"), _BUILD),
    "Invalid multipart": (400, mark("The multipart form is damaged"), _BUILD),
}


def from_http_error(fault: HTTPException, request: fastapi.Request) -> Refusal:
    """The refusal for an error of the framework; its headers, such as Allow, are kept."""
    if isinstance(fault, Refusal):
        return fault
    if isinstance(fault.__cause__, OSError):
        return _from_disk_error(fault.__cause__, request.state.id)
    remedy, detail = say("see /docs"), str(fault.detail)
    if fault.status_code == 404:
        return Refusal(404, say("Page not found"), request.scope["path"], remedy=remedy)
    if fault.status_code == 405:
        allowed = (fault.headers or {}).get("Allow", "")
        allowed = allowed.replace("GET", "GET, HEAD")
        return Refusal(405, say("Method not allowed"), request.method, allowed, remedy, {"allow": allowed})
    for start, (status, problem, form_remedy) in _FORM_FAULTS.items():
        if detail.startswith(start):
            return Refusal(status, translate(problem), *_form_limit(detail), translate(form_remedy))
    return Refusal(fault.status_code, detail, remedy=remedy, headers=fault.headers)


def _form_limit(detail: str) -> tuple[str, str]:
    """What was found and what was expected, from the framework's sentence with the limit in it."""
    limit = re.search(r"maximum .*?(\d+)(KB)?", detail, re.IGNORECASE)
    if limit is None:
        return "", ""
    most = limit[1] + (" kB" if limit[2] else "")
    return say("more than {most}", most=most), say("at most {n}", n=most)


def _from_disk_error(fault: OSError, request_id: str) -> Refusal:
    """The refusal where an upload can't be stored."""
    _log.error("request %s: can't store the upload: %s", request_id, fault)
    actual = fault.strerror or type(fault).__name__
    if fault.errno in _DISK_FULL:
        return Refusal(
            507, say("The server's temporary folder is full"), actual, say("room for the files of the request"),
            say("send fewer files, or free disk space on the server (TMPDIR names the folder)"),
        )  # fmt: skip
    if fault.errno in _FILES_OPEN:
        return Refusal(
            503, say("The server has too many open files"), actual, remedy=say("send the request again"),
            headers=RETRY_LATER,
        )  # fmt: skip
    return Refusal(
        500, say("The server can't store the upload"), actual,
        remedy=say("search the server's log for this request_id"),
    )  # fmt: skip


def from_invalid_request(fault: RequestValidationError, request: fastapi.Request) -> Refusal:
    """The refusal of a request whose fields are not those of the route."""
    first = fault.errors()[0]
    location = [str(part) for part in first["loc"]]
    if location[:1] == ["body"] and location[1:2] and location[1] in UPLOAD_FIELDS:
        field = location[1]
        return Refusal(
            422, say("Invalid request"), _describe_body(fault.body, request, field),
            say("a multipart field `{field}` with a file name", field=field),
            f"curl -F {field}=@photo.jpg http://HOST{request.scope['path']}",
        )  # fmt: skip
    return Refusal(
        422, say("Invalid request"), f"{'.'.join(location)}: {first['msg']}", remedy=say("see /docs")
    )


def _describe_body(body: Any, request: fastapi.Request, field: str) -> str:
    """What was sent instead of a file."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if not isinstance(body, FormData) or not kind.startswith("multipart/") or not body:
        return say("a body of type {kind}", kind=kind) if kind else say("no multipart form")
    if field in body:
        return say("the field `{field}` is text: it has no file name", field=field)
    return say("the fields {names}", names=listing([f"`{name}`" for name in body], _SHOWN))
