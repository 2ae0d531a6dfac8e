"""`pupila clean s3://bucket/prefix`."""

from typing import Annotated

import typer

from pupila.core import files, stores
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count
from pupila.core.vocabulary import LABELS_FILE, OPENINGS_FILE, SPLITS_FILE

HELP = say("Delete what a broken-off collection left below a prefix of a store; shows it and asks first.")
# Files that took somebody's work or money; where one lies below the prefix, it holds more than leavings.
KEPT = (SPLITS_FILE, OPENINGS_FILE, LABELS_FILE, "bundle.json")
_MEGABYTE = 10**6


def clean(
    prefix: Annotated[str, typer.Argument(metavar="s3://BUCKET/PREFIX", help=say("What to delete."))],
    yes: Annotated[bool, typer.Option("--yes", help=say("Do not ask."))] = False,
    delete_data: Annotated[
        bool, typer.Option("--delete-data", help=say("Also labels, splits and bundles that lie there."))
    ] = False,
) -> None:
    """Show what lies below the prefix, ask, and delete it."""
    _check(prefix)
    found, parts = list(files.walk(prefix)), stores.unfinished(prefix)
    if not found and not parts:
        print(say("Nothing lies below {prefix}.", prefix=prefix))
        return
    size = sum(one.size for one in found) / _MEGABYTE
    print(say_count("{n} object, {size:.1f} MB below {prefix}", "{n} objects, {size:.1f} MB below {prefix}",
                    len(found), size=size, prefix=prefix))  # fmt: skip
    if found:
        print(f"  {listing([one.path for one in found])}")
    if parts:
        print(say_count("{n} upload that did not come to its end", "{n} uploads that did not come to their end",
                        len(parts)))  # fmt: skip
    kept = [one.path for one in found if one.path.rpartition("/")[2] in KEPT]
    if kept and not delete_data:
        raise PupilaError(
            say("This is more than what a broken-off collection leaves"), found=listing(kept),
            wanted=say("a prefix without labels, splits and bundles"), remedy=say("--delete-data, if all is to go"),
        )  # fmt: skip
    if not yes and not typer.confirm(say("Delete all of it for good?")):
        print(say("Nothing was deleted."))
        return
    stores.take_back(prefix, parts)
    stores.remove_all(
        prefix, [*(one.path for one in found), ""]
    )  # and the mark that consoles make of a folder
    print(say("Deleted."))


def _check(prefix: str) -> None:
    """Refuse what is no prefix of a store."""
    if not files.is_remote(prefix):
        raise PupilaError(
            say("Only a store is cleaned"), found=prefix, wanted="s3://BUCKET/PREFIX",
            remedy=say("delete folders on disk by your own tools"),
        )  # fmt: skip
    if "/" not in prefix.partition("://")[2].strip("/"):
        raise PupilaError(
            say("A whole bucket is not cleaned"), found=prefix, wanted="s3://BUCKET/PREFIX",
            remedy=say("name the prefix"),
        )  # fmt: skip
