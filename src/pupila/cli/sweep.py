"""`pupila sweep DATA`."""

from typing import Annotated

import typer

from pupila.cli.flags import given_settings
from pupila.cli.options import DataArgument
from pupila.core.messages import mark, say

HELP = mark("Train a model for every combination of settings, and compare them in one table.")


def sweep(
    ctx: typer.Context,
    data: DataArgument,
    out: Annotated[
        str | None, typer.Option(metavar="FOLDER", help=mark("Folder of the sweep [sweeps/DATA]."))
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help=mark("Resume the sweep in --out."))] = False,
    test: Annotated[
        bool,
        typer.Option(
            "--test", help=mark("Evaluate the winner on the sealed test split, once all cells have ended.")
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help=mark("Print the cells and about how long they take."))
    ] = False,
) -> None:
    """Train all cells, and print the verdict."""
    from pupila.experiments.sweep import preview
    from pupila.experiments.sweep import sweep as run_sweep
    from pupila.experiments.table import CSV_FILE

    settings = given_settings(ctx)
    if settings.get("replay"):
        from pupila.experiments.replay.replay import replay_with

        replayed = replay_with(data, settings, out)
        for sentence in replayed.sentences:
            print(sentence)
        print(say("Report: {path}", path=replayed.report))
        return
    if dry_run:
        for sentence in preview(data, **given_settings(ctx)).sentences:
            print(sentence)
        return
    result = run_sweep(data, out=out, resume=resume, test=test, tell=_print_line, **given_settings(ctx))
    print()
    for sentence in result.sentences:
        print(sentence)
    print("\n" + say("Report: {path}", path=result.report))
    print(say("Table: {path}", path=f"{result.folder}/{CSV_FILE}"))
    if result.winner is not None and result.winner.bundle is not None:
        print(say("Bundle: {path}", path=result.winner.bundle.folder))


def _print_line(line: object) -> None:
    print(line, flush=True)
