"""The images to predict: files, folders and patterns, found one by one, never all in memory."""

from collections.abc import Iterator

from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.vocabulary import IMAGE_SUFFIXES


def find_images(paths: list[str]) -> Iterator[str]:
    """The addresses of the images.

    Args:
        paths: image files, folders (with all below them), or patterns such as `photos/*.jpg`.

    Raises:
        PupilaError: a path that names nothing.
    """
    for path in paths:
        if files.exists(path):
            yield from images_below(path) if files.is_folder(path) else [path]
            continue
        if not (matches := files.glob_files(path)):
            raise PupilaError(
                say("No such image"),
                actual=path,
                expected=say("an image file, a folder, or a pattern such as photos/*.jpg"),
            )
        yield from matches


def images_below(folder: str) -> Iterator[str]:
    """All images below a folder, by their file extensions."""
    for entry in files.walk(folder):
        if files.suffix(entry.path) in IMAGE_SUFFIXES and not files.is_hidden(entry.path):
            yield files.join(folder, entry.path)


def count_images(paths: list[str]) -> int:
    """The number of images, for the progress bar.

    Raises:
        PupilaError: none.
    """
    number = sum(1 for _ in find_images(paths))
    if not number:
        raise PupilaError(say("No images found"), actual=listing(paths), expected=say("at least one image"))
    return number
