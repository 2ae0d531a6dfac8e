"""Options that several commands share."""

from typing import Annotated

import typer

from pupila.core.errors import PupilaError
from pupila.core.messages import mark, say

LARGEST_PORT = 65535

DataArgument = Annotated[
    str,
    typer.Argument(help=mark("A folder of images, a table, annotations or a manifest."), metavar="DATA"),
]
OutOption = Annotated[
    str | None,
    typer.Option("--out", metavar="FOLDER", help=mark("Folder of the results [the data folder].")),
]
ReportOption = Annotated[
    str | None,
    typer.Option("--out", metavar="FOLDER", help=mark("Folder of the report [beside the model].")),
]
Sha256Option = Annotated[
    str | None,
    typer.Option("--sha256", metavar="HASH", help=mark("The hash that the bundle must have [any].")),
]
RegistryOption = Annotated[
    str | None,
    typer.Option(
        "--registry",
        metavar="URI",
        help=mark("Folder or URI of the registry [PUPILA_REGISTRY, else ./registry]."),
    ),
]
PaletteOption = Annotated[
    bool, typer.Option("--palette", help=mark("Give masks a palette of colours; else they are grey."))
]
JsonOption = Annotated[bool, typer.Option("--json", help=mark("Print JSON."))]


def check_port(port: int) -> int:
    """The port of --port.

    Raises:
        PupilaError: a number that is no port.
    """
    if not 0 <= port <= LARGEST_PORT:
        raise PupilaError(say("Invalid --port: {port} (expected 0 to {most})", port=port, most=LARGEST_PORT))
    return port
