"""What lies among the data and is none: hidden and system files, counted in one sentence; what is no regular file."""

from collections import Counter
from collections.abc import Sequence

from pupila.artifacts.dataset.formats.listing import Listing, Oddity
from pupila.core import files
from pupila.core.messages import integer, listing, say, say_count

HIDDEN = "hidden-file"  # code of one of them
_SEPARATE = 3  # files of one kind that are listed one by one


def count_system_files(oddities: Sequence[Oddity]) -> tuple[list[Oddity], list[str]]:
    """The oddities with one for each kind of system file, and a sentence where there are any."""
    kinds = {o.subject: _kind(o.subject) for o in oddities if o.code == HIDDEN}
    counts = Counter(kinds.values())
    if not counts:
        return list(oddities), []
    others = [o for o in oddities if o.code != HIDDEN or counts[kinds[o.subject]] <= _SEPARATE]
    others += [
        Oddity(kind, HIDDEN, say_count("{n} hidden file", "{n} hidden files", count))
        for kind, count in counts.items() if count > _SEPARATE
    ]  # fmt: skip
    shown = [f"{kind} {integer(count)}" for kind, count in counts.most_common()]
    note = say_count(
        "Left out: {n} hidden or system file ({kinds}).",
        "Left out: {n} hidden or system files ({kinds}).",
        sum(counts.values()), kinds=listing(shown, 8),
    )  # fmt: skip
    return others, [note]


def list_unopened(source: Listing) -> list[Oddity]:
    """What is never opened below the root and is neither an image nor named by the source itself.

    Args:
        source: as its layout's reader gives it.
    """
    if not (unopened := find_unopened(source.root)):
        return []
    named = {*source.rows["image"], *(oddity.subject for oddity in source.oddities)}
    return [oddity for oddity in unopened if oddity.subject not in named]


def find_unopened(root: str) -> list[Oddity]:
    """What is never opened below the root: pipes, devices, links that lead nowhere, folders that can't be listed."""
    return [
        Oddity(entry.path, "unreadable", files.describe_special(files.join(root, entry.path)))
        if entry.size == files.SPECIAL
        else Oddity(entry.path, "broken-link", say("a link that leads nowhere"))
        for entry in files.walk(root, special=True)
        if entry.size < 0
        and files.is_text(entry.path)
        and not (entry.size == -1 and files.is_hidden(entry.path))
    ]


def _kind(path: str) -> str:
    """The name that makes the path a system's own; files such as `._photo.jpg` are one kind."""
    name = next((part for part in path.split("/") if files.is_hidden(part)), path)
    return "._*" if name.startswith("._") else name
