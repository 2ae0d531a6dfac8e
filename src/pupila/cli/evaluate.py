"""`pupila evaluate MODEL DATA`."""

from typing import Annotated

import typer

from pupila.cli.options import DataArgument, JsonOption, RegistryOption, ReportOption, Sha256Option
from pupila.cli.understood import open_data
from pupila.core.messages import mark, say

HELP = mark("Evaluate a bundle, a run or a table of predictions with intervals, and compare it with others.")


def evaluate(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(metavar="BUNDLE|RUN|TABLE", help=mark("The model to evaluate."))],
    data: DataArgument,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=mark("Train, validation or test, which is sealed [test; validation for a run]."),
        ),
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(metavar="BUNDLE|RUN|TABLE", help=mark("A model to compare with; repeatable.")),
    ] = None,
    threshold: Annotated[
        str | None,
        typer.Option(
            metavar="OBJECTIVE",
            help=mark(
                "Tune the threshold for f1, recall>=0.95, precision>=0.9, cost:fn=10,fp=1 or CLASS:recall>=0.95."
            ),
        ),
    ] = None,
    out: ReportOption = None,
    sha256: Sha256Option = None,
    registry: RegistryOption = None,
    json_: JsonOption = False,
) -> None:
    """Evaluate, and print the verdict."""
    from pupila.api import evaluate as api
    from pupila.api.load import name_registry, pin
    from pupila.stages.evaluate.sentences import describe_split, sentences

    pinned = pin(name_registry(model, registry), sha256)
    opened, config = open_data(ctx, data, json_)
    others = [name_registry(other, registry) for other in against or []]
    result = api.evaluate(pinned, opened, split=split, against=others, threshold=threshold, out=out, **config)
    if json_:
        print(result.evaluation.model_dump_json(by_alias=True, indent=1))
        return
    print(describe_split(result.evaluation, requested=split is not None))
    for sentence in sentences(result.evaluation):
        print(sentence)
    print("\n" + say("Report: {path}", path=result.report))
