"""`pupila data snapshot | log | diff | restore`: versions of a data set."""

from typing import Annotated

import typer

from pupila.cli.options import DataArgument, JsonOption, OutOption
from pupila.cli.understood import open_data
from pupila.core.json_text import dump_json
from pupila.core.messages import escape_controls, listing, mark, say, say_images

SNAPSHOT = mark("Record the version of a data set; with --store, also the contents of its files.")
LOG = mark("List the versions of a data set: when, by what, and what changed since the one before.")
DIFF = mark("Show which images, labels, masks, splits and groups differ between two versions.")
RESTORE = mark(
    "Restore the images, labels and split of a version, by default into a new folder beside the data."
)
NOW = "now"
_VERSION = mark("A version: its first digits, its note, 'now', or a run or bundle that was trained on it.")

VersionArgument = Annotated[str, typer.Argument(metavar="VERSION", help=_VERSION)]


def snapshot(
    ctx: typer.Context,
    data: DataArgument,
    note: Annotated[
        str, typer.Option("--note", metavar="TEXT", help=mark("Why it is taken; it can be named by it."))
    ] = "",
    store: Annotated[
        str | None,
        typer.Option(
            "--store",
            metavar="URI",
            help=mark("Folder or s3://BUCKET/PREFIX for the contents [that of the last snapshot]."),
        ),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Take a version, and print it."""
    from pupila.api.versions import snapshot_data

    opened, _ = open_data(ctx, data, json_)
    taken = snapshot_data(opened, note=note, store=store)
    if json_:
        contents = taken.contents
        print(dump_json({"version": taken.version.name, "new": taken.is_new, "images": taken.version.info.images,
                         "store": contents.store if contents else None,
                         "files": len(contents.files) if contents else None, "written": taken.written,
                         "written_bytes": taken.written_bytes}, indent=1))  # fmt: skip
        return
    print("\n".join(taken.sentences()))


def log(data: DataArgument, json_: JsonOption = False) -> None:
    """Print the versions, the latest last."""
    from dataclasses import asdict

    from pupila.api.versions import list_versions

    result = list_versions(data)
    if json_:
        print(
            dump_json(
                {"versions": [asdict(each) for each in result.versions], "skipped": result.faults}, indent=1
            )
        )
        return
    for each in result.versions:
        images = say_images(each.images) if each.images is not None else say("unknown")
        parts = [each.time[:16].replace("T", " "), each.version[:12], each.by, images, each.changes]
        print(escape_controls("  ".join(filter(None, parts))))
        details = [*(f'"{note}"' for note in each.notes)]
        details += [say("trained: {runs}", runs=listing(each.runs))] if each.runs else []
        details += [say("contents: {store}", store=each.store)] if each.store else []
        for line in details:
            print(f"    {escape_controls(line)}")
    if not result.versions:
        print(say("No version is recorded yet: {command}", command="pupila data snapshot DATA"))
    for fault in result.faults:
        print(say("Skipped: {reason}", reason=fault))


def diff(
    ctx: typer.Context,
    data: DataArgument,
    before: Annotated[str, typer.Argument(metavar="BEFORE", help=_VERSION)],
    after: Annotated[str, typer.Argument(metavar="AFTER", help=mark("The later version."))] = NOW,
    out: OutOption = None,
    json_: JsonOption = False,
) -> None:
    """Compare, and print what differs."""
    from pupila.api.versions import diff_data

    opened, _ = open_data(ctx, data, json_)
    result = diff_data(opened, before, after, out=out)
    if json_:
        print(dump_json(result.diff.model_dump(mode="json", by_alias=True), indent=1))
        return
    for sentence in result.sentences():
        print(escape_controls(sentence))
    print("\n" + say("Page: {path}", path=result.page))


def restore(
    data: DataArgument,
    version: VersionArgument,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="FOLDER",
            help=mark("Where to; the data folder itself restores it in place [DATA-VERSION beside it]."),
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help=mark("Overwrite and remove the listed files without asking."))
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Restore, and print what was written."""
    from pupila.api.versions import plan_restore

    job = plan_restore(data, version, to=to)
    if not json_:
        for sentence in job.describe():
            print(escape_controls(sentence))
    if job.needs_consent and not yes and not json_:
        if job.data:
            print(say("The present state is stored before, as a version of its own."))
        if not typer.confirm(say("Do so?")):
            print(say("Nothing was written."))
            return
        yes = True
    restored = job.run(replace=yes)
    if json_:
        from dataclasses import asdict

        print(dump_json({**asdict(restored), "exact": restored.is_exact}, indent=1))
        return
    print("\n".join(restored.sentences()))
