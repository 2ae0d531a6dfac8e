"""`pupila compress BUNDLE DATA`."""

from typing import Annotated

import typer

from pupila.cli.flags import given_settings
from pupila.cli.options import DataArgument, JsonOption, RegistryOption, ReportOption, Sha256Option
from pupila.core.messages import mark, say

HELP = mark("Make a smaller and faster bundle of a bundle, and show what that costs.")


def compress(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(metavar="BUNDLE|RUN", help=mark("The model to compress."))],
    data: DataArgument,
    test: Annotated[
        bool, typer.Option("--test", help=mark("Compare on the sealed test split instead of validation."))
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help=mark("Say what would be tried, and do nothing."))
    ] = False,
    out: ReportOption = None,
    sha256: Sha256Option = None,
    registry: RegistryOption = None,
    json_: JsonOption = False,
) -> None:
    """Compress, and print the verdict."""
    from pupila.api import compress as api
    from pupila.api.load import name_registry, pin
    from pupila.core import files
    from pupila.stages.compress.sentences import sentences

    pinned = pin(name_registry(model, registry), sha256)
    if dry_run:
        print("\n".join(api.plan_compression(pinned, data, test=test, **given_settings(ctx))))
        return
    result = api.compress(pinned, data, test=test, out=out, **given_settings(ctx))
    if json_:
        print(result.report.model_dump_json(by_alias=True, indent=1))
        return
    for sentence in sentences(result.report):
        print(sentence)
    print("\n" + say("Report: {path}", path=files.join(result.folder, "compress.html")))
    if result.bundle is not None:
        print(say("Bundle: {path}", path=result.bundle.folder))
