"""`pupila predict BUNDLE IMAGES...`."""

import math
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pupila.cli.flags import given_settings
from pupila.cli.options import JsonOption
from pupila.core.errors import PupilaError
from pupila.core.messages import mark, say, say_count

if TYPE_CHECKING:
    from pupila.stages.predict.rows import Output, TaskPredictor
    from pupila.tasks.prompt import Prompt

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
    point: Annotated[
        list[str] | None,
        typer.Option(metavar="X,Y", help=mark("Foreground point in pixels; repeatable.")),
    ] = None,
    negative: Annotated[
        list[str] | None,
        typer.Option(metavar="X,Y", help=mark("Background point in pixels; repeatable.")),
    ] = None,
    box: Annotated[
        str | None, typer.Option(metavar="X0,Y0,X1,Y1", help=mark("Box around the object in pixels."))
    ] = None,
) -> None:
    """Predict each image in turn."""
    from pupila.artifacts.bundle.folder import read_bundle
    from pupila.imaging.images.bands import BandSettings
    from pupila.stages.predict.rows import Output, check_bands
    from pupila.stages.predict.tasks import TASK_PREDICTORS

    if json_ and csv:
        raise PupilaError(say("--json and --csv can't be combined"), remedy=say("omit one"))
    if polygons and not out:
        raise PupilaError(say("--polygons needs --out FOLDER"))
    read = read_bundle(bundle)
    predictor = TASK_PREDICTORS[read.info.task]
    chosen = given_settings(ctx)
    if not predictor.writes_masks:
        _refuse_mask_options("--out" if out else ", ".join(_flag(name) for name in chosen))
    prompt = _prompt(point or [], negative or [], box, predictor, bundle)
    bands = BandSettings.parse(chosen, "predict")
    check_bands(read.info.preprocessing.bands, bands)
    if not _print_predictions(
        predictor, predictor.open_bundle(read), images, Output(out, polygons, bands, prompt), csv, json_
    ):
        raise typer.Exit(NOTHING_PREDICTED)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _refuse_mask_options(options: str) -> None:
    """Refuse options that only masks have; none where the text is empty.

    Raises:
        PupilaError: with such options.
    """
    if options:
        remedy = say("--csv FILE for a table") if options == "--out" else say("omit {names}", names=options)
        raise PupilaError(
            say("{names} applies only to bundles that predict masks; this bundle classifies", names=options),
            remedy=remedy,
        )


def _print_predictions(
    predictor: "TaskPredictor[Any]",
    opened: Any,
    images: list[str],
    output: "Output",
    csv: str | None,
    json_: bool,
) -> bool:
    """Print or write the prediction of each image; whether there was one."""
    from pupila.core.progress import progress
    from pupila.stages.predict.inputs import count_images, find_images
    from pupila.stages.predict.rows import csv_line, describe_row, to_csv, to_json
    from pupila.stages.predict.table import open_table

    columns = predictor.columns(opened.info.classes)
    table = csv or (output.folder and f"{output.folder}/predictions.csv")
    total, bad = count_images(images), 0
    with progress(say("predicting"), total) as advance, open_table(table, csv_line(columns)) as write:
        for row in predictor.predict_rows(opened, find_images(images), output):
            bad += "error" in row
            write(to_csv(row, predictor, columns, table))
            if not csv:
                print(to_json(row) if json_ else describe_row(row, predictor))
            advance(1)
    if bad:
        print(
            say_count("{n} image could not be predicted.", "{n} images could not be predicted.", bad),
            file=sys.stderr,
        )
    if table and not json_:
        print(
            say_count(
                "{n} prediction written to {path}",
                "{n} predictions written to {path}",
                total - bad,
                path=table,
            )
        )
    return bad < total


def _prompt(
    points: list[str], negatives: list[str], box: str | None, predictor: "TaskPredictor[Any]", bundle: str
) -> "Prompt":
    """The prompt that the options describe.

    Raises:
        PupilaError: an empty prompt, no numbers, or a bundle that takes no prompts.
    """
    from pupila.tasks.prompt import Prompt, check_prompt_content

    given = {"--point": points, "--negative": negatives, "--box": [box] if box else []}
    if not predictor.promptable:
        if names := ", ".join(name for name, texts in given.items() if texts):
            sentences = {
                True: say("{names} needs a promptable model; {bundle} is a segmentation model",
                          names=names, bundle=bundle),
                False: say("{names} needs a promptable model; {bundle} is a classifier", names=names, bundle=bundle),
            }  # fmt: skip
            raise PupilaError(sentences[predictor.writes_masks], remedy=say("omit {names}", names=names))
        return Prompt()
    foreground, background = (
        tuple((x, y) for x, y in (_numbers(name, text, 2) for text in given[name]))
        for name in ("--point", "--negative")
    )
    prompt = Prompt(foreground, background)
    if box:
        x0, y0, x1, y1 = _numbers("--box", box, 4)
        prompt = Prompt(foreground, background, (x0, y0, x1, y1))
    check_prompt_content(prompt)
    return prompt


def _numbers(option: str, text: str, count: int) -> list[float]:
    """The numbers of an option, in pixels.

    Raises:
        PupilaError: another count of numbers.
    """
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise PupilaError(
            say("Invalid {option}", option=option), actual=text,
            expected=say("{n} comma-separated numbers, in pixels of the upright image", n=count),
        )  # fmt: skip
    return numbers
