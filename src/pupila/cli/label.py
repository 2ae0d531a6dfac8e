"""`pupila label DATA`. A further word makes a further command: see `pupila.cli.app`."""

from typing import Annotated

import typer

from pupila.cli.options import DataArgument, JsonOption
from pupila.messages import say

HELP = say("Label images with a model, an endpoint, a bundle or a table; a person's labels stand above all.")


def label(
    data: DataArgument,
    with_: Annotated[
        str,
        typer.Option(
            "--with",
            metavar="LABELLER",
            help=say("vlm:MODEL, roboflow:PROJECT/VERSION, bundle:FOLDER or csv:FILE."),
        ),
    ],
    json_: JsonOption = False,
) -> None:
    """Label, and print how it went."""
    raise NotImplementedError(f"{data} {with_} {json_}")
