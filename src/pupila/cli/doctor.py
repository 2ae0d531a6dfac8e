"""`pupila doctor [DATA]`."""

import json
import sys
from typing import Annotated, Any

import typer

from pupila.cli.options import JsonOption, SetOption
from pupila.core.messages import listing, say, say_count

HELP = say("Print every fault of a data set with its mend; without DATA, describe the installation.")
SPOILED = 1  # exit code where a fault would spoil training


def doctor(
    data: Annotated[
        str | None,
        typer.Argument(help=say("A folder of images, a table, or a saved manifest."), metavar="[DATA]"),
    ] = None,
    with_: Annotated[
        str | None,
        typer.Option(
            "--with", metavar="RUN", help=say("Rank masks by how far they disagree with a run's answers.")
        ),
    ] = None,
    json_: JsonOption = False,
    set_: SetOption = None,
) -> None:
    """Examine, print, and leave with 1 where a fault would spoil training."""
    if data is None:
        _installation(json_)
        return
    from pupila.api import doctor as api
    from pupila.artifacts.dataset.open import open as open_data
    from pupila.core.settings import parse_overrides
    from pupila.stages.doctor.examine import spoils_training

    opened = open_data(data, **parse_overrides(set_ or []))
    faults = api.doctor(opened, run=with_)
    if json_:
        print(json.dumps([fault.as_dict() for fault in faults], indent=1, ensure_ascii=False))
    else:
        print(opened, end="\n\n")
        _print_faults(faults)
    if spoils_training(faults):
        raise typer.Exit(SPOILED)


def _print_faults(faults: list[Any]) -> None:
    from pupila.stages.doctor.faults import EXAMPLES, title

    for fault in faults:
        print(f"{_coloured(fault.severity):8} {fault.code}: {title(fault.code)} ({fault.count})")
        ranked = len(fault.examples) > EXAMPLES
        lines = fault.examples if ranked else [listing(fault.examples, 3, fault.count)]
        print("\n".join("         " + line for line in lines))
        print("         " + say("Mend: {mend}.", mend=fault.mend))
    errors = sum(fault.severity == "error" for fault in faults)
    if not faults:
        print(say("No faults found."))
    elif errors:
        print("\n" + say_count("One fault would spoil training.", "{n} faults would spoil training.", errors))
    else:
        print("\n" + say("Nothing here would spoil training."))


def _coloured(severity: str) -> str:
    if not sys.stdout.isatty():
        return severity
    colour = {"error": typer.colors.RED, "warning": typer.colors.YELLOW}.get(severity, typer.colors.BLUE)
    return typer.style(f"{severity:8}", fg=colour)


def _installation(json_: bool) -> None:
    from pupila.stages.doctor.installation import describe

    lines = describe()
    if json_:
        print(json.dumps(lines, indent=1))
        return
    for name, text in lines.items():
        print(f"{name:24} {text}")
