"""`pupila collect SITE`."""

from typing import Annotated

import typer

from pupila.cli.flags import given_settings
from pupila.core.errors import PupilaError
from pupila.core.messages import mark, say

HELP = mark("Collect products and their images from the pages of a web shop into a data set.")


def collect(
    ctx: typer.Context,
    site: Annotated[
        str,
        typer.Argument(metavar="SITE", help=mark("A YAML file, or a built-in site: disco, vtex, static.")),
    ],
    out: Annotated[
        str, typer.Option("--out", metavar="DATA", help=mark("Folder of the data set, or s3://..."))
    ],
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            metavar="N",
            min=1,
            help=mark("Largest number of products, in the order of the listing [all]."),
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help=mark("Resume the collection in --out, or visit the site again for new products.")
        ),
    ] = False,
    chromium: Annotated[
        str | None,
        typer.Option("--chromium", metavar="PATH", help=mark("Path of Chromium [the one on PATH].")),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            "--label",
            metavar="LABELLER",
            help=mark("Label the images afterwards, as pupila label --with does."),
        ),
    ] = None,
    label_config: Annotated[
        str | None,
        typer.Option("--label-config", metavar="FILE", help=mark("Settings of --label, a YAML file.")),
    ] = None,
) -> None:
    """Collect, print the outcome, and label the images if a labeller is given."""
    from pupila.api import collect as api
    from pupila.api.label import plan_labelling
    from pupila.core.settings import read_config
    from pupila.stages.collect.sentences import describe_visit
    from pupila.stages.label.sentences import sentences as labelled

    if label_config and not label:
        raise PupilaError(say("--label-config needs --label LABELLER"))
    label_settings = read_config(label_config) if label_config else {}
    visit = api.collect(site, out=out, limit=limit, resume=resume, chromium=chromium, **given_settings(ctx))
    print("\n".join(describe_visit(visit)))
    print(say("Products: {path}", path=f"{visit.folder}/products.jsonl"))
    if label is not None:
        planned = plan_labelling(visit.folder, with_=label, **label_settings)
        print("\n".join(["", *planned.forecast()]), flush=True)
        print("\n".join(["", *labelled(planned.run(), visit.folder)]))
    print(say("Next: pupila doctor {folder}", folder=visit.folder))
