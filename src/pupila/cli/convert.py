"""`pupila convert DATA --to LAYOUT --out FOLDER`."""

from typing import Annotated

import typer

from pupila.cli.options import DataArgument, PaletteOption
from pupila.cli.understood import open_data
from pupila.core.messages import mark, say_count

HELP = mark("Write images with their masks or labels in the layout of another tool.")


def convert(
    ctx: typer.Context,
    data: DataArgument,
    to: Annotated[
        str,
        typer.Option(help=mark("masks, coco or yolo; table or coco for several labels."), metavar="LAYOUT"),
    ],
    out: Annotated[str, typer.Option(help=mark("A new or empty folder."), metavar="FOLDER")],
    palette: PaletteOption = False,
) -> None:
    """Convert, and print what was written."""
    from pupila.api import convert as api

    opened, _ = open_data(ctx, data)
    result = api.convert(opened, to=to, out=out, palette=palette)
    print(say_count("{n} image written to {folder}", "{n} images written to {folder}",
                    result.images, folder=result.folder))  # fmt: skip
    for note in result.notes:
        print(note)
    if result.skipped:
        print(say_count("{n} image without a usable mask or labels was skipped.",
                        "{n} images without a usable mask or labels were skipped.", result.skipped))  # fmt: skip
