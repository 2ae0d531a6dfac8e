"""`pupila serve BUNDLE`."""

import sys
from typing import Annotated

import typer

from pupila.cli.flags import given_settings
from pupila.cli.options import RegistryOption, Sha256Option, check_port
from pupila.core.json_lines import STDOUT
from pupila.core.messages import mark, say

HELP = mark(
    "Serve a bundle over HTTP: /predict/single and /predict/batch, or /segment, /health, /model/info, /docs."
)


def serve(
    ctx: typer.Context,
    bundle: Annotated[str, typer.Argument(metavar="BUNDLE", help=mark("Folder of a bundle or a run."))],
    host: Annotated[
        str,
        typer.Option(
            help=mark("Address to listen on; 0.0.0.0 accepts other machines, and needs --tokens or --open.")
        ),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help=mark("Port to listen on; 0 picks a free one."))] = 8000,
    sha256: Sha256Option = None,
    registry: RegistryOption = None,
) -> None:
    """Serve until interrupted."""
    from pupila.api.load import name_registry, pin
    from pupila.api.serve import serve_announced

    check_port(port)
    settings = given_settings(ctx)
    shown = f"[{host}]" if ":" in host else host

    def announce(scheme: str, taken: int) -> None:
        url = f"{scheme}://{shown}:{taken}"
        text = say("Serving at {url} (API: /docs). Ctrl-C stops the service.", url=url)
        # With --log-folder - and with --emf the standard output has JSON lines alone.
        has_lines = settings.get("log_folder") == STDOUT or settings.get("emf") is not None
        print(text, flush=True, file=sys.stderr if has_lines else sys.stdout)

    pinned = pin(name_registry(bundle, registry), sha256)
    serve_announced(pinned, host, port, announce, settings)
