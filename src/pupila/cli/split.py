"""`pupila split DATA`."""

import json
from typing import Annotated, Any

import typer

from pupila.cli.options import DataArgument, JsonOption, OutOption
from pupila.cli.understood import open_data
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.json_text import dump_json
from pupila.core.messages import escape_controls, integer, listing, mark, number, say, say_count, translate
from pupila.core.vocabulary import SPLITS_FILE

HELP = mark(
    "Write splits.json: duplicates and groups stay together, classes stay balanced, leaks are reported."
)
MAX_CLASSES = 10  # of each split; all stand in what was understood of the data
MAX_MISSING = 8  # classes that are not in every split; the others are in the file


def split(
    ctx: typer.Context,
    data: DataArgument,
    out: OutOption = None,
    replace: Annotated[
        bool, typer.Option("--replace", help=mark("Replace an existing split; the old one is renamed."))
    ] = False,
    extend: Annotated[
        bool,
        typer.Option(
            "--extend",
            help=mark("Give new images a part of the split that is there; all others stay where they are."),
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help=mark("Print the split without writing it."))
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Split, and print the result."""
    from pupila.api import split as api

    opened, config = open_data(ctx, data, json_)
    path = f"{out or opened.home}/{SPLITS_FILE}"
    before = files.read_bytes(path) if files.exists(path) else None
    if extend and (replace or dry_run):
        raise PupilaError(say("Conflicting settings"), actual="--extend, --replace, --dry-run",
                          expected=say("--extend alone"))  # fmt: skip
    split_file = (
        api.plan_split(opened, **config)
        if dry_run
        else api.split(opened, out=out, replace=replace, extend=extend, **config)
    )
    if json_:
        balance = split_file.balance.model_dump(by_alias=True)
        print(dump_json({"verdict": split_file.verdict, "origin": split_file.origin, "hash": split_file.hash,
                         "by": split_file.settings.by, "leaks": len(split_file.leaks), "balance": balance,
                         "likely_groups": likely.model_dump() if (likely := split_file.likely_groups) else None},
                        indent=1))  # fmt: skip
        return
    origin = split_file.origin
    if extend and before is not None:
        origin = origin.removeprefix(json.loads(before)["origin"]).strip() or say(
            "No image is new: the split stays as it is."
        )
    print(origin)
    _print_split(split_file)
    if not dry_run:
        unchanged = before == files.read_bytes(path)
        print(
            "\n" + (say("Unchanged: {path}", path=path) if unchanged else say("Written: {path}", path=path))
        )


def _print_table(by_split: dict[str, Any]) -> None:
    """Each split with its images, groups and classes, in columns."""
    from pupila.artifacts.dataset.understood import SPLIT_TITLES

    rows = []
    for name, row in by_split.items():
        if row.images:
            classes = (
                [f"{each} {integer(n)}" for each, n in row.classes.items()]
                if any(row.classes.values())
                else []
            )
            rows.append((translate(SPLIT_TITLES[name]), row.describe(),
                         listing(classes, MAX_CLASSES) or say("without labels")))  # fmt: skip
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for title, images, text in rows:
        print(f"  {title:{widths[0]}}  {images:{widths[1]}}  {text}")


def _describe_clean(likely: Any) -> str:
    """The verdict on a split without leaks, as far as groups are known."""
    if likely is None:
        return say("Verdict: clean. No duplicate and no group is in two splits.")
    if likely.divided:
        return say("Verdict: clean as to duplicates alone: none is in two splits.")
    return say("Verdict: clean. No duplicate is in two splits.")


def _print_split(split_file: Any) -> None:
    _print_table(split_file.balance.by_split())
    for sentence in split_file.balance.describe_unlabelled():
        print(sentence)
    folds = [a.fold for a in split_file.images if a.fold is not None]
    if folds:
        print(
            say(
                "  fold sizes: {sizes} images",
                sizes=", ".join(str(folds.count(f)) for f in sorted(set(folds))),
            )
        )
    worst = split_file.balance.largest_deviation
    if worst.class_name and worst.share:
        print(say("Largest deviation of a class share: {points} percentage points (class '{name}', {split}).",
                  points=number(100 * worst.share, 1), name=worst.class_name, split=worst.split))  # fmt: skip
    missing = split_file.balance.missing_classes
    for row in missing[:MAX_MISSING]:
        print(row.describe())
    if len(missing) > MAX_MISSING:
        print(say("  and {n} more, all in splits.json", n=len(missing) - MAX_MISSING))
    likely = split_file.likely_groups
    if not split_file.leaks:
        print(_describe_clean(likely))
        if likely is not None:
            print(likely.describe())
        return
    print(
        say_count(
            "Verdict: leaking. {n} pair that belongs together is in two splits:",
            "Verdict: leaking. {n} pairs that belong together are in two splits:",
            len(split_file.leaks),
        )
    )
    for leak in split_file.leaks[:10]:
        first, second = escape_controls(leak.first), escape_controls(leak.second)
        print(f"  {leak.kind:8} {first} ({leak.splits[0]}) = {second} ({leak.splits[1]})")
    if len(split_file.leaks) > 10:
        print(say("  and {n} more, all in splits.json", n=len(split_file.leaks) - 10))
    print(say("Metrics on this split are biased upwards."))
    if likely is not None and likely.divided:
        print(likely.describe())
    else:
        print(say("Draw another: {command}", command=split_file.redraw_command))
