"""`pupila label queue DATA --from LOG`: a person reviews images of a service."""

from typing import Annotated

import typer

from pupila.cli.audit import NameOption, PortOption, ReportOption, print_address
from pupila.cli.options import DataArgument, JsonOption, check_port
from pupila.cli.understood import open_data
from pupila.core.json_text import dump_json
from pupila.core.messages import mark, say

HELP = mark("Review images of a service, add them to the data set, and estimate the live accuracy.")


def queue(
    ctx: typer.Context,
    data: DataArgument,
    log: Annotated[
        str,
        typer.Option("--from", metavar="LOG", help=mark("Folder of the service's log (--log-predictions).")),
    ],
    bundle: Annotated[
        str | None,
        typer.Option(
            metavar="BUNDLE", help=mark("Bundle with a reference, which tells how unlike an image is.")
        ),
    ] = None,
    report: ReportOption = False,
    name: NameOption = "",
    port: PortOption = 0,
    json_: JsonOption = False,
) -> None:
    """Choose, review, and print the outcome."""
    from pupila.api.label import Review, review_queue
    from pupila.stages.label.review.queue_sentences import describe_queue, describe_result

    check_port(port)
    opened, settings = open_data(ctx, data, json_)
    result = review_queue(
        opened, log=log, bundle=bundle, review=Review(name, port, print_address, report),
        on_chosen=lambda queue: None if json_ else print(*describe_queue(queue), sep="\n", flush=True), **settings,
    )  # fmt: skip
    if json_:
        print(dump_json(result.as_dict(), indent=1))
        return
    for sentence in describe_result(result):
        print(sentence)
    print("\n" + say("Queue: {path}", path=result.file))
