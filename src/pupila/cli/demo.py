"""`pupila demo [STORY]`."""

from typing import Annotated

import typer

from pupila.core.errors import PupilaError
from pupila.core.messages import mark, say

HELP = mark("Run an example from start to end on synthetic data: packages, labels, floods, faults or loop.")


def demo(
    name: Annotated[
        str, typer.Argument(help=mark("packages, labels, floods, faults or loop."), metavar="STORY")
    ] = "packages",
    out: Annotated[
        str, typer.Option("--out", metavar="FOLDER", help=mark("Folder of all results."))
    ] = "demo-out",
    list_: Annotated[
        bool, typer.Option("--list", help=mark("List the examples without running one."))
    ] = False,
) -> None:
    """Run one story, or list them."""
    from pupila.core.settings import unknown
    from pupila.demo.stories import STORIES

    if list_:
        for title, story in STORIES.items():
            print(f"{title:10} {(story.__doc__ or '').splitlines()[0]}")
        return
    if name not in STORIES:
        raise PupilaError(
            unknown(say("Unknown demo {name}", name=name), str(name), list(STORIES)),
            remedy="pupila demo --list",
        )
    STORIES[name](out)
