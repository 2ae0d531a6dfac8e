"""`pupila serve BUNDLE`."""

from typing import Annotated

import typer

from pupila.cli.options import SetOption
from pupila.core.messages import say

HELP = say(
    "Serve a bundle over HTTP: /predict/single and /predict/batch, or /segment, /health, /model/info, /docs."
)


def serve(
    bundle: Annotated[
        str, typer.Argument(metavar="BUNDLE", help=say("A bundle's folder, or that of a run."))
    ],
    host: Annotated[
        str, typer.Option(help=say("Address to listen on; others than this machine need 0.0.0.0."))
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help=say("Port to listen on."))] = 8000,
    set_: SetOption = None,
) -> None:
    """Serve until told to end."""
    from pupila.artifacts.web.run import run
    from pupila.core.settings import parse_overrides
    from pupila.stages.serve.app import make_service
    from pupila.stages.serve.settings import ServeSettings

    app = make_service(bundle, ServeSettings.wish(parse_overrides(set_ or []), "serve"))
    print(
        say("Serving at http://{host}:{port} (try /docs); Ctrl-C ends it.", host=host, port=port), flush=True
    )
    run(app, host, port)
