"""What a route needs: each names the scope that a token must have, and a route that names none is closed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

Scope = Literal["predict", "feedback", "metrics", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
_ATTRIBUTE = "access"


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use a route.

    Args:
        scope: that the token must have; None: everyone may, without a token.
        loopback: whether requests from this machine need no token.
    """

    scope: Scope | None
    loopback: bool = False


PUBLIC = Access(None)


def needs(access: Access | Scope) -> Callable[[Endpoint], Endpoint]:
    """Name what a route needs; stands under the route's own decorator."""

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _ATTRIBUTE, access if isinstance(access, Access) else Access(access))
        return endpoint

    return mark


def find_access(endpoint: object) -> Access | None:
    """What the route of this endpoint needs; None where it does not say."""
    access = getattr(endpoint, _ATTRIBUTE, None)
    return access if isinstance(access, Access) else None
