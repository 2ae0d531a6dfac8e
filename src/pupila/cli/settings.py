"""`pupila settings [STAGE]`."""

import shutil
import textwrap
from typing import Annotated

import typer

from pupila.cli.flag import Flag, table
from pupila.cli.flags import groups
from pupila.cli.stages import COMMANDS
from pupila.core.errors import PupilaError
from pupila.core.messages import mark, say

HELP = mark("Print every setting of a stage with its meaning and unit.")
_WIDEST = 120  # columns of a line that is still easy to read


def settings(
    stage: Annotated[
        str | None,
        typer.Argument(metavar="STAGE", help=mark("A stage or a command, such as train or label [all].")),
    ] = None,
) -> None:
    """Describe the settings of one stage, or of all."""
    from pupila.core.settings import unknown

    stages = list(table())
    if stage is not None:
        known = {name: [name] for name in stages}
        known |= {name: [entry.partition(".")[0] for entry in parts] for name, parts in COMMANDS.items()
                  if name.replace(" ", "-") not in known}  # fmt: skip
        stage = stage if stage in known else stage.replace(" ", "-")
        if stage not in known:
            raise PupilaError(unknown(say("Unknown stage {name}", name=stage), stage, list(known)))
        stages = known[stage]
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    for name in stages:
        print(f"{name}:")
        for title, flags in groups(table()[name]):
            print(f"\n  {title}")
            for flag in flags:
                print("\n".join(_lines(flag, width)))
        print()


def _lines(flag: Flag, width: int) -> list[str]:
    """A setting and its values, and below them what it means."""
    values = flag.metavar or "true|false"
    meaning = textwrap.wrap(flag.meaning, width, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return [f"  {flag.name} = {values}", *meaning]
