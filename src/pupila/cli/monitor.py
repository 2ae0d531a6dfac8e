"""`pupila monitor LOG BUNDLE`."""

from typing import Annotated

import typer

from pupila.cli.flags import given_settings
from pupila.cli.options import JsonOption, RegistryOption, ReportOption, Sha256Option
from pupila.core.messages import mark, say

HELP = mark("Show whether the images of a service still look like those that its model was made for.")
HAS_CHANGED = 1  # exit code where an alarm was raised


def monitor(
    ctx: typer.Context,
    log: Annotated[
        str, typer.Argument(metavar="LOG", help=mark("The folder of serve --log-predictions, or its file."))
    ],
    model: Annotated[str, typer.Argument(metavar="BUNDLE|RUN", help=mark("The model that was served."))],
    out: ReportOption = None,
    sha256: Sha256Option = None,
    registry: RegistryOption = None,
    json_: JsonOption = False,
) -> None:
    """Monitor, print the verdict, and exit with 1 after an alarm."""
    from pupila.api import monitor as api
    from pupila.api.load import name_registry, pin

    pinned = pin(name_registry(model, registry), sha256)
    result = api.monitor(log, pinned, out=out or api.default_folder(pinned), **given_settings(ctx))
    if json_:
        print(result.report.model_dump_json(by_alias=True, indent=1))
    else:
        for sentence in result.sentences():
            print(sentence)
        print("\n" + say("Report: {path}", path=result.page))
    if result.alarm is not None:
        raise typer.Exit(HAS_CHANGED)
