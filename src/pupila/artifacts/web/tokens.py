"""The tokens of a service: who may send requests, in a file that has the hash of each secret and never the secret."""

import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from pupila.artifacts.web.rates import parse_rate
from pupila.artifacts.web.scopes import SCOPES, Scope
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.json_text import dump_json
from pupila.core.messages import listing, say
from pupila.core.records import Record, read_record
from pupila.core.writing import write_error

PREFIX = "pupila"  # of every secret, so that scanners of repositories recognise it
_MOST_BYTES = 10_000_000  # of the file: some 20,000 tokens
_LONGEST_NAME = 100  # characters
_ID_BYTES, _SECRET_BYTES = 4, 32
State = Literal["valid", "early", "expired", "revoked"]
Now = Callable[[], datetime]


class Token(Record):
    """What the file has of one token."""

    id: str = Field(pattern=r"^[0-9a-f]{8}$", description="in the logs and in the secret")
    name: str = Field(description="who has it; empty: not named")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="hash of the secret")
    scopes: tuple[Scope, ...] = Field(min_length=1, description="what it may be used for")
    rate: str | None = Field(description="requests for a unit of time, such as 60/min; null: no limit")
    not_before: AwareDatetime = Field(description="when it becomes valid")
    expires: AwareDatetime | None = Field(description="when it ends; null: never")
    revoked: AwareDatetime | None = Field(default=None, description="when it was revoked; null: it was not")
    replaced_by: str | None = Field(
        default=None, description="id of the token that it was rotated to; null: none"
    )

    def find_state(self, now: datetime) -> State:
        """Whether it is valid at this time, or why not."""
        if self.revoked is not None and now >= self.revoked:
            return "revoked"
        if self.expires is not None and now >= self.expires:
            return "expired"
        return "early" if now < self.not_before else "valid"


class TokenTable(Record):
    """The file `tokens.json`."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    tokens: tuple[Token, ...]


def now() -> datetime:
    """The time to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def hash_secret(secret: str) -> str:
    """SHA-256 of a secret; one of 256 random bits needs no slower hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def split_secret(secret: str) -> str:
    """The id in a secret; empty where it has none."""
    prefix, _, rest = secret.partition("_")
    return rest.partition("_")[0] if prefix == PREFIX else ""


def read_tokens(path: str) -> tuple[Token, ...]:
    """The tokens of the file.

    Raises:
        PupilaError: no such file, or other content.
    """
    problem = say("Damaged file of tokens: {path}", path=path)
    _check_file(path)
    try:
        table = read_record(
            TokenTable, path, problem, say("restore it from a backup, or delete it and issue new tokens")
        )
    except FileNotFoundError as fault:
        raise _no_file(path) from fault
    ids = [token.id for token in table.tokens]
    if len(set(ids)) < len(ids):
        raise PupilaError(problem, say("an id twice"))
    for token in table.tokens:
        if token.rate is not None:
            parse_rate(token.rate)
    return table.tokens


def add_token(
    path: str, scopes: Sequence[str], lifetime: float | None, rate: str | None, name: str, clock: Now = now
) -> tuple[Token, str]:
    """A new token, and its secret, which is nowhere else.

    Args:
        path: of the file, which is made where there is none.
        scopes: what it may be used for; a text has commas between them.
        lifetime: seconds; None: it never expires.
        rate: such as 60/min; None: no limit.
        name: who has it.
        clock: the time.

    Raises:
        PupilaError: an unknown scope, an invalid rate, or a file that can't be read or written.
    """
    known = _check_scopes(scopes.split(",") if isinstance(scopes, str) else scopes)
    if rate is not None:
        parse_rate(rate)
    if not name.isprintable() or len(name) > _LONGEST_NAME:
        raise PupilaError(say("Invalid name of a token"), repr(name[:_LONGEST_NAME]),
                          say("at most {n} printable characters", n=_LONGEST_NAME))  # fmt: skip
    start = clock()
    token, secret = _make(known, rate, name, start, _add(start, lifetime))
    if not files.is_remote(path) and not Path(path).exists():
        _create(path)
    _change(path, lambda tokens: (*tokens, token))
    return token, secret


def rotate_token(path: str, token_id: str, overlap: float, clock: Now = now) -> tuple[Token, str, Token]:
    """A new token in the place of another one, which ends after the overlap.

    Args:
        path: of the file.
        token_id: of the token that ends.
        overlap: seconds for which both are valid.
        clock: the time.

    Returns:
        The new token, its secret, and the old token.

    Raises:
        PupilaError: no such token, or one that is valid no more or was rotated before.
    """
    outcome: list[Any] = []

    def change(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
        old, start = _find(path, tokens, token_id), clock()
        if (state := old.find_state(start)) in ("revoked", "expired"):
            raise PupilaError(
                say("Can't rotate token {id}", id=token_id), actual=describe_state(state),
                expected=say("a valid token"), remedy="pupila token new --scopes " + ",".join(old.scopes),
            )  # fmt: skip
        if old.replaced_by is not None:
            raise PupilaError(
                say("Can't rotate token {id}", id=token_id), actual=say("it was rotated to {id}", id=old.replaced_by),
                remedy=f"pupila token rotate {old.replaced_by}",
            )  # fmt: skip
        lifetime = None if old.expires is None else (old.expires - old.not_before).total_seconds()
        token, secret = _make(old.scopes, old.rate, old.name, start, _add(start, lifetime))
        end = start + timedelta(seconds=overlap)
        end = end if old.expires is None else min(end, old.expires)
        ended = old.model_copy(update={"expires": end, "replaced_by": token.id})
        outcome[:] = token, secret, ended
        return (*(ended if other.id == old.id else other for other in tokens), token)

    _change(path, change)
    token, secret, ended = outcome
    return token, secret, ended


def revoke_token(path: str, token_id: str, clock: Now = now) -> Token:
    """The token, which is valid no more from now on.

    Raises:
        PupilaError: no such token.
    """
    outcome: list[Token] = []

    def change(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
        old = _find(path, tokens, token_id)
        revoked = old if old.revoked is not None else old.model_copy(update={"revoked": clock()})
        outcome[:] = [revoked]
        return tuple(revoked if other.id == old.id else other for other in tokens)

    _change(path, change)
    return outcome[0]


def describe_state(state: str) -> str:
    """The state in the user's language."""
    return {
        "valid": say("valid"), "early": say("not valid yet"), "expired": say("expired"), "revoked": say("revoked")
    }[state]  # fmt: skip


def _check_scopes(given: Sequence[str]) -> tuple[Scope, ...]:
    scopes = [name for scope in given if (name := scope.strip())]
    known = tuple(scope for scope in SCOPES if scope in scopes)
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not known:
        raise PupilaError(
            say("Invalid scopes"), listing(unknown) or say("none"), listing(list(SCOPES)),
            "pupila token new --scopes predict",
        )  # fmt: skip
    return known


def _add(start: datetime, lifetime: float | None) -> datetime | None:
    if lifetime is None:
        return None
    try:
        return start + timedelta(seconds=lifetime)
    except OverflowError as fault:
        raise PupilaError(say("The token would expire too late"), say("{n} seconds", n=lifetime),
                          say("a date before the year 10000")) from fault  # fmt: skip


def _make(
    scopes: tuple[Scope, ...], rate: str | None, name: str, start: datetime, end: datetime | None
) -> tuple[Token, str]:
    number = secrets.token_hex(_ID_BYTES)
    secret = f"{PREFIX}_{number}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    return Token(
        id=number, name=name, sha256=hash_secret(secret), scopes=scopes, rate=rate, not_before=start, expires=end
    ), secret  # fmt: skip


def _find(path: str, tokens: tuple[Token, ...], token_id: str) -> Token:
    for token in tokens:
        if token.id in (token_id, split_secret(token_id)):
            return token
    raise PupilaError(
        say("Unknown token: {id}", id=token_id[: 2 * _ID_BYTES]), expected=listing([token.id for token in tokens], 5),
        remedy=f"pupila token list --tokens {path}",
    )  # fmt: skip


def _check_file(path: str) -> None:
    """Refuse what is no file of tokens, before it is read.

    Raises:
        PupilaError: an address of a store, a folder, a pipe, or a file that is too large.
    """
    if files.is_remote(path):
        raise PupilaError(
            say("The tokens of a service lie on its own machine"), path, say("the path of a file")
        )
    try:
        status = Path(path).stat()
    except OSError:  # whoever reads it says why
        return
    if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_BYTES:
        raise PupilaError(
            say("Not a file of tokens: {path}", path=path),
            expected=say("a file of at most {n} bytes", n=_MOST_BYTES),
        )


def _no_file(path: str) -> PupilaError:
    return PupilaError(
        say("No file of tokens: {path}", path=path), remedy=f"pupila token new --scopes predict --tokens {path}"
    )  # fmt: skip


def _create(path: str) -> None:
    """An empty file, which nobody but its owner may read."""
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError as fault:
        raise write_error(path, fault, say("a writable folder")) from fault


def _change(path: str, change: Callable[[tuple[Token, ...]], tuple[Token, ...]]) -> None:
    """Replace the tokens of the file; other processes wait."""
    _check_file(path)
    if not Path(path).exists():
        raise _no_file(path)

    def replace(content: bytes) -> bytes:
        table = TokenTable(tokens=change(read_tokens(path) if content else ()))
        return (dump_json(table.model_dump(mode="json", by_alias=True), indent=1) + "\n").encode()

    files.update(path, replace)
