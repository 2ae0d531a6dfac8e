"""Which images are meant: files, folders and patterns, one after the other and never all in memory."""

from collections.abc import Iterator

from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.vocabulary import IMAGE_SUFFIXES


def named(paths: list[str]) -> Iterator[str]:
    """The addresses of the images that are meant.

    Args:
        paths: image files, folders (with all below them), or patterns such as `photos/*.jpg`.

    Raises:
        PupilaError: a path that names nothing.
    """
    for path in paths:
        if files.exists(path):
            yield from below(path) if files.is_folder(path) else [path]
            continue
        if not (found := files.matching(path)):
            raise PupilaError(
                say("No such images"),
                found=path,
                wanted=say("an image, a folder, or a pattern such as photos/*.jpg"),
            )
        yield from found


def below(folder: str) -> Iterator[str]:
    """All images below a folder, by their endings."""
    for entry in files.walk(folder):
        if files.suffix(entry.path) in IMAGE_SUFFIXES and not files.is_hidden(entry.path):
            yield files.join(folder, entry.path)


def count(paths: list[str]) -> int:
    """How many images are meant, for the progress.

    Raises:
        PupilaError: none.
    """
    number = sum(1 for _ in named(paths))
    if not number:
        raise PupilaError(say("No images"), found=listing(paths), wanted=say("at least one image"))
    return number
