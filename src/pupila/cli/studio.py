"""`pupila label export DATA` and `pupila label import DATA FILE`: to Label Studio and back."""

from typing import Annotated

import typer

from pupila.cli.options import DataArgument
from pupila.cli.understood import open_data
from pupila.core.messages import mark, say, say_count

EXPORT = mark("Write tasks for Label Studio, with the present labels as predictions.")
IMPORT = mark("Import the labels and masks that annotators made in Label Studio.")


def export(
    ctx: typer.Context,
    data: DataArgument,
    to: Annotated[
        str,
        typer.Option(
            "--out", metavar="FILE", help=mark("Tasks to write; FILE.xml holds the labelling configuration.")
        ),
    ],
    embed: Annotated[
        bool,
        typer.Option(
            "--embed", help=mark("Embed the images in the file instead of letting Label Studio serve them.")
        ),
    ] = False,
    prefix: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help=mark("Path of the data below Label Studio's document root [name of the folder]."),
        ),
    ] = None,
    without_label: Annotated[
        bool,
        typer.Option(
            "--without-label", help=mark("Only images that were rejected, uncertain or never labelled.")
        ),
    ] = False,
) -> None:
    """Export, and print the path."""
    from pupila.api.label import export_labels

    opened, _ = open_data(ctx, data)
    result = export_labels(opened, out=to, embed=embed, prefix=prefix, without_label=without_label)
    print(
        say_count(
            "{n} task, {labels} with a label.",
            "{n} tasks, {labels} with a label.",
            result.tasks,
            labels=result.predictions,
        )
    )
    if result.missing_masks:
        print(
            say_count(
                "{n} mask is missing: its image has no label in the file.",
                "{n} masks are missing: their images have no label in the file.",
                result.missing_masks,
            )
        )
    print(say("Import: {file}; labelling configuration: {config}", file=result.file, config=result.config))


def import_(
    ctx: typer.Context,
    data: DataArgument,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help=mark("Label Studio's export as JSON, JSON-MIN or CSV."))
    ],
) -> None:
    """Import, and print the outcome."""
    from pupila.api.label import import_labels
    from pupila.stages.label.studio.annotations import sentences

    opened, _ = open_data(ctx, data)
    for sentence in sentences(import_labels(opened, file)):
        print(sentence)
