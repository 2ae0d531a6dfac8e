"""`pupila evaluate MODEL DATA`."""

import json
from typing import Annotated

import typer

from pupila.cli.options import DataArgument, JsonOption
from pupila.core.messages import say

HELP = say("Judge a bundle, a run or a table of answers, with intervals; compare it with others.")


def evaluate(
    model: Annotated[str, typer.Argument(metavar="BUNDLE|RUN|TABLE", help=say("What is judged."))],
    data: DataArgument,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help=say("train, validation or test (sealed) [test; of a run: validation].")
        ),
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(metavar="BUNDLE|RUN|TABLE", help=say("Another model; may be given again.")),
    ] = None,
    threshold: Annotated[
        str | None,
        typer.Option(
            metavar="OBJECTIVE",
            help=say("f1, recall>=0.95, precision>=0.9 or cost:fn=10,fp=1; CLASS:recall>=0.95."),
        ),
    ] = None,
    out: Annotated[
        str | None, typer.Option(metavar="FOLDER", help=say("Folder of the report [beside the model]."))
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Evaluate, and print the verdict."""
    from pupila.api import evaluate as api
    from pupila.stages.evaluate.sentences import sentences

    done = api.evaluate(model, data, split=split, against=against or [], threshold=threshold, out=out)
    if json_:
        print(json.dumps(done.evaluation, indent=1, ensure_ascii=False))
        return
    for sentence in sentences(done.evaluation):
        print(sentence)
    print("\n" + say("Look at: {path}", path=done.report))
