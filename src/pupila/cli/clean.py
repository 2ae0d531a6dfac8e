"""`pupila clean s3://bucket/prefix`."""

from typing import Annotated

import typer

from pupila.core import files, stores
from pupila.core.errors import PupilaError
from pupila.core.messages import escape_controls, listing, mark, number, say, say_count
from pupila.core.vocabulary import LABELS_FILE, SPLITS_FILE, TEST_ACCESS_FILE

HELP = mark("Delete what an interrupted collection left below a prefix of a store; lists it and asks first.")
# Files that cost work or money: a prefix with one of them holds more than an interrupted collection.
VALUABLE = (SPLITS_FILE, TEST_ACCESS_FILE, LABELS_FILE, "bundle.json")
_MEGABYTE = 10**6


def clean(
    prefix: Annotated[str, typer.Argument(metavar="s3://BUCKET/PREFIX", help=mark("What to delete."))],
    yes: Annotated[bool, typer.Option("--yes", help=mark("Delete without asking."))] = False,
    delete_data: Annotated[
        bool, typer.Option("--delete-data", help=mark("Also delete labels, splits and bundles."))
    ] = False,
) -> None:
    """List what is below the prefix, ask, and delete it."""
    _check(prefix)
    objects, parts = list(files.walk(prefix)), stores.unfinished_uploads(prefix)
    if not objects and not parts:
        print(say("There is nothing below {prefix}.", prefix=prefix))
        return
    size = sum(entry.size for entry in objects) / _MEGABYTE
    print(say_count("{n} object, {size} MB below {prefix}", "{n} objects, {size} MB below {prefix}",
                    len(objects), size=number(size, 1), prefix=prefix))  # fmt: skip
    if objects:
        print(f"  {escape_controls(listing([entry.path for entry in objects]))}")
    if parts:
        print(say_count("{n} unfinished upload", "{n} unfinished uploads",
                        len(parts)))  # fmt: skip
    valuable = [entry.path for entry in objects if entry.path.rpartition("/")[2] in VALUABLE]
    if valuable and not delete_data:
        raise PupilaError(
            say("The prefix holds more than an interrupted collection"), actual=listing(valuable),
            expected=say("a prefix without labels, splits and bundles"), remedy=say("--delete-data deletes these too"),
        )  # fmt: skip
    if not yes and not typer.confirm(say("Delete all of it permanently?")):
        print(say("Nothing was deleted."))
        return
    stores.abort_uploads(prefix, parts)
    stores.remove_all(
        prefix, [*(entry.path for entry in objects), ""]
    )  # and the marker that consoles create for a folder
    print(say("Deleted."))


def _check(prefix: str) -> None:
    """Refuse anything but a prefix of a store."""
    if not files.is_remote(prefix):
        raise PupilaError(
            say("pupila clean works on object stores only"), actual=prefix, expected="s3://BUCKET/PREFIX",
            remedy=say("delete folders on disk with your own tools"),
        )  # fmt: skip
    if "/" not in prefix.partition("://")[2].strip("/"):
        raise PupilaError(
            say("pupila clean does not delete a whole bucket"), actual=prefix, expected="s3://BUCKET/PREFIX",
            remedy=say("add the prefix"),
        )  # fmt: skip
