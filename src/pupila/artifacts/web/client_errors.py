"""What a client of a service raises: the service's own refusal, or that it can't be reached."""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pupila.core.errors import PupilaError
from pupila.core.messages import escape_controls, say
from pupila.core.secrets import Secret

_LONGEST = 300  # characters of a text that is no JSON


@dataclass(frozen=True, slots=True)
class Reply:
    """A response whose body was read."""

    status: int
    headers: Mapping[str, str] = field(repr=False)  # names in lower case
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class RefusedRequest:
    """What identifies a refusal."""

    status: int  # of HTTP
    request_id: str = ""  # that the service gave the request, for its log; empty where it gave none
    reason: str = ""  # the last part of the problem's type, such as queue-full; empty where it has none


class ServiceError(PupilaError):
    """A request that the service refused, or whose response can't be used.

    Args:
        problem: what is wrong, as the service describes it.
        actual: what it found.
        expected: what would have been right.
        remedy: the next step.
        request: `status`, `request_id` and `reason`, which are attributes of the error.
    """

    def __init__(
        self, problem: str, actual: str, expected: str, remedy: str, request: RefusedRequest
    ) -> None:
        super().__init__(problem, actual, expected, remedy)
        self.args = (problem, actual, expected, remedy, request)
        self.status, self.request_id, self.reason = request.status, request.request_id, request.reason

    def __str__(self) -> str:
        number = say("request {id}", id=self.request_id) if self.request_id else ""
        return super().__str__() + f"\n  {', '.join(filter(None, [f'HTTP {self.status}', number]))}"


class ServiceUnreachable(PupilaError):
    """No response: the service is down or elsewhere, or the connection was lost."""

    def __init__(self, problem: str, actual: str = "", expected: str = "", remedy: str = "") -> None:
        expected = expected or say("a service that responds")
        remedy = remedy or say("start it with pupila serve BUNDLE, or correct the address")
        super().__init__(problem, actual, expected, remedy)


def describe_refusal(reply: Reply, secret: Secret) -> ServiceError:
    """The error for a response that is no success.

    Args:
        reply: a problem of the service (RFC 9457), or whatever a proxy before it sent.
        secret: the token, which is removed should the response repeat it.
    """
    texts = _read_problem(reply)
    problem = texts.pop("problem").rstrip(".") or say("The service refused the request")
    if location := reply.headers.get("location", ""):
        texts |= {
            "actual": say("a redirection to {address}", address=location),
            "expected": say("the address of the service itself"),
        }
    clean = {name: secret.scrub(text) for name, text in texts.items()}
    request = RefusedRequest(reply.status, clean.pop("request_id"), clean.pop("reason"))
    if request.reason == "unauthenticated" and "curl" in clean["remedy"]:
        clean["remedy"] = say('Client(URL, token="..."), or export PUPILA_TOKEN=...')
    return ServiceError(secret.scrub(problem), **clean, request=request)


def describe_misfit(reply: Reply, why: str, secret: Secret) -> ServiceError:
    """The error for a response of another form.

    Args:
        reply: its body is not shown.
        why: what is wrong with it.
        secret: the token, which is removed should the response repeat it.
    """
    return ServiceError(
        say("The response can't be read"), secret.scrub(escape_controls(why)), say("the response of a Pupila service"),
        say("correct the address, or install the same version of pupila on both machines"),
        RefusedRequest(reply.status, secret.scrub(_read_request_id(reply))),
    )  # fmt: skip


def add_pause(refusal: ServiceError, pause: float, deadline: float, enough: float) -> ServiceError:
    """The refusal of a busy service, with why the request is not tried again.

    Args:
        refusal: of the service.
        pause: seconds that the service asks for.
        deadline: seconds, which do not leave them.
        enough: seconds that would.
    """
    problem, actual, expected, _, request = refusal.args
    excess = say("a pause of {pause} s that the service asks for and that the deadline of {deadline} s does not leave",
                 pause=f"{pause:g}", deadline=f"{deadline:g}")  # fmt: skip
    return ServiceError(
        problem, "; ".join(filter(None, [actual, excess])), expected, f"deadline={enough:.0f}", request
    )


def _read_request_id(reply: Reply) -> str:
    return escape_controls(reply.headers.get("x-request-id", ""))


def _read_problem(reply: Reply) -> dict[str, str]:
    """The texts of a refusal, each empty where it has none."""
    content: Any = None
    text = reply.body.decode("utf-8", "replace")
    with contextlib.suppress(ValueError, RecursionError):
        content = json.loads(text)
    fields = content if isinstance(content, dict) else {"actual": " ".join(text.split())[:_LONGEST]}

    def read(*names: str) -> str:
        values = (fields.get(name) for name in names)
        return escape_controls(next((value for value in values if isinstance(value, str) and value), ""))

    return {
        "problem": read("error", "title", "detail"), "actual": read("actual"), "expected": read("expected"),
        "remedy": read("remedy"), "request_id": read("request_id") or _read_request_id(reply),
        "reason": read("type").rpartition(":")[2],
    }  # fmt: skip
