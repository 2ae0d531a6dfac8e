"""`pupila label DATA`. A command of two words, such as `label audit`, stands beside it: see `pupila.cli.app`."""

from typing import Annotated

import typer

from pupila.cli.options import DataArgument, JsonOption
from pupila.cli.understood import open_data
from pupila.core.json_text import dump_json
from pupila.core.messages import mark, say_count

HELP = mark(
    "Label images with a model, an endpoint, a bundle or a table; annotators' labels always take precedence."
)
STOPPED, NOTHING = 1, 2  # exit codes: the cap was reached; nothing could be labelled


def label(
    ctx: typer.Context,
    data: DataArgument,
    with_: Annotated[
        str,
        typer.Option(
            "--with",
            metavar="LABELLER",
            help=mark("vlm:MODEL, roboflow:PROJECT/VERSION, bundle:FOLDER or csv:FILE."),
        ),
    ],
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help=mark("Largest number of images to label."))
    ] = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--all",
            help=mark(
                "Also label images that already have a label; annotators' and given labels stay in force."
            ),
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help=mark("Print the number of requests and the cost, without sending any.")
        ),
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Label, and print the outcome."""
    from pupila.api import label as api
    from pupila.stages.label.sentences import sentences

    opened, settings = open_data(ctx, data, json_)
    planned = api.plan_labelling(opened, with_=with_, limit=limit, everything=everything, **settings)
    if dry_run:
        lines = [*planned.forecast(), *planned.labeller.remarks()]
        _print_plan(planned.labeller.name, len(planned.selection.rows), lines, json_)
        return
    if not json_:
        print("\n".join(planned.forecast()), flush=True)
    outcome = planned.run()
    if json_:
        print(dump_json(outcome.as_dict(), indent=1))
    else:
        print("\n".join(["", *sentences(outcome, data)]))
    if outcome.not_requested:
        raise typer.Exit(STOPPED)
    if outcome.failed and not outcome.labelled and not outcome.unsure:
        raise typer.Exit(NOTHING)


def _print_plan(name: str, images: int, lines: list[str], json_: bool) -> None:
    """The number of images, and what labelling them takes."""
    if json_:
        print(dump_json({"labeller": name, "images": images, "messages": lines}, indent=1))
        return
    print(say_count("{labeller} would label {n} image.", "{labeller} would label {n} images.",
                    images, labeller=name))  # fmt: skip
    print("\n".join(lines))
