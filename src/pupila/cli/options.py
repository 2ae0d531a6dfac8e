"""Options that several commands share."""

from typing import Annotated

import typer

from pupila.core.messages import mark

DataArgument = Annotated[
    str,
    typer.Argument(help=mark("A folder of images, a table, annotations or a manifest."), metavar="DATA"),
]
OutOption = Annotated[
    str | None,
    typer.Option("--out", metavar="FOLDER", help=mark("Folder of the results [the data folder].")),
]
JsonOption = Annotated[bool, typer.Option("--json", help=mark("Print JSON."))]
