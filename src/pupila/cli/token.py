"""`pupila token new`, `rotate`, `revoke`, `list`: who may use a service."""

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pupila.cli.options import JsonOption
from pupila.core.durations import parse_seconds
from pupila.core.json_text import dump_json
from pupila.core.messages import mark, say

if TYPE_CHECKING:
    from pupila.artifacts.web.tokens import Token

NEW = mark("Issue a token for a service: the secret is printed once, and the file has only its hash.")
ROTATE = mark("Issue a token in the place of another one, which stays valid for a while.")
REVOKE = mark("Revoke a token: a running service refuses it from its next request on.")
LIST = mark("List the tokens of a service with their scopes and states.")

TokensOption = Annotated[
    str,
    typer.Option("--tokens", metavar="FILE", help=mark("File of the tokens, which `pupila serve` reads.")),
]
IdArgument = Annotated[
    str, typer.Argument(metavar="ID", help=mark("Id of the token, the 8 digits in `pupila token list`."))
]
FILE = "tokens.json"


def new(
    scopes: Annotated[
        str,
        typer.Option("--scopes", metavar="NAMES", help=mark("One or several of predict, feedback, metrics, admin.")),
    ],
    tokens: TokensOption = FILE,
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="TIME", help=mark("Lifetime, such as 90d or 12h [no end]."))
    ] = None,
    rate: Annotated[
        str | None,
        typer.Option("--rate", metavar="RATE", help=mark("Maximum number of requests, such as 60/min [no limit].")),
    ] = None,
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help=mark("Who has it, for the list."))] = "",
    json_: JsonOption = False,
) -> None:  # fmt: skip
    """Issue, and print the secret."""
    from pupila.artifacts.web.tokens import add_token

    lifetime = None if expires is None else parse_seconds(expires, say("Invalid --expires"))
    names = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    token, secret = add_token(tokens, names, lifetime, rate, name)
    _print_secret(token, secret, tokens, json_)


def rotate(
    token_id: IdArgument,
    tokens: TokensOption = FILE,
    overlap: Annotated[
        str, typer.Option("--overlap", metavar="TIME", help=mark("How long the old one stays valid."))
    ] = "24h",
    json_: JsonOption = False,
) -> None:
    """Issue the new one, and print its secret."""
    from pupila.artifacts.web.tokens import rotate_token

    seconds = parse_seconds(overlap, say("Invalid --overlap"))
    token, secret, old = rotate_token(tokens, token_id, seconds)
    if not json_ and old.expires is not None:
        _tell(say("Token {id} ends at {time}.", id=old.id, time=_show(old.expires)))
    _print_secret(token, secret, tokens, json_)


def revoke(token_id: IdArgument, tokens: TokensOption = FILE, json_: JsonOption = False) -> None:
    """Revoke, and print it."""
    from pupila.artifacts.web.tokens import revoke_token

    token = revoke_token(tokens, token_id)
    if json_:
        print(dump_json(_as_dict(token), indent=1))
    elif token.revoked is not None:
        print(say("Token {id} was revoked at {time}.", id=token.id, time=_show(token.revoked)))


def list_(tokens: TokensOption = FILE, json_: JsonOption = False) -> None:
    """Print them, oldest first."""
    from pupila.artifacts.web.tokens import describe_state, now, read_tokens

    known = read_tokens(tokens)
    if json_:
        print(dump_json([_as_dict(token) for token in known], indent=1))
        return
    if not known:
        print(say("{path} has no tokens.", path=tokens))
    moment = now()
    for token in known:
        end = say("until {time}", time=_show(token.expires)) if token.expires else say("no end")
        parts = [token.id, describe_state(token.find_state(moment)), ",".join(token.scopes), end,
                 token.rate or say("no rate limit"), token.name]  # fmt: skip
        print("  ".join(part for part in parts if part))


def _print_secret(token: "Token", secret: str, path: str, json_: bool) -> None:
    """The secret alone on the standard output, so that scripts can take it; what to do with it beside."""
    if json_:
        print(dump_json({**_as_dict(token), "secret": secret}, indent=1))
        return
    _tell(say("Token {id} with the scopes {scopes}. Its secret is shown this once; {path} has its hash.", id=token.id,
              scopes=", ".join(token.scopes), path=path))  # fmt: skip
    print(secret)


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def _as_dict(token: "Token") -> dict[str, Any]:
    """The token without its hash, with its state."""
    from pupila.artifacts.web.tokens import now

    return {**token.model_dump(mode="json", exclude={"sha256"}), "state": token.find_state(now())}


def _show(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")
