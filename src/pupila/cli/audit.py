"""`pupila label audit DATA` and `pupila label suspects DATA`: a person looks at labels."""

import json
from typing import Annotated, Any

import typer

from pupila.cli.options import DataArgument, JsonOption, SetOption
from pupila.core.messages import say

AUDIT = say("Ask a person about machines' labels, blind, on a local page; say how many are right.")
SUSPECTS = say("Rank labels that a run's answers speak against; a person confirms or mends them, blind.")

NameOption = Annotated[
    str, typer.Option("--name", metavar="NAME", help=say("Who answers [the user of this machine]."))
]
PortOption = Annotated[
    int, typer.Option("--port", metavar="PORT", help=say("Port of the page; 0: a free one."))
]
ReportOption = Annotated[
    bool, typer.Option("--report", help=say("Ask nothing; judge what was answered so far."))
]


def audit(
    data: DataArgument,
    sample: Annotated[
        int | None,
        typer.Option(metavar="N", help=say("Pictures at random; more than before adds to them [100].")),
    ] = None,
    doubtful: Annotated[
        int | None,
        typer.Option(metavar="N", help=say("Further pictures that the machine doubted most [20].")),
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help=say("Decides the draw [0]."))] = None,
    class_: Annotated[
        list[str] | None,
        typer.Option("--class", metavar="NAME", help=say("A further answer, which the machine never gave.")),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help=say("Draw anew, of the labels in force now."))
    ] = False,
    report: ReportOption = False,
    name: NameOption = "",
    port: PortOption = 0,
    json_: JsonOption = False,
    set_: SetOption = None,
) -> None:
    """Ask, and print what was found."""
    from pupila.artifacts.dataset.open import open as open_data
    from pupila.core.settings import parse_overrides
    from pupila.stages.label.review.audit import AuditSettings
    from pupila.stages.label.review.audit import audit as ask
    from pupila.stages.label.review.audit_page import sentences

    wish: dict[str, Any] = {
        "sample": sample,
        "doubtful": doubtful,
        "seed": seed,
        "classes": tuple(class_ or ()),
    }
    settings = AuditSettings.wish({**wish, "again": again}, "label-audit")
    opened = open_data(data, **parse_overrides(set_ or []))
    done = ask(opened, settings, name, None if report else port, _address)
    if json_:
        print(json.dumps(done.audit, indent=1, ensure_ascii=False))
        return
    for sentence in sentences(done.audit):
        print(sentence)
    print("\n" + say("Look at: {path}", path=done.page))


def suspects(
    data: DataArgument,
    with_: Annotated[
        str,
        typer.Option("--with", metavar="RUN", help=say("The run whose answers to unseen images are taken.")),
    ],
    limit: Annotated[int, typer.Option(metavar="N", help=say("Labels that are asked about, at most."))] = 50,
    report: ReportOption = False,
    name: NameOption = "",
    port: PortOption = 0,
    json_: JsonOption = False,
) -> None:
    """Rank, ask, and print what came of it."""
    from pupila.artifacts.dataset.open import open as open_data
    from pupila.stages.label.review.suspects import review_suspects, sentences

    page = None if report else (port, _address)
    done = review_suspects(open_data(data), with_, limit, name, page)
    if json_:
        ranking = done.ranking
        told = {"judged": ranking.judged, "estimated": ranking.estimated, "suspected": len(ranking.suspects)}
        told |= done.counts()
        print(json.dumps(told, indent=1))
        return
    for sentence in sentences(done, with_):
        print(sentence)
    print("\n" + say("The ranking: {path}", path=done.file))


def _address(url: str) -> None:
    print(say("Answer at {url} (Ctrl-C ends it; what is answered is kept).", url=url), flush=True)
