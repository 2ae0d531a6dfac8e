"""`pupila train DATA`."""

import signal
import sys
from typing import Annotated, Any

import typer

from pupila.cli.flags import given_settings
from pupila.cli.options import DataArgument
from pupila.cli.understood import open_data
from pupila.core.json_text import dump_json
from pupila.core.messages import mark, say

HELP = mark("Train a model; the run folder holds plan, log, report and the bundle to predict with.")
EXIT_CODES = {"collapsed": 1, "interrupted": 130}
NOT_MIRRORED, TERMINATED = 1, 143  # exit codes: the mirror lacks some of the run; SIGTERM


MirrorOption = Annotated[
    str | None,
    typer.Option(
        metavar="URI", help=mark("Copy the run there after each epoch; one that is there already is resumed.")
    ),
]


def train(
    ctx: typer.Context,
    data: DataArgument,
    out: Annotated[
        str | None, typer.Option(metavar="FOLDER", help=mark("Folder of the run [runs/DATA-MODEL]."))
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help=mark("Resume the run in --out."))] = False,
    track: Annotated[
        str | None,
        typer.Option(
            metavar="TRACKER",
            help=mark("Follow the training in mlflow, wandb or tensorboard, see pupila track."),
        ),
    ] = None,
    mirror: MirrorOption = None,
    preview: Annotated[
        str | None,
        typer.Option(metavar="FILE", help=mark("Draw augmented views into a PNG without training.")),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help=mark("Print the plan without training."))
    ] = False,
) -> None:
    """Train, and print the outcome."""
    from pupila.api import train as api
    from pupila.artifacts.run.folder import REPORT_FILE
    from pupila.stages.train.page import describe_run

    config = given_settings(ctx)
    if preview:
        opened, settings = open_data(ctx, data)
        api.preview(opened, preview, **settings)
        print(say("Preview: {path}", path=preview))
        return
    if dry_run:
        plan = api.make_plan(data, tell=_print_beside, **config).model_dump(mode="json")
        print(dump_json(_round_floats(plan), indent=1))
        return
    if mirror:  # the state after the last epoch is copied, then the process ends
        signal.signal(signal.SIGTERM, _end)
    call = api.TrainCall(data, out, resume, _print_line, track, config, mirror)
    run = api.train_by_clock(call)
    print()
    for sentence in describe_run(run.plan, run.state, run.bundle.info):
        print(sentence)
    print("\n" + say("Report: {path}", path=f"{run.folder}/{REPORT_FILE}"))
    print(say("Bundle: {path}", path=run.bundle.folder))
    if run.bundle.info.validation:
        print(say("Next: pupila evaluate {folder}/bundle {data}", folder=run.folder, data=data))
    else:
        print(say("Next: pupila predict {folder}/bundle IMAGES", folder=run.folder))
    if run.state in EXIT_CODES:
        raise typer.Exit(EXIT_CODES[run.state])
    if not run.is_mirrored:
        raise typer.Exit(NOT_MIRRORED)


def _end(number: int, frame: object) -> None:
    signal.signal(number, signal.SIG_IGN)
    sys.exit(TERMINATED)


def _round_floats(plan: dict[str, Any]) -> dict[str, Any]:
    """The plan for reading: 3e-05 instead of 2.9999999999999997e-05."""
    return {
        name: float(f"{value:.12g}") if isinstance(value, float) else value for name, value in plan.items()
    }


def _print_beside(line: object) -> None:
    """To stderr: what a script reads from stdout stays JSON."""
    print(line, file=sys.stderr, flush=True)


def _print_line(line: object) -> None:
    print(line, flush=True)
