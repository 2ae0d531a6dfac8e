"""`pupila track RUN ... --to TRACKER`."""

from dataclasses import asdict
from typing import Annotated

import typer

from pupila.cli.options import JsonOption
from pupila.core.json_text import dump_json
from pupila.core.messages import mark, say

HELP = mark("Replay runs and sweeps into MLflow, W&B or TensorBoard, any number of times.")


def track(
    runs: Annotated[list[str], typer.Argument(help=mark("Folders of runs or of sweeps."), metavar="RUN")],
    to: Annotated[
        str,
        typer.Option(
            metavar="TRACKER",
            help=mark("mlflow, wandb or tensorboard; :URI or :FOLDER after it names the place."),
        ),
    ],
    experiment: Annotated[
        str | None, typer.Option(metavar="NAME", help=mark("Name of the experiment [name of the data set]."))
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Replay, and print what was written."""
    from pupila.api import track as api

    result = api.track(runs, to=to, experiment=experiment)
    if json_:
        print(dump_json(asdict(result), indent=1))
        return
    print(result.sentence() + ".")
    for note in result.notes:
        print(note)
    print("\n" + say("Next: {command}", command=result.hint))
