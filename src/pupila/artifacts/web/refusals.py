"""Refused requests: their one form, and what the errors of the framework become in it."""

import errno
import json
import logging
import re
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import fastapi
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from pupila.artifacts.web.reasons import STATUS, TITLES, Reason, find_reason
from pupila.core.errors import PupilaError
from pupila.core.messages import mark, say, translate

_log = logging.getLogger("uvicorn.error")
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FILES_OPEN = (errno.EMFILE, errno.ENFILE)
_LONGEST = 200  # characters of a text that may come from the client
RETRY_AFTER = 1  # seconds
RETRY_LATER = {"retry-after": str(RETRY_AFTER)}  # headers of a refusal of only now
MEDIA_TYPE = "application/problem+json"
_TYPE, _INSTANCE = "urn:pupila:problem:", "urn:pupila:request:"
_BUILD = mark("let the HTTP library build the form, and set no Content-Type yourself")


class Refusal(fastapi.HTTPException):
    """A refused request.

    Args:
        reason: names the status, and what clients and metrics tell refusals apart by.
        problem: one clause: what is wrong; cut where it is long, as what a client sends may be.
        actual: what was found; cut likewise.
        expected: what would have been right.
        remedy: the next step.
        headers: of the response.
    """

    def __init__(
        self,
        reason: Reason,
        problem: str,
        actual: str = "",
        expected: str = "",
        remedy: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        problem, actual = _shorten(problem), _shorten(actual)
        super().__init__(STATUS[reason], problem, headers)
        self.reason: Reason = reason
        self.body = {"error": problem, "actual": actual, "expected": expected, "remedy": remedy}

    def describe(self) -> str:
        """What is wrong, was found and was expected, in one sentence."""
        return str(PupilaError(self.body["error"], self.body["actual"], self.body["expected"]))


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def over_limit(
    reason: Reason, problem: str, size: int, most: int, remedy: str, headers: Mapping[str, str] | None = None
) -> Refusal:
    """The refusal of so many bytes, of which so many are allowed."""
    return Refusal(reason, problem, say("{n} bytes", n=size), say("at most {n}", n=most), remedy, headers)


class Problem(BaseModel):
    """The body of every refusal: a problem of RFC 9457, and what Pupila adds."""

    type: str = Field(description=f"{_TYPE} and the reason; the same for every refusal of this kind")
    title: str = Field(description="the type in words")
    status: int = Field(description="HTTP status")
    detail: str = Field(description="this refusal in one sentence: error, actual and expected")
    instance: str = Field(description=f"{_INSTANCE} and the request_id")
    error: str = Field(description="what is wrong")
    actual: str = Field(description="what was sent; may be empty")
    expected: str = Field(description="what would have been right; may be empty")
    remedy: str = Field(description="what to do next; may be empty")
    request_id: str = Field(description="as in the header X-Request-ID and in the server's log")


def new_request_id() -> str:
    """A number that no other request has."""
    return uuid.uuid4().hex


def to_response(refusal: Refusal, request_id: str) -> Response:
    """The response, a problem of RFC 9457."""
    headers = {"x-request-id": request_id, **(refusal.headers or {})}
    problem = describe_problem(refusal, request_id)
    body = json.dumps(problem, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(body, refusal.status_code, headers, media_type=MEDIA_TYPE)


def describe_problem(refusal: Refusal, request_id: str) -> dict[str, Any]:
    """The fields of a `Problem`; half characters, which no encoding of text has, are shown by their number."""
    fields = {
        "type": _TYPE + refusal.reason, "title": translate(TITLES[refusal.reason]), "status": refusal.status_code,
        "detail": refusal.describe(), "instance": _INSTANCE + quote(request_id, safe=""), **refusal.body,
        "request_id": request_id,
    }  # fmt: skip
    return {
        name: field.encode("utf-8", "backslashreplace").decode() if isinstance(field, str) else field
        for name, field in fields.items()
    }


# How the framework's own sentence on a form begins -> reason, our problem and the remedy.
_FORM_FAULTS: dict[str, tuple[Reason, str, str]] = {
    "Too many files": ("many-files", mark("Too many files"), mark("split the files into several requests")),
    "Too many fields": (
        "many-fields",
        mark("Too many text fields"),
        mark("send no other fields than /docs names"),
    ),
    "Part exceeded": (
        "large-field",
        mark("A text field is too large"),
        mark("send images as files, with a file name"),
    ),
    "Field exceeded": (
        "large-field",
        mark("A text field is too large"),
        mark("send images as files, with a file name"),
    ),
    "Missing boundary": ("invalid-form", mark("The multipart boundary is missing"), _BUILD),
    "The Content-Disposition": ("invalid-form", mark("A part of the form has no name"), _BUILD),
    "Invalid multipart": ("invalid-form", mark("The multipart form is damaged"), _BUILD),
}


def method_not_allowed(method: str, allowed: str) -> Refusal:
    """The refusal of a method, with those that the address takes."""
    return Refusal(
        "method-not-allowed", say("Method not allowed"), method, allowed, say("see /docs"), {"allow": allowed}
    )


def from_http_error(fault: HTTPException, request: fastapi.Request) -> Refusal:
    """The refusal for an error of the framework; its headers, such as Allow, are kept."""
    if isinstance(fault, Refusal):
        return fault
    if isinstance(fault.__cause__, OSError):
        return from_disk_error(fault.__cause__, request.state.id)
    remedy, detail = say("see /docs"), str(fault.detail)
    if fault.status_code == 404:
        return Refusal("not-found", say("Page not found"), request.scope["path"], remedy=remedy)
    for start, (reason, problem, form_remedy) in _FORM_FAULTS.items():
        if detail.startswith(start):
            return Refusal(reason, translate(problem), *_form_limit(detail), translate(form_remedy))
    return Refusal(find_reason(fault.status_code), detail, remedy=remedy, headers=fault.headers)


def _form_limit(detail: str) -> tuple[str, str]:
    """What was found and what was expected, from the framework's sentence with the limit in it."""
    limit = re.search(r"maximum .*?(\d+)(KB)?", detail, re.IGNORECASE)
    if limit is None:
        return "", ""
    most = limit[1] + (" kB" if limit[2] else "")
    return say("more than {most}", most=most), say("at most {n}", n=most)


def from_disk_error(fault: OSError, request_id: str) -> Refusal:
    """The refusal where an upload can't be stored."""
    _log.error("request %s: can't store the upload: %s", request_id, fault)
    actual = fault.strerror or type(fault).__name__
    if fault.errno in _DISK_FULL:
        return Refusal(
            "disk-full", say("The server's temporary folder is full"), actual, say("room for the files of the request"),
            say("send fewer files, or free disk space on the server (TMPDIR names the folder)"),
        )  # fmt: skip
    if fault.errno in _FILES_OPEN:
        return Refusal(
            "many-open-files", say("The server has too many open files"), actual, remedy=say("send the request again"),
            headers=RETRY_LATER,
        )  # fmt: skip
    return Refusal(
        "storage", say("The server can't store the upload"), actual,
        remedy=say("search the server's log for this request_id"),
    )  # fmt: skip


def from_invalid_request(fault: RequestValidationError) -> Refusal:
    """The refusal of a request whose fields are not those of the route."""
    first = fault.errors()[0]
    location = [str(part) for part in first["loc"]]
    return Refusal(
        "invalid-request",
        say("Invalid request"),
        f"{'.'.join(location)}: {first['msg']}",
        remedy=say("see /docs"),
    )
