"""`pupila predict BUNDLE IMAGES...`."""

import math
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pupila.cli.options import JsonOption, SetOption
from pupila.core.errors import PupilaError
from pupila.core.messages import say, say_count

if TYPE_CHECKING:
    from pupila.stages.predict.rows import Output, Telling
    from pupila.tasks.prompt import Prompt

HELP = say("Answer images with a bundle: files, folders or patterns, any number of them.")
NOTHING_ANSWERED = 2


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
    point: Annotated[
        list[str] | None,
        typer.Option(metavar="X,Y", help=say("A point of what is meant, pixels; may be given again.")),
    ] = None,
    negative: Annotated[
        list[str] | None,
        typer.Option(metavar="X,Y", help=say("A point that does not belong to it; may be given again.")),
    ] = None,
    box: Annotated[
        str | None, typer.Option(metavar="X0,Y0,X1,Y1", help=say("A box around what is meant, pixels."))
    ] = None,
    set_: SetOption = None,
) -> None:
    """Answer each image as it comes."""
    from pupila.artifacts.bundle.folder import read_bundle
    from pupila.core.settings import parse_overrides
    from pupila.imaging.images.bands import BandSettings
    from pupila.stages.predict.rows import Output, check_bands
    from pupila.stages.predict.tasks import TELLING

    if json_ and csv:
        raise PupilaError(say("Settings at odds"), found="--json, --csv", wanted=say("one of them"))
    if polygons and not out:
        raise PupilaError(say("Settings at odds"), found="--polygons", wanted="--polygons --out FOLDER")
    read = read_bundle(bundle)
    telling = TELLING[read.info.task]
    if (out or set_) and not telling.writes:
        raise PupilaError(
            say("Settings at odds"), found="--out" if out else "--set", wanted=say("a bundle of masks")
        )
    prompt = _prompt(point or [], negative or [], box, telling)
    bands = BandSettings.wish(parse_overrides(set_ or []), "predict")
    check_bands(read.info.preparation.bands, bands)
    if not _told(telling, telling.opened(read), images, Output(out, polygons, bands, prompt), csv, json_):
        raise typer.Exit(NOTHING_ANSWERED)


def _told(
    telling: "Telling[Any]", opened: Any, images: list[str], output: "Output", csv: str | None, json_: bool
) -> bool:
    """Print or write the answer to each image; whether there was one."""
    from pupila.core.progress import progress
    from pupila.stages.predict.inputs import count, named
    from pupila.stages.predict.rows import as_csv, as_json, for_people, line
    from pupila.stages.predict.table import writing

    columns = telling.columns(opened.info.classes)
    table = csv or (output.folder and f"{output.folder}/answers.csv")
    total, bad = count(images), 0
    with progress(say("answering"), total) as advance, writing(table, line(columns)) as write:
        for told in telling.rows(opened, named(images), output):
            bad += "error" in told
            write(as_csv(told, telling, columns, table))
            if not csv:
                print(as_json(told) if json_ else for_people(told, telling))
            advance(1)
    if bad:
        print(
            say_count("One image could not be answered.", "{n} images could not be answered.", bad),
            file=sys.stderr,
        )
    if table and not json_:
        print(say_count("One answer in {path}", "{n} answers in {path}", total - bad, path=table))
    return bad < total


def _prompt(points: list[str], negatives: list[str], box: str | None, telling: "Telling[Any]") -> "Prompt":
    """What the options point at.

    Raises:
        PupilaError: nothing to go by, no numbers, or a bundle that answers no prompts.
    """
    from pupila.tasks.prompt import Prompt, check_given

    given = {"--point": points, "--negative": negatives, "--box": [box] if box else []}
    if not telling.prompted:
        if any(given.values()):
            raise PupilaError(
                say("Settings at odds"), found=", ".join(name for name, texts in given.items() if texts),
                wanted=say("a bundle of a promptable model, such as pupila-sam"),
            )  # fmt: skip
        return Prompt()
    here, not_here = (
        tuple((x, y) for x, y in (_numbers(name, text, 2) for text in given[name]))
        for name in ("--point", "--negative")
    )
    prompt = Prompt(here, not_here)
    if box:
        x0, y0, x1, y1 = _numbers("--box", box, 4)
        prompt = Prompt(here, not_here, (x0, y0, x1, y1))
    check_given(prompt)
    return prompt


def _numbers(option: str, text: str, count: int) -> list[float]:
    """The numbers of an option, pixels.

    Raises:
        PupilaError: not so many numbers.
    """
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise PupilaError(
            say("Bad {option}", option=option), found=text,
            wanted=say("{n} numbers with commas between them, pixels of the upright image", n=count),
        )  # fmt: skip
    return numbers
