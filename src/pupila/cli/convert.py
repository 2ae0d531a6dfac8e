"""`pupila convert DATA --to LAYOUT --out FOLDER`."""

from typing import Annotated

import typer

from pupila.cli.options import DataArgument, SetOption
from pupila.core.messages import say, say_count

HELP = say("Write images and masks as COCO, YOLO or PNG files.")


def convert(
    data: DataArgument,
    to: Annotated[str, typer.Option(help=say("masks, coco or yolo."), metavar="LAYOUT")],
    out: Annotated[str, typer.Option(help=say("A new or an empty folder."), metavar="FOLDER")],
    set_: SetOption = None,
) -> None:
    """Convert, and print what was written."""
    from pupila.api import convert as api
    from pupila.core.settings import parse_overrides

    done = api.convert(data, to=to, out=out, **parse_overrides(set_ or []))
    print(say_count("Written to {folder}: {n} image with its mask",
                    "Written to {folder}: {n} images with their masks",
                    done.images, folder=done.folder))  # fmt: skip
    if done.left_out:
        print(say_count("{n} image without a usable mask was left out.",
                        "{n} images without a usable mask were left out.", done.left_out))  # fmt: skip
