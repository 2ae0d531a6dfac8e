"""The path that a user named and what lies there: walked once, however many layouts look at it."""

from functools import cached_property

from pupila.artifacts.dataset.formats.file_finder import list_images
from pupila.artifacts.dataset.formats.listing import Oddity
from pupila.core import files
from pupila.core.messages import say
from pupila.core.vocabulary import IMAGE_SUFFIXES, SPLIT_WORDS, TABLE_SUFFIXES

_DATA_SUFFIXES = (*IMAGE_SUFFIXES, *TABLE_SUFFIXES, ".json", ".yaml", ".yml")


class Place:
    """A file, or a folder with the images and all other files below it."""

    def __init__(self, path: str) -> None:
        self.path = path  # as the user named it; the data set's own files lie there by default
        self.is_folder = files.is_folder(path)

    @cached_property
    def home(self) -> str:
        """The folder that is named, or that the file lies in."""
        if self.is_folder:
            return self.path.rstrip("/") or "/"
        return self.path.rpartition("/")[0] or "."

    @cached_property
    def root(self) -> str:
        """The folder of the data: wrappers around it, as archives make them, are stepped through."""
        folder = self.home
        if not self.is_folder:
            return folder
        names = files.list_folders(folder)
        if len(names) != 1 or names[0].lower() in SPLIT_WORDS:
            return folder
        if any(name.lower().endswith(_DATA_SUFFIXES) for name in files.list_files(folder)):
            return folder
        inner = files.join(folder, names[0])
        return inner if len(files.list_folders(inner)) > 1 else folder

    @property
    def notes(self) -> list[str]:
        """What was stepped through, in words."""
        inner = files.relative(self.root, self.home)
        return [] if inner == "." else [say("Read from the inner folder {name}.", name=inner)]

    @cached_property
    def images(self) -> list[files.FileEntry]:
        """All images below the root, by extension or content."""
        return self._content[0]

    @cached_property
    def others(self) -> list[Oddity]:
        """All other files below the root, with the reason why they are no images."""
        return self._content[1]

    @cached_property
    def _content(self) -> tuple[list[files.FileEntry], list[Oddity]]:
        return list_images(self.root)
