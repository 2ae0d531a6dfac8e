"""`pupila label DATA`. A command of two words, such as `label audit`, stands beside it: see `pupila.cli.app`."""

import json
from typing import Annotated, Any

import typer

from pupila.cli.options import DataArgument, JsonOption
from pupila.core.messages import say, say_count

HELP = say("Label images with a model, an endpoint, a bundle or a table; a person's labels stand above all.")
STOPPED, NOTHING = 1, 2  # exit codes: the cap was reached; nothing could be labelled


def label(
    data: DataArgument,
    with_: Annotated[
        str,
        typer.Option(
            "--with",
            metavar="LABELLER",
            help=say("vlm:MODEL, roboflow:PROJECT/VERSION, bundle:FOLDER or csv:FILE."),
        ),
    ],
    limit: Annotated[int | None, typer.Option(min=1, help=say("Most pictures to ask for."))] = None,
    votes: Annotated[
        int | None,
        typer.Option(min=1, help=say("Answers of a vlm for each picture; agreement is confidence.")),
    ] = None,
    max_cost: Annotated[
        float | None, typer.Option(metavar="DOLLARS", help=say("Most that a vlm may cost in this run."))
    ] = None,
    everything: Annotated[
        bool,
        typer.Option("--all", help=say("Also ask for what a person or the data labelled; theirs stands.")),
    ] = False,
    config: Annotated[
        str | None, typer.Option(metavar="FILE", help=say("Settings as YAML; --set overrides them."))
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help=say("A setting (pupila settings label-vlm and so on lists them)."),
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help=say("Say what it takes, and ask nothing."))
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Label, and print how it went."""
    from pupila.api import label as api
    from pupila.core.settings import parse_overrides, read_config
    from pupila.stages.label.sentences import sentences

    wish = parse_overrides(set_ or [], read_config(config) if config else {})
    wish |= {name: value for name, value in (("votes", votes), ("max_cost", max_cost)) if value is not None}
    planned = api.labelling(data, with_=with_, limit=limit, everything=everything, **wish)
    if dry_run:
        _tell_plan(planned, json_)
        return
    if not json_:
        print("\n".join(planned.forecast()), flush=True)
    done = planned.run()
    if json_:
        print(json.dumps(done.as_dict(), indent=1, ensure_ascii=False))
    else:
        print("\n".join(["", *sentences(done, data)]))
    if done.unasked:
        raise typer.Exit(STOPPED)
    if done.failed and not done.labelled and not done.unsure:
        raise typer.Exit(NOTHING)


def _tell_plan(planned: Any, json_: bool) -> None:
    """What would be asked, and what that takes."""
    name, pictures = planned.labeller.name, len(planned.chosen.rows)
    ahead = [*planned.forecast(), *planned.labeller.remarks()]
    if json_:
        print(
            json.dumps({"labeller": name, "pictures": pictures, "says": ahead}, indent=1, ensure_ascii=False)
        )
        return
    print(say_count("{labeller} would be asked for one picture.", "{labeller} would be asked for {n} pictures.",
                    pictures, labeller=name))  # fmt: skip
    print("\n".join(ahead))
