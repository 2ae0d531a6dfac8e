"""`pupila predict BUNDLE IMAGES...`."""

import sys
from typing import Annotated

import typer

from pupila.cli.flags import given_settings
from pupila.cli.options import JsonOption, PaletteOption, RegistryOption, Sha256Option
from pupila.cli.prompt_options import BoxOption, NegativeOption, PointOption, parse_prompt
from pupila.core.display import count_classes
from pupila.core.errors import PupilaError
from pupila.core.messages import mark, say, say_count

HELP = mark("Predict with a bundle, for any number of files, folders and patterns.")
NOTHING_PREDICTED = 2


def predict(
    ctx: typer.Context,
    bundle: Annotated[str, typer.Argument(metavar="BUNDLE", help=mark("Folder of a bundle or a run."))],
    images: Annotated[list[str], typer.Argument(metavar="IMAGES", help=mark("Files, folders or patterns."))],
    json_: JsonOption = False,
    csv: Annotated[
        str | None, typer.Option(metavar="FILE", help=mark("Write a CSV table instead of printing."))
    ] = None,
    out: Annotated[
        str | None, typer.Option(metavar="FOLDER", help=mark("Write masks, overlays and a table."))
    ] = None,
    polygons: Annotated[
        bool,
        typer.Option("--polygons", help=mark("Also write outlines: COCO, or GeoJSON for a GeoTIFF.")),
    ] = False,
    palette: PaletteOption = False,
    point: PointOption = None,
    negative: NegativeOption = None,
    box: BoxOption = None,
    sha256: Sha256Option = None,
    registry: RegistryOption = None,
) -> None:
    """Predict each image in turn."""
    from pupila.api.load import name_registry, pin
    from pupila.api.predict import PredictionFiles, predict_files

    if json_ and csv:
        raise PupilaError(say("--json and --csv can't be combined"), remedy=say("omit one"))

    result = predict_files(
        pin(name_registry(bundle, registry), sha256),
        images,
        write=PredictionFiles(csv, out, polygons, palette),
        prompt=parse_prompt(point, negative, box),
        on_row=lambda row, text: None if csv else _print_line(row.json_line() if json_ else text),
        **given_settings(ctx),
    )
    if result.skipped:
        print(result.skipped, file=sys.stderr)
    if result.failed:
        print(
            say_count(
                "{n} image could not be predicted.", "{n} images could not be predicted.", result.failed
            ),
            file=sys.stderr,
        )
    if result.table and not json_:
        print(say_count("{n} prediction written to {path}", "{n} predictions written to {path}",
                        result.images - result.failed, path=result.table))  # fmt: skip
        if result.classes:
            print(say("Images of each predicted class: {classes}.", classes=count_classes(result.classes)))
    if result.failed == result.images:
        raise typer.Exit(NOTHING_PREDICTED)


def _print_line(line: str) -> None:
    print(line)
