"""The table that holds the labels: named by the user, with images in it, or as the folder suggests."""

from dataclasses import replace

from pupila.artifacts.dataset.formats.listing import Listing
from pupila.artifacts.dataset.formats.place import Place
from pupila.artifacts.dataset.formats.tables import table
from pupila.artifacts.dataset.formats.tables.embedded_images import read_embedded_images
from pupila.artifacts.dataset.formats.tables.found_table import JSON, read_found_table
from pupila.artifacts.dataset.formats.tables.text_tables import LIST_SUFFIXES
from pupila.artifacts.dataset.reading import AUTO, ReadSettings
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.vocabulary import TABLE_SUFFIXES


def read(place: Place, settings: ReadSettings) -> Listing | None:
    """The rows of the table; None where there is none, or the user names another kind of file.

    Raises:
        PupilaError: the named file does not exist, or is no table of labels.
    """
    if (embedded := read_embedded_images(place, settings)) is not None:
        return embedded
    if settings.labels != AUTO:
        return _read_named(place, files.join(place.home, settings.labels), settings)
    is_json = place.path.lower().endswith(JSON)
    is_table = not place.is_folder and (is_json or place.path.lower().endswith(TABLE_SUFFIXES))
    if (
        is_table
        and not _is_annotations(place, place.path)
        and (is_json or not table.has_image_column(place.path))
    ):
        source, _ = read_found_table(place.root, place.images, table.asks_for_several(settings), [place.path])
        if source is not None:
            return source
    return table.read(place, settings)


def _read_named(place: Place, uri: str, settings: ReadSettings) -> Listing | None:
    if "#" in uri and not files.exists(uri) and files.exists(uri.rpartition("#")[0]):
        return None  # an attribute of a file of annotations
    if not files.exists(uri):
        raise PupilaError(
            say("The file of the labels does not exist"), actual=uri,
            expected=say("a file below the folder of the data"), remedy=say("correct {flag}", flag="--labels FILE"),
        )  # fmt: skip
    if not uri.lower().endswith((*TABLE_SUFFIXES, *LIST_SUFFIXES, JSON)) or _is_annotations(place, uri):
        return None
    several = table.asks_for_several(settings)
    if uri.lower().endswith(TABLE_SUFFIXES) and table.holds_labels(uri, several):
        source = table.read_tables([uri], place.home, several)
        return replace(source, home=place.path if place.is_folder else place.home)
    by_content, notes = read_found_table(place.root, place.images, several, [uri])
    if by_content is None:
        raise PupilaError(
            say("The file {path} holds no labels that Pupila reads", path=uri),
            actual=" ".join(notes) or say("no table"),
            expected=say("a column that names images, and one of labels"),
        )  # fmt: skip
    return replace(by_content, home=place.path if place.is_folder else place.home)


def _is_annotations(place: Place, uri: str) -> bool:
    """Whether a JSON file is one of an annotation tool, also one that can't be read."""
    if not uri.lower().endswith(JSON):
        return False
    tools = place.annotations
    paths = [*tools.bare, *(path for by_path in tools.by_tool.values() for path in by_path)]
    paths += [path for by_path in tools.broken.values() for path in by_path]
    return any(files.join(tools.root, path) == uri for path in paths)


def refuse_unread_labels(settings: ReadSettings, layout: str) -> None:
    """Stop where a file of labels is named, and a layout is read that has none.

    Args:
        settings: as requested.
        layout: that is about to be read, a key of `FORMATS`.

    Raises:
        PupilaError: see above.
    """
    if settings.labels != AUTO and layout in ("masks", "folders"):
        raise PupilaError(
            say("The file {path} holds no labels that Pupila reads", path=settings.labels), actual=layout,
            expected=say("a table, or annotations"), remedy=say("leave out {flag}", flag="--labels"),
        )  # fmt: skip
