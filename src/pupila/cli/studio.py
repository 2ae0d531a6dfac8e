"""`pupila label export DATA` and `pupila label import DATA FILE`: to Label Studio and back."""

from typing import Annotated

import typer

from pupila.cli.options import DataArgument
from pupila.core.messages import say, say_count

EXPORT = say("Write tasks for Label Studio, with the labels that are there as predictions.")
IMPORT = say("Take over what people chose and drew in Label Studio: labels and masks of theirs.")


def export(
    data: DataArgument,
    to: Annotated[
        str, typer.Option("--to", metavar="FILE", help=say("The tasks; FILE.xml says how to label."))
    ],
    embed: Annotated[
        bool,
        typer.Option("--embed", help=say("Put the images into the file; else Label Studio serves them.")),
    ] = False,
    prefix: Annotated[
        str | None,
        typer.Option(
            metavar="PATH", help=say("The data below Label Studio's document root [the folder's name].")
        ),
    ] = None,
    without_label: Annotated[
        bool,
        typer.Option(
            "--without-label", help=say("Only images that were rejected, unsure or never labelled.")
        ),
    ] = False,
) -> None:
    """Export, and print where it lies."""
    from pupila.artifacts.dataset.open import open as open_data
    from pupila.stages.label.studio.tasks import How
    from pupila.stages.label.studio.tasks import export as write

    done = write(open_data(data), to, How(embed, prefix, without_label))
    print(say("{n} tasks, {labels} of them with a label.", n=done.tasks, labels=done.predictions))
    if done.gone:
        print(say_count("One mask is gone: its image has no label in the file.",
                        "{n} masks are gone: their images have no label in the file.", done.gone))  # fmt: skip
    print(say("Import: {file}; labelling configuration: {config}", file=done.file, config=done.config))


def import_(
    data: DataArgument,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help=say("Label Studio's export, in its native JSON."))
    ],
) -> None:
    """Import, and print what came of it."""
    from pupila.artifacts.dataset.open import open as open_data
    from pupila.stages.label.studio.annotations import import_answers, sentences

    for sentence in sentences(import_answers(open_data(data), file)):
        print(sentence)
