"""Options that several commands share."""

from typing import Annotated

import typer

from pupila.core.messages import say

DataArgument = Annotated[
    str,
    typer.Argument(
        help=say("A folder of images, a table, annotations, or a saved manifest."), metavar="DATA"
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help=say("Override a setting (pupila settings read lists them).")
    ),
]
OutOption = Annotated[
    str | None,
    typer.Option("--out", metavar="FOLDER", help=say("Folder for the results [that of the data].")),
]
JsonOption = Annotated[bool, typer.Option("--json", help=say("Print for machines."))]
