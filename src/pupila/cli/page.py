"""`pupila page URL`, and `pupila page login NAME`."""

import sys
from typing import Annotated

import typer

from pupila.cli.flags import given_settings
from pupila.cli.options import check_port
from pupila.core.messages import mark, say

HELP = mark(
    "Open a page on a running service: one image, many images, the model and its state, in a browser."
)
LOGIN = mark(
    "Add a name to the logins of a page, or change its password, typed at a prompt or read from a pipe."
)


def page(
    ctx: typer.Context,
    url: Annotated[
        str, typer.Argument(metavar="URL", help=mark("Address of the service, such as http://127.0.0.1:8000."))
    ],
    token_file: Annotated[
        str | None,
        typer.Option("--token-file", metavar="FILE", help=mark("File with the service's token [PUPILA_TOKEN].")),
    ] = None,
    host: Annotated[
        str, typer.Option(help=mark("Address to listen on; 0.0.0.0 accepts other machines, and needs --login."))
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help=mark("Port to listen on; 0 picks a free one."))] = 7860,
) -> None:  # fmt: skip
    """Serve the page until interrupted."""
    from pupila.api.page import serve_page

    check_port(port)
    shown = f"[{host}]" if ":" in host else host

    def announce(scheme: str, taken: int) -> None:
        print(say("The page is at {url}. Ctrl-C stops it.", url=f"{scheme}://{shown}:{taken}/"), flush=True)

    serve_page(url, token_file, host, port, announce, given_settings(ctx))


def login(
    name: Annotated[str, typer.Argument(metavar="NAME", help=mark("Name to log in with."))],
    file: Annotated[
        str, typer.Option("--login", metavar="FILE", help=mark("File of names and password hashes."))
    ] = "logins.txt",
) -> None:
    """Read the password, and store its hash."""
    from pupila.api.page import set_login

    if sys.stdin.isatty():
        password = typer.prompt(say("Password"), hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    created = set_login(file, name, password)
    print(
        say("{name} can log in.", name=name)
        if created
        else say("The password of {name} is changed.", name=name)
    )
