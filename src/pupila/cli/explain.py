"""`pupila explain BUNDLE IMAGES`."""

from typing import Annotated

import typer

from pupila.cli.flags import given_settings
from pupila.cli.options import JsonOption, RegistryOption, ReportOption, Sha256Option
from pupila.cli.predict import NOTHING_PREDICTED
from pupila.cli.prompt_options import BoxOption, NegativeOption, PointOption, parse_prompt
from pupila.core.messages import mark, say

HELP = mark("Show where in images a model found evidence for what it predicts.")


def explain(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(metavar="BUNDLE|RUN", help=mark("The model to explain."))],
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGES|DATA", help=mark("Files, folders or patterns; with --split a data set.")
        ),
    ],
    split: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help=mark("Split of a data set: train, validation or test, which is sealed.")
        ),
    ] = None,
    regions: Annotated[
        str | None,
        typer.Option(
            metavar="DATA", help=mark("A data set with masks of the same images [the masks of DATA].")
        ),
    ] = None,
    point: PointOption = None,
    negative: NegativeOption = None,
    box: BoxOption = None,
    out: ReportOption = None,
    sha256: Sha256Option = None,
    registry: RegistryOption = None,
    json_: JsonOption = False,
) -> None:
    """Explain, and print the verdict."""
    from pupila.api import explain as api
    from pupila.api.load import name_registry, pin
    from pupila.core import files
    from pupila.core.errors import PupilaError
    from pupila.stages.explain.sentences import sentences

    if split is not None and len(images) > 1:
        raise PupilaError(say("--split takes one data set"), actual=", ".join(images), expected="DATA")
    pinned = pin(name_registry(model, registry), sha256)
    result = api.explain(
        pinned, images if split is None else images[0], split=split, regions=regions,
        prompt=parse_prompt(point, negative, box), out=out or api.default_folder(pinned), **given_settings(ctx),
    )  # fmt: skip
    if json_:
        print(result.report.model_dump_json(by_alias=True, indent=1))
        return
    for sentence in sentences(result.report):
        print(sentence)
    print("\n" + say("Report: {path}", path=files.join(result.folder, "explain.html")))
    if all(image.fault for image in result.report.images):
        raise typer.Exit(NOTHING_PREDICTED)
