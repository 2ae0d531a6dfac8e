"""`pupila label audit DATA` and `pupila label suspects DATA`: a reviewer checks labels."""

from typing import Annotated

import typer

from pupila.cli.options import DataArgument, JsonOption, check_port
from pupila.cli.understood import open_data
from pupila.core.json_text import dump_json
from pupila.core.messages import mark, say

AUDIT = mark("Review a sample of machine labels blind, on a local page, and estimate how many are correct.")
SUSPECTS = mark("Rank labels that contradict a run's out-of-fold predictions, and review them blind.")

NameOption = Annotated[
    str,
    typer.Option(
        "--annotator", metavar="NAME", help=mark("Name of the annotator [the user of this machine].")
    ),
]
PortOption = Annotated[
    int, typer.Option("--port", metavar="PORT", help=mark("Port of the page; 0 picks a free one."))
]
ReportOption = Annotated[
    bool,
    typer.Option("--report", help=mark("Write the report from the answers so far, without asking more.")),
]


def audit(
    ctx: typer.Context,
    data: DataArgument,
    report: ReportOption = False,
    name: NameOption = "",
    port: PortOption = 0,
    json_: JsonOption = False,
) -> None:
    """Review, and print the estimate."""
    from pupila.api.label import Review, audit_labels
    from pupila.stages.label.review.audit_page import sentences

    check_port(port)
    opened, settings = open_data(ctx, data, json_)
    report_ = audit_labels(opened, review=Review(name, port, print_address, report), **settings)
    if json_:
        content = report_.audit.as_dict()
        del content["previous"]
        print(dump_json(content, indent=1))
        return
    for sentence in sentences(report_.report):
        print(sentence)
    print("\n" + say("Report: {path}", path=report_.page))


def suspects(
    ctx: typer.Context,
    data: DataArgument,
    with_: Annotated[
        str,
        typer.Option("--with", metavar="RUN", help=mark("Run whose out-of-fold predictions are used.")),
    ],
    limit: Annotated[int, typer.Option(metavar="N", help=mark("Largest number of labels to review."))] = 50,
    report: ReportOption = False,
    name: NameOption = "",
    port: PortOption = 0,
    json_: JsonOption = False,
) -> None:
    """Rank, review, and print the outcome."""
    from pupila.api.label import Review, review_suspects
    from pupila.stages.label.review.suspects import sentences

    check_port(port)
    review = Review(name, port, print_address, report)
    opened, _ = open_data(ctx, data, json_)
    outcome = review_suspects(opened, run=with_, limit=limit, review=review)
    if json_:
        ranking = outcome.ranking
        summary = {
            "checked": ranking.checked,
            "estimated_errors": ranking.estimated_errors,
            "suspects": len(ranking.suspects),
        }
        summary |= outcome.counts()
        print(dump_json(summary, indent=1))
        return
    for sentence in sentences(outcome, with_):
        print(sentence)
    print("\n" + say("Ranking: {path}", path=outcome.file))


def print_address(url: str) -> None:
    """Print where the review page is."""
    print(
        say("Review page: {url} (Ctrl-C ends the review; answers are saved as you give them).", url=url),
        flush=True,
    )
