"""`pupila doctor [DATA]`."""

import sys
from typing import Annotated, Any

import typer

from pupila.cli.options import JsonOption
from pupila.cli.understood import open_data
from pupila.core.json_text import dump_json
from pupila.core.messages import escape_controls, listing, mark, say, say_count
from pupila.core.terminal import raw_stream

HELP = mark("List every problem of a data set with its fix; without DATA, describe the installation.")
HAS_ERRORS = 1  # exit code where a problem would spoil training


def doctor(
    ctx: typer.Context,
    data: Annotated[
        str | None,
        typer.Argument(help=mark("A folder of images, a table, or a saved manifest."), metavar="DATA"),
    ] = None,
    with_: Annotated[
        str | None,
        typer.Option(
            "--with",
            metavar="RUN",
            help=mark(
                "Rank masks, or several labels per image, that a run's out-of-fold predictions contradict."
            ),
        ),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Examine, print, and exit with 1 where a problem would spoil training."""
    if data is None:
        _installation(json_)
        return
    from pupila.api import doctor as api
    from pupila.stages.doctor.examine import has_errors
    from pupila.stages.doctor.groups import describe

    opened, _ = open_data(ctx, data, json_)
    faults = api.doctor(opened, run=with_)
    if json_:
        print(dump_json([fault.model_dump() for fault in faults], indent=1))
    else:
        if none := describe(opened):
            print(none)
        _print_faults(faults)
    if has_errors(faults):
        raise typer.Exit(HAS_ERRORS)


def _print_faults(faults: list[Any]) -> None:
    from pupila.stages.doctor.faults import MAX_EXAMPLES, title

    for fault in faults:
        _print_severity(fault.severity)
        print(f" {fault.code}: {title(fault.code)} ({fault.count})")
        ranked = len(fault.examples) > MAX_EXAMPLES
        lines = map(escape_controls, fault.examples if ranked else [listing(fault.examples, 3, fault.count)])
        print("\n".join("         " + line for line in lines))
        print("         " + say("Fix: {fix}.", fix=fault.fix))
    errors = sum(fault.severity == "error" for fault in faults)
    if not faults:
        print(say("No problems found."))
    elif errors:
        print(
            "\n"
            + say_count("{n} problem would spoil training.", "{n} problems would spoil training.", errors)
        )
    elif warnings := sum(fault.severity == "warning" for fault in faults):
        print(
            "\n"
            + say_count(
                "No errors. Review the {n} warning before training.",
                "No errors. Review the {n} warnings before training.",
                warnings,
            )
        )
    else:
        print("\n" + say("No errors."))


def _print_severity(severity: str) -> None:
    colour = {"error": typer.colors.RED, "warning": typer.colors.YELLOW}.get(severity, typer.colors.BLUE)
    text = typer.style(f"{severity:8}", fg=colour) if sys.stdout.isatty() else f"{severity:8}"
    print(text, end="", file=raw_stream(sys.stdout))


def _installation(json_: bool) -> None:
    from pupila.stages.doctor.installation import describe

    lines = describe()
    if json_:
        print(dump_json(lines, indent=1))
        return
    for name, text in lines.items():
        print(f"{name:24} {text}")
