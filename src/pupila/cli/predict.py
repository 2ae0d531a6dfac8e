"""`pupila predict BUNDLE IMAGES...`."""

import sys
from typing import Annotated

import typer

from pupila.cli.options import JsonOption, SetOption
from pupila.errors import PupilaError
from pupila.messages import say, say_count

HELP = say("Answer images with a bundle: files, folders or patterns, any number of them.")
NOTHING_READ = 2


def predict(
    bundle: Annotated[
        str, typer.Argument(metavar="BUNDLE", help=say("A bundle's folder, or that of a run."))
    ],
    images: Annotated[list[str], typer.Argument(metavar="IMAGES", help=say("Files, folders, or patterns."))],
    json_: JsonOption = False,
    csv: Annotated[
        str | None, typer.Option(metavar="FILE", help=say("Write a table instead of printing."))
    ] = None,
    out: Annotated[
        str | None, typer.Option(metavar="FOLDER", help=say("Write masks and overlays, and a table of them."))
    ] = None,
    polygons: Annotated[
        bool,
        typer.Option("--polygons", help=say("Also outlines of the regions: COCO; GeoJSON of a GeoTIFF.")),
    ] = False,
    set_: SetOption = None,
) -> None:
    """Answer each image as it comes."""
    from pupila.bundle.folder import read_bundle
    from pupila.bundle.predictor import Predictor
    from pupila.images.bands import BandSettings
    from pupila.predict.images import count, named
    from pupila.predict.rows import Output, as_csv, as_json, check_bands, for_people, line
    from pupila.predict.table import writing
    from pupila.predict.tasks import TELLING
    from pupila.progress import progress
    from pupila.settings import parse_overrides

    if json_ and csv:
        raise PupilaError(say("Settings at odds"), found="--json, --csv", wanted=say("one of them"))
    if polygons and not out:
        raise PupilaError(say("Settings at odds"), found="--polygons", wanted="--polygons --out FOLDER")
    predictor = Predictor(read_bundle(bundle))
    telling = TELLING[predictor.info.task]
    if (out or set_) and not telling.writes:
        raise PupilaError(
            say("Settings at odds"), found="--out" if out else "--set", wanted=say("a bundle of masks")
        )
    bands = BandSettings.wish(parse_overrides(set_ or []), "predict")
    check_bands(predictor.info.preparation.bands, bands)
    output = Output(out, polygons, bands)
    columns, table = telling.columns(predictor.info.classes), csv or (out and f"{out}/answers.csv")
    total, bad = count(images), 0
    with progress(say("answering"), total) as advance, writing(table, line(columns)) as write:
        for told in telling.rows(predictor, named(images), output):
            bad += "error" in told
            write(as_csv(told, telling, columns, table))
            if not csv:
                print(as_json(told) if json_ else for_people(told, telling))
            advance(1)
    if bad:
        print(
            say_count("One image could not be read.", "{n} images could not be read.", bad), file=sys.stderr
        )
    if table and not json_:
        print(say_count("One answer in {path}", "{n} answers in {path}", total - bad, path=table))
    if bad == total:
        raise typer.Exit(NOTHING_READ)
