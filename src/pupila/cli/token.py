"""`pupila token new`, `rotate`, `revoke`, `list`: who may use a service."""

import sys
from datetime import datetime
from typing import Annotated, Any

import typer

from pupila.cli.options import JsonOption
from pupila.core.json_text import dump_json
from pupila.core.messages import mark, say

NEW = mark("Issue a token for a service: the secret is printed once, and the file has only its hash.")
ROTATE = mark("Issue a token in the place of another one, which stays valid for a while.")
REVOKE = mark("Revoke a token: a running service refuses it from its next request on.")
LIST = mark("List the tokens of a service with their scopes and states.")

FileOption = Annotated[
    str, typer.Option("--tokens", metavar="FILE", help=mark("File of the tokens, which `pupila serve` reads."))
]  # fmt: skip
IdArgument = Annotated[
    str, typer.Argument(metavar="ID", help=mark("Id of the token, the 8 digits in `pupila token list`."))
]
FILE = "tokens.json"


def new(
    scopes: Annotated[
        str,
        typer.Option("--scopes", metavar="NAMES", help=mark("One or several of predict, feedback, metrics, admin.")),
    ],
    tokens: FileOption = FILE,
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
    from pupila.api.tokens import tokens as open_tokens

    issued = open_tokens(tokens).issue(scopes, expires=expires, rate=rate, name=name)
    _print_secret(issued, tokens, json_)


def rotate(
    token_id: IdArgument,
    tokens: FileOption = FILE,
    overlap: Annotated[
        str, typer.Option("--overlap", metavar="TIME", help=mark("How long the old one stays valid."))
    ] = "24h",
    json_: JsonOption = False,
) -> None:
    """Issue the new one, and print its secret."""
    from pupila.api.tokens import tokens as open_tokens

    issued = open_tokens(tokens).rotate(token_id, overlap)
    if not json_ and issued.replaces is not None:
        print(issued.replaces.describe(), file=sys.stderr)
    _print_secret(issued, tokens, json_)


def revoke(token_id: IdArgument, tokens: FileOption = FILE, json_: JsonOption = False) -> None:
    """Revoke, and print it."""
    from pupila.api.tokens import tokens as open_tokens

    token = open_tokens(tokens).revoke(token_id)
    if json_:
        print(dump_json(_as_dict(token), indent=1))
    else:
        print(token.describe())


def list_(tokens: FileOption = FILE, json_: JsonOption = False) -> None:
    """Print them, oldest first."""
    from pupila.api.tokens import tokens as open_tokens

    known = open_tokens(tokens).list()
    if json_:
        print(dump_json([_as_dict(token) for token in known], indent=1))
        return
    if not known:
        print(say("{path} has no tokens.", path=tokens))
    for token in known:
        print(token.describe())


def _print_secret(issued: Any, path: str, json_: bool) -> None:
    """The secret alone on the standard output, so that scripts can take it; what to do with it beside."""
    token = issued.token
    if json_:
        print(dump_json({**_as_dict(token), "secret": issued.secret}, indent=1))
        return
    explained = say("Token {id} with the scopes {scopes}. Its secret is shown this once; {path} has its hash.",
                    id=token.id, scopes=", ".join(token.scopes), path=path)  # fmt: skip
    print(explained, file=sys.stderr)
    print(issued.secret)


def _as_dict(token: Any) -> dict[str, Any]:
    fields = {name: getattr(token, name) for name in token.__slots__}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in fields.items()
    }
