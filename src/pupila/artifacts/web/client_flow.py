"""What a client does, as steps: generators that name each step and receive its result, without input or output.

`client.py` runs them twice, in threads and in an event loop, so that both have the same requests, retries and errors.
"""

import math
import random
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pupila.artifacts.web.client_errors import (
    Reply,
    ServiceError,
    ServiceUnreachable,
    add_pause,
    describe_refusal,
)
from pupila.core.messages import say
from pupila.core.retry_after import read_retry_after
from pupila.core.secrets import Secret

RETRIED = frozenset({429, 503})
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0  # seconds between tries, doubled each time, before jitter


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request apart from the address of the service."""

    method: str
    path: str
    fields: Mapping[str, str] = field(default_factory=dict)  # of a form
    files: tuple[tuple[str, bytes], ...] = ()  # form field and content of each
    json: Mapping[str, Any] | None = None  # the body, instead of a form


@dataclass(frozen=True, slots=True)
class Send:
    """Send the request; its result is a `Reply`, or it raises `NotSent` or `NoReply`."""

    request: HttpRequest
    seconds: float  # until it fails


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for a while."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Work:
    """Call a function that reads files or computes."""

    call: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Together:
    """Run several flows at once; its result is the list of theirs, in their order."""

    flows: Sequence["Flow[Any]"]
    most: int  # at once


@dataclass(frozen=True, slots=True)
class Alone:
    """Run a flow while no other one runs alone; its result is that of the flow."""

    flow: "Flow[Any]"


Step = Send | Wait | Work | Together | Alone
Result = TypeVar("Result")
Flow = Generator[Step, Any, Result]


class NotSent(Exception):
    """The service did not get the request, so it may be sent again; `args` are the reason and the remedy, if any."""


class NoReply(Exception):
    """The service may have got the request and did not respond; `args` are as those of `NotSent`."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long a request is tried."""

    retries: int  # after the first try
    deadline: float  # seconds for all tries and the pauses between them
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class Service:
    """A service as its clients know it."""

    address: str
    token: Secret
    policy: RetryPolicy


def is_success(reply: Reply) -> bool:
    """Whether the service did what was requested."""
    return 200 <= reply.status < 300


def exchange(
    request: HttpRequest, service: Service, is_result: Callable[[Reply], bool] = is_success
) -> Flow[Reply]:
    """The successful response to a request; tried again where the service is busy or did not get it.

    A pause is at least what Retry-After demands. One that would end after the deadline is not begun.

    Args:
        request: apart from the address.
        service: with its address, token and retries.
        is_result: whether a response is what was requested, whatever its status.

    Raises:
        ServiceError: any other status, or still a busy one after the last try.
        ServiceUnreachable: no response.
    """
    policy = service.policy
    end = policy.clock() + policy.deadline
    tries = 0
    while True:
        longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**tries)
        demanded = 0.0
        failure: Exception
        try:
            reply: Reply = yield Send(request, end - policy.clock())
        except NotSent as fault:
            failure = _unreachable(service, fault)
        except NoReply as fault:
            raise _unreachable(service, fault) from None
        else:
            if is_result(reply):
                return reply
            failure = describe_refusal(reply, service.token)
            if reply.status not in RETRIED:
                raise failure
            demanded = read_retry_after(reply.headers.get("retry-after", "")) or 0.0
        tries += 1
        if tries > policy.retries:
            raise failure
        pause = demanded + longest * random.uniform(0.5, 1)
        if policy.clock() + pause >= end:
            if isinstance(failure, ServiceError) and demanded:
                enough = (
                    math.ceil(policy.deadline + demanded + longest) if math.isfinite(demanded) else demanded
                )
                raise add_pause(failure, demanded, policy.deadline, enough)
            raise failure
        yield Wait(pause)


def _unreachable(service: Service, fault: Exception) -> ServiceUnreachable:
    reason, *remedy = fault.args
    return ServiceUnreachable(
        say("Can't reach the service at {address}", address=service.address),
        service.token.scrub(reason),
        remedy="".join(remedy),
    )
