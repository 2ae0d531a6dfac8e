"""`pupila explore DATA`."""

from typing import Annotated

import typer

from pupila.cli.options import DataArgument, OutOption, RegistryOption
from pupila.cli.understood import open_data
from pupila.core.messages import mark, say

HELP = mark(
    "Write explore.html and fingerprint.json: what the data look like, and what follows for training."
)


def explore(
    ctx: typer.Context,
    data: DataArgument,
    with_: Annotated[
        str | None,
        typer.Option("--with", metavar="BUNDLE", help=mark("Map the images by this bundle's embeddings.")),
    ] = None,
    out: OutOption = None,
    registry: RegistryOption = None,
) -> None:
    """Explore, and print what follows."""
    from pupila.api import explore as api
    from pupila.api.load import name_registry

    opened, _ = open_data(ctx, data)
    explored = api.explore(opened, out=out, bundle=with_ and name_registry(with_, registry))
    for sentence in explored.sentences():
        print(sentence)
    print("\n" + say("Written: {path}", path=explored.fingerprint_file))
    print(say("Report: {path}", path=explored.page))
