"""`pupila predict BUNDLE IMAGES...`."""

import sys
from typing import Annotated

import typer

from pupila.cli.options import JsonOption
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
) -> None:
    """Answer each image as it comes."""
    from pupila.bundle.folder import read_bundle
    from pupila.bundle.predictor import Predictor
    from pupila.predict.images import count, named
    from pupila.predict.rows import as_csv, as_json, csv_header, for_people, row
    from pupila.predict.table import writing
    from pupila.progress import progress

    if json_ and csv:
        raise PupilaError(say("Settings at odds"), found="--json, --csv", wanted=say("one of them"))
    predictor = Predictor(read_bundle(bundle))
    classes = predictor.info.classes
    total, bad = count(images), 0
    with progress(say("answering"), total) as advance, writing(csv, csv_header(classes)) as write:
        for uri, answer in predictor.stream(named(images)):
            told = row(uri, answer)
            bad += "error" in told
            if csv:
                write(as_csv(told, classes))
            else:
                print(as_json(told) if json_ else for_people(told))
            advance(1)
    if bad:
        print(
            say_count("One image could not be read.", "{n} images could not be read.", bad), file=sys.stderr
        )
    if csv:
        print(say_count("One answer in {path}", "{n} answers in {path}", total - bad, path=csv))
    if bad == total:
        raise typer.Exit(NOTHING_READ)
