"""`pupila sweep DATA`."""

from typing import Annotated

import typer

from pupila.cli.flags import given_settings
from pupila.cli.options import DataArgument
from pupila.core.messages import mark

HELP = mark("Train a model for every combination of settings, and compare them in one table.")


def sweep(
    ctx: typer.Context,
    data: DataArgument,
    out: Annotated[
        str | None, typer.Option(metavar="FOLDER", help=mark("Folder of the sweep [sweeps/DATA]."))
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help=mark("Resume the sweep in --out."))] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help=mark("Print the cells and about how long they take."))
    ] = False,
) -> None:
    """Train all cells, and print the table."""
    from pupila.experiments.runner import describe_outcome, describe_settings
    from pupila.experiments.sweep import preview
    from pupila.experiments.sweep import sweep as run_sweep

    if dry_run:
        for sentence in preview(data, **given_settings(ctx)).sentences:
            print(sentence)
        return
    result = run_sweep(data, out=out, resume=resume, tell=_print_line, **given_settings(ctx))
    print()
    for cell in result.cells:
        print(f"{describe_settings(cell)}: {describe_outcome(cell)}")


def _print_line(line: object) -> None:
    print(line, flush=True)
