"""Opens the data of a command, and prints what was understood of them before anything that takes long."""

import sys
from typing import Any

import typer

from pupila.cli.flags import given_settings

_READING = "read"  # the stage of the settings that say how data are read


def open_data(ctx: typer.Context, data: Any, json_: bool = False) -> tuple[Any, dict[str, Any]]:
    """The open data set, and the settings that the command was given beyond those of the reading.

    Its sentences and a blank line are printed; to stderr where stdout is JSON for a script.
    """
    from pupila.api.open import open as open_api

    given, read = given_settings(ctx), given_settings(ctx, _READING)
    opened = open_api(data, **read)
    print(opened, end="\n\n", file=sys.stderr if json_ else sys.stdout, flush=True)
    return opened, {name: value for name, value in given.items() if name not in read}
