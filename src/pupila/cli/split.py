"""`pupila split DATA`."""

import json
from typing import Annotated, Any

import typer

from pupila.cli.options import DataArgument, JsonOption, OutOption, SetOption
from pupila.core.messages import say, say_count

HELP = say(
    "Write splits.json: duplicates and groups stay on one side, classes stay balanced, leaks are said."
)


def split(
    data: DataArgument,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX|COLUMN",
            help=say(
                "What names the group, or the split that the data came with, in the file name or a column."
            ),
        ),
    ] = None,
    val: Annotated[float | None, typer.Option(help=say("Share for validation [0.15]."))] = None,
    test: Annotated[float | None, typer.Option(help=say("Share for the sealed test split [0.15]."))] = None,
    seed: Annotated[int | None, typer.Option(help=say("Decides every draw [23]."))] = None,
    folds: Annotated[int | None, typer.Option(help=say("Folds instead of one validation split."))] = None,
    ignore_given: Annotated[
        bool, typer.Option("--ignore-given", help=say("Draw anew although the data came with a split."))
    ] = False,
    out: OutOption = None,
    replace: Annotated[
        bool, typer.Option("--replace", help=say("Replace another split; the old one is kept."))
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=say("Print the split, write nothing."))] = False,
    json_: JsonOption = False,
    set_: SetOption = None,
) -> None:
    """Split, and print what came out."""
    from pupila.api import split as api
    from pupila.artifacts.dataset.open import open as open_data
    from pupila.core.settings import parse_overrides
    from pupila.stages.split.make import make_split
    from pupila.stages.split.settings import SplitSettings

    told = {
        "by": by,
        "val": val,
        "test": test,
        "seed": seed,
        "folds": folds,
        "ignore_given": ignore_given or None,
    }
    wish = {name: value for name, value in told.items() if value is not None}
    opened = open_data(data, **parse_overrides(set_ or []))
    if dry_run:
        made = make_split(opened, SplitSettings.wish(wish, "split"))
    else:
        made = api.split(opened, out=out, replace=replace, **wish)
    if json_:
        print(json.dumps({"verdict": made.verdict, "origin": made.origin, "hash": made.hash,
                          "leaks": len(made.leaks), "balance": made.balance}, indent=1))  # fmt: skip
        return
    print(opened, end="\n\n")
    _print_split(made)
    if not dry_run:
        print("\n" + say("Written: {path}", path=f"{out or opened.home}/splits.json"))


def _print_split(made: Any) -> None:
    print(say("The split {origin}.", origin=made.origin))
    for name, row in made.balance.items():
        if name != "largest_deviation" and row["images"]:
            classes = ", ".join(f"{c} {n}" for c, n in list(row["classes"].items())[:8])
            print(say("  {name:10} {images:6} images, {groups:6} groups: {classes}",
                      name=name, images=row["images"], groups=row["groups"], classes=classes))  # fmt: skip
    folds = [a.fold for a in made.images if a.fold is not None]
    if folds:
        print(
            say("  folds of {sizes} images", sizes=", ".join(str(folds.count(f)) for f in sorted(set(folds))))
        )
    worst = made.balance["largest_deviation"]
    if worst["class"]:
        print(say("Class shares differ by at most {share:.1%} from the whole ({name} in {split}).",
                  share=worst["share"], name=worst["class"], split=worst["split"]))  # fmt: skip
    if not made.leaks:
        print(say("Verdict: clean. No duplicate and no group is on two sides."))
        return
    print(say_count("Verdict: leaking. One pair that belongs together is parted:",
                    "Verdict: leaking. {n} pairs that belong together are parted:", len(made.leaks)))  # fmt: skip
    for leak in made.leaks[:10]:
        print(f"  {leak.kind:8} {leak.first} ({leak.splits[0]}) = {leak.second} ({leak.splits[1]})")
    if len(made.leaks) > 10:
        print(say("  and {n} more, all in splits.json", n=len(made.leaks) - 10))
    print(say("Scores on it are too good. Try: --ignore-given, or --by with the group."))
