"""The tokens of a service: issue, rotate, revoke and list them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from pupila.api.inputs import Path, path_text
from pupila.core.display import Displayed, Summary
from pupila.core.durations import parse_seconds
from pupila.core.extras import public
from pupila.core.messages import say

if TYPE_CHECKING:
    from pupila.artifacts.web.tokens import Token


@dataclass(frozen=True, slots=True, repr=False)
class ServiceToken(Displayed):
    """A token, without its secret."""

    id: str
    name: str  # who has it; empty: not named
    scopes: tuple[str, ...]
    rate: str | None  # such as 60/min; None: no limit
    not_before: datetime
    expires: datetime | None  # None: never
    revoked: datetime | None  # None: it was not
    state: str  # valid, early, expired or revoked

    def summary(self) -> Summary:
        """Id and scopes."""
        return Summary(
            "ServiceToken", self.id, {say("scopes"): ", ".join(self.scopes), say("state"): self.state}
        )

    def describe(self) -> str:
        """It in one line: id, state, scopes, end, rate and name."""
        from pupila.artifacts.web.tokens import describe_state

        end = (
            say("until {time}", time=f"{self.expires:%Y-%m-%d %H:%M} UTC") if self.expires else say("no end")
        )
        parts = [self.id, describe_state(self.state), ", ".join(self.scopes), end, self.rate or say("no rate limit"),
                 self.name]  # fmt: skip
        return "  ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True, repr=False)
class IssuedToken(Displayed):
    """A new token with its secret, which is nowhere else."""

    token: ServiceToken
    secret: str = field(repr=False)
    replaces: ServiceToken | None = None  # a token that ends soon; None: none

    def summary(self) -> Summary:
        """That of the token, and that the secret is in it."""
        facts = self.token.summary().facts
        return Summary("IssuedToken", self.token.id, {**facts, say("secret"): "***"})


class TokenList(Displayed):
    """The tokens in a file, which `pupila.serve(..., tokens=path)` reads.

    Args:
        path: of the file; `issue` makes it where there is none.
    """

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path

    def __fspath__(self) -> str:
        return self.path

    def summary(self) -> Summary:
        """The file."""
        return Summary("TokenList", self.path, {})

    def issue(
        self, scopes: Sequence[str], *, expires: str | None = None, rate: str | None = None, name: str = ""
    ) -> IssuedToken:
        """Issue a token; the file has only the hash of its secret.

        Args:
            scopes: one or several of predict, feedback, metrics, admin.
            expires: lifetime, such as 90d or 12h; None: no end.
            rate: maximum number of requests, such as 60/min; None: no limit.
            name: who has it.

        Raises:
            PupilaError: an unknown scope, an invalid time or rate, or a file that can't be read or written.
        """
        from pupila.artifacts.web.tokens import add_token

        lifetime = None if expires is None else parse_seconds(expires, say("Invalid lifetime"))
        token, secret = add_token(self.path, scopes, lifetime, rate, name)
        return IssuedToken(_describe(token), secret)

    def rotate(self, token_id: str, overlap: str = "24h") -> IssuedToken:
        """Issue a token in the place of another one, which ends after the overlap.

        Args:
            token_id: of the token that ends, or its secret.
            overlap: for which both are valid, such as 24h.

        Raises:
            PupilaError: no such token, one that has ended, or an invalid time.
        """
        from pupila.artifacts.web.tokens import rotate_token

        seconds = parse_seconds(overlap, say("Invalid overlap"))
        token, secret, old = rotate_token(self.path, token_id, seconds)
        return IssuedToken(_describe(token), secret, _describe(old))

    def revoke(self, token_id: str) -> ServiceToken:
        """End a token, named by its id or its secret: a running service refuses it from its next request on.

        Raises:
            PupilaError: no such token.
        """
        from pupila.artifacts.web.tokens import revoke_token

        return _describe(revoke_token(self.path, token_id))

    def list(self) -> tuple[ServiceToken, ...]:
        """All tokens, oldest first.

        Raises:
            PupilaError: no such file, or a damaged one.
        """
        from pupila.artifacts.web.tokens import read_tokens

        return tuple(_describe(token) for token in read_tokens(self.path))


@public
def tokens(path: Path = "tokens.json") -> TokenList:
    """The tokens in a file: who may use a service that is served with `tokens=path`.

    Args:
        path: of the file.
    """
    return TokenList(path_text(path))


def _describe(token: "Token") -> ServiceToken:
    from pupila.artifacts.web.tokens import now

    return ServiceToken(
        token.id, token.name, token.scopes, token.rate, token.not_before, token.expires, token.revoked,
        token.find_state(now()),
    )  # fmt: skip
