"""`pupila collect SITE`."""

from typing import Annotated

import typer

from pupila.core.errors import PupilaError
from pupila.core.messages import say

HELP = say("Collect products and their images from the pages of a web shop into a data set.")


def collect(
    site: Annotated[
        str,
        typer.Argument(
            metavar="SITE", help=say("A YAML file, or one that comes along: disco, vtex, static.")
        ),
    ],
    out: Annotated[
        str, typer.Option("--out", metavar="DATA", help=say("Folder of the data set, or s3://..."))
    ],
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help=say("Products, the first of the listing [all]."))
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help=say("Go on with the collection in --out, or visit once more."))
    ] = False,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help=say("A field of SITE (pupila settings collect lists them).")
        ),
    ] = None,
    browser: Annotated[
        str | None, typer.Option("--browser", metavar="PATH", help=say("Chromium [found on PATH]."))
    ] = None,
    label: Annotated[
        str | None,
        typer.Option("--label", metavar="LABELLER", help=say("Then label, as pupila label --with does.")),
    ] = None,
    label_config: Annotated[
        str | None, typer.Option("--label-config", metavar="FILE", help=say("Settings of --label, as YAML."))
    ] = None,
) -> None:
    """Collect, and print what came; label it, where that is wished, and print how it went."""
    from pupila.api import collect as api
    from pupila.api.label import labelling
    from pupila.core.settings import parse_overrides, read_config
    from pupila.stages.collect.sentences import sentences
    from pupila.stages.label.sentences import sentences as labelled

    if label_config and not label:
        raise PupilaError(say("Settings at odds"), found="--label-config", wanted="--label LABELLER")
    asking = read_config(label_config) if label_config else {}
    done = api.collect(
        site, out=out, limit=limit, resume=resume, browser=browser, **parse_overrides(set_ or [])
    )
    print("\n".join(sentences(done)))
    print(say("Look into: {path}", path=f"{done.folder}/products.jsonl"))
    if label is not None:
        planned = labelling(done.folder, with_=label, **asking)
        print("\n".join(["", *planned.forecast()]), flush=True)
        print("\n".join(["", *labelled(planned.run(), done.folder)]))
    print(say("Next: pupila doctor {folder}", folder=done.folder))
