"""`pupila explore DATA`."""

from typing import Annotated

import typer

from pupila.cli.options import DataArgument, OutOption, SetOption
from pupila.core.messages import say

HELP = say("Write fingerprint.json and explore.html: what the data look like, and what follows from it.")


def explore(
    data: DataArgument,
    with_: Annotated[
        str | None,
        typer.Option("--with", metavar="BUNDLE", help=say("Lay the images out as this bundle sees them.")),
    ] = None,
    out: OutOption = None,
    set_: SetOption = None,
) -> None:
    """Explore, and print what follows."""
    from pupila.api import explore as api
    from pupila.artifacts.dataset.open import open as open_data
    from pupila.core.settings import parse_overrides
    from pupila.stages.explore.sentences import sentences

    opened = open_data(data, **parse_overrides(set_ or []))
    explored = api.explore(opened, out=out, bundle=with_)
    print(opened, end="\n\n")
    for sentence in sentences(explored.fingerprint):
        print(sentence)
    print("\n" + say("Written: {path}", path=explored.fingerprint_file))
    print(say("Look at: {path}", path=explored.page))
