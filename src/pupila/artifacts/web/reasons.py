"""Why requests are refused: a bounded list, each reason with its HTTP status and a title."""

from typing import Literal

from pupila.core.messages import mark

Reason = Literal[
    "invalid-http", "large-framing", "pipelined", "cut-off", "invalid-form", "invalid-json", "unauthenticated",
    "forbidden", "not-found", "unknown-image-id", "method-not-allowed", "timeout", "conflict", "gone", "large-body",
    "many-files", "many-fields", "large-field", "long-address", "compressed", "unsupported-charset",
    "unsupported-media-type", "oversized", "not-an-image", "missing-extra", "unreadable", "truncated", "empty-file",
    "invalid-base64", "invalid-request", "no-heat-map", "rate-limited", "large-headers", "internal-error",
    "not-finite", "storage", "queue-full", "many-explanations", "many-connections", "many-open-bytes", "no-memory",
    "many-open-files", "disk-full",
]  # fmt: skip
STATUS: dict[Reason, int] = {
    "invalid-http": 400, "large-framing": 400, "pipelined": 400, "cut-off": 400, "invalid-form": 400,
    "invalid-json": 400, "unauthenticated": 401, "forbidden": 403, "not-found": 404, "unknown-image-id": 404,
    "method-not-allowed": 405, "timeout": 408, "conflict": 409, "gone": 410, "large-body": 413, "many-files": 413,
    "many-fields": 413, "large-field": 413, "oversized": 413, "long-address": 414, "compressed": 415,
    "unsupported-charset": 415, "unsupported-media-type": 415, "not-an-image": 415, "missing-extra": 415,
    "unreadable": 422, "truncated": 422, "empty-file": 422, "invalid-base64": 422, "invalid-request": 422,
    "no-heat-map": 422, "rate-limited": 429, "large-headers": 431, "internal-error": 500, "not-finite": 500,
    "storage": 500, "queue-full": 503, "many-explanations": 503, "many-connections": 503, "many-open-bytes": 503,
    "no-memory": 503, "many-open-files": 503, "disk-full": 507,
}  # fmt: skip
TITLES: dict[Reason, str] = {
    "invalid-http": mark("The request is not valid HTTP"),
    "large-framing": mark("Chunk extensions or trailers are too large"),
    "pipelined": mark("Too many requests before the first response"),
    "cut-off": mark("The request is cut off"),
    "invalid-form": mark("The multipart form is damaged"),
    "invalid-json": mark("The body is not the JSON that the route takes"),
    "unauthenticated": mark("The request needs a valid token"),
    "forbidden": mark("This request is not allowed"),
    "not-found": mark("There is nothing at this address"),
    "unknown-image-id": mark("The image is no longer cached"),
    "method-not-allowed": mark("The address does not take this method"),
    "timeout": mark("The request did not arrive in time"),
    "conflict": mark("The request does not fit the current state"),
    "gone": mark("The file is no longer readable"),
    "large-body": mark("The request is too large"),
    "many-files": mark("The request has too many images"),
    "many-fields": mark("The form has too many text fields"),
    "large-field": mark("A text field is too large"),
    "oversized": mark("An image is too large"),
    "long-address": mark("The address is too long"),
    "compressed": mark("The request is compressed"),
    "unsupported-charset": mark("The charset is not supported"),
    "unsupported-media-type": mark("The type of the body is not supported"),
    "not-an-image": mark("The file is not an image"),
    "missing-extra": mark("The image format needs an extra that is not installed"),
    "unreadable": mark("The image is damaged"),
    "truncated": mark("The image is cut off"),
    "empty-file": mark("The image has no bytes"),
    "invalid-base64": mark("The image is not valid base64"),
    "invalid-request": mark("A field is missing or invalid"),
    "no-heat-map": mark("The model has no heat maps"),
    "rate-limited": mark("Too many requests in a short time"),
    "large-headers": mark("The headers are too large or too many"),
    "internal-error": mark("The server failed"),
    "not-finite": mark("The model's output is not a finite number"),
    "storage": mark("The server can't store the upload"),
    "queue-full": mark("The queue is full"),
    "many-explanations": mark("Too many requests are explained at once"),
    "many-connections": mark("Too many connections"),
    "many-open-bytes": mark("The open requests are too large together"),
    "no-memory": mark("No memory for decoding"),
    "many-open-files": mark("The server has too many open files"),
    "disk-full": mark("The server's temporary folder is full"),
}
# The codes of an `ImageFault`, that of base64 among them.
IMAGE_FAULTS: tuple[Reason, ...] = (
    "empty-file", "not-an-image", "unreadable", "truncated", "oversized", "missing-extra", "invalid-base64",
)  # fmt: skip
_GENERAL: dict[int, Reason] = {
    400: "invalid-form",
    413: "large-body",
    415: "unsupported-media-type",
    503: "queue-full",
}


def find_reason(status: int) -> Reason:
    """The reason for a refusal of the framework, of which only the status is known."""
    if status in _GENERAL:
        return _GENERAL[status]
    fallback: Reason = "internal-error" if status >= 500 else "invalid-request"
    return next((reason for reason, code in STATUS.items() if code == status), fallback)
