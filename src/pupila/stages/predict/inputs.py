"""The images to predict: files, folders and patterns, found one by one, never all in memory."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import integer, listing, say, say_count
from pupila.core.vocabulary import IMAGE_SUFFIXES, TEXT_SUFFIXES
from pupila.imaging.images.signatures import START, has_image_signature, unread_format


@dataclass(slots=True)
class SkippedFiles:
    """The files of folders that are no images, and get no row."""

    others: Counter[str] = field(default_factory=Counter)  # by file extension
    hidden: int = 0

    def describe(self) -> str:
        """A sentence for each kind; empty where there are none."""
        sentences = []
        if self.others:
            names = [
                f"{suffix or say('no extension')} ({integer(n)})" for suffix, n in self.others.most_common()
            ]
            sentences.append(say_count("{n} file that is not an image was skipped: {names}.",
                                       "{n} files that are not images were skipped: {names}.",
                                       self.others.total(), names=listing(names, 8)))  # fmt: skip
        if self.hidden:
            sentences.append(say_count("{n} hidden file of a system was skipped.",
                                       "{n} hidden files of a system were skipped.", self.hidden))  # fmt: skip
        return " ".join(sentences)


def find_images(paths: list[str], skipped: SkippedFiles | None = None) -> Iterator[str]:
    """The addresses of the images.

    Args:
        paths: image files, folders (with all below them), or patterns such as `photos/*.jpg`.
        skipped: gets what the folders hold besides images.

    Raises:
        PupilaError: a path that names nothing.
    """
    for path in paths:
        if files.exists(path):
            yield from images_below(path, skipped or SkippedFiles()) if files.is_folder(path) else [path]
            continue
        if not (matches := files.glob_files(path)):
            raise PupilaError(
                say("No such image"),
                actual=path,
                expected=say("an image file, a folder, or a pattern such as photos/*.jpg"),
            )
        yield from matches


def images_below(folder: str, skipped: SkippedFiles) -> Iterator[str]:
    """All images below a folder, by extension or content, also those of formats that are not read."""
    for entry in files.walk(folder, special=True):
        path = files.join(folder, entry.path)
        if files.is_hidden(entry.path):
            skipped.hidden += 1
        elif files.suffix(entry.path) in IMAGE_SUFFIXES or _begins_as_image(path):
            yield path
        else:
            skipped.others[files.suffix(entry.path)] += 1


def count_images(paths: list[str], skipped: SkippedFiles | None = None) -> int:
    """The number of images, for the progress bar.

    Raises:
        PupilaError: none.
    """
    skipped = skipped or SkippedFiles()
    number = sum(1 for _ in find_images(paths, skipped))
    if not number:
        actual = " ".join(filter(None, (listing(paths), skipped.describe())))
        raise PupilaError(say("No images found"), actual=actual, expected=say("at least one image"))
    return number


def _begins_as_image(path: str) -> bool:
    if files.suffix(path) in TEXT_SUFFIXES:
        return False
    try:
        start = files.read_start(path, START)
    except OSError:
        start = b""
    return has_image_signature(start) or bool(unread_format(start, files.suffix(path)))
