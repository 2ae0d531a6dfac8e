"""The files of a Hugging Face data set: Parquet files of its hub, and Arrow streams as `save_to_disk` writes them."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import polars as pl

from pupila.artifacts.dataset.formats.file_finder import split_from_words
from pupila.artifacts.dataset.formats.place import Place
from pupila.artifacts.dataset.formats.tables.features import find_class_names, read_parquet_classes, step_in
from pupila.artifacts.dataset.labels import is_record
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.settings import load_as_written, read_config
from pupila.core.vocabulary import SPLIT_WORDS

_PARQUET, _ARROW = ".parquet", ".arrow"
_STATE, _INFO, _PARTS, _CARD = "state.json", "dataset_info.json", "dataset_dict.json", "README.md"
_CACHED = "cache-"  # how streams begin that `map` leaves beside the data
_FEW_FOLDERS = 8  # that are searched whatever their names
_AT_ONCE = 256  # rows in memory
_NUMBERED = re.compile(r"(.+)-\d{5}-of-\d{5}")
_FRONT = re.compile(r"---\s*\n(.*?)\n---", re.DOTALL)  # of a README with settings in YAML before its text


@dataclass(frozen=True, slots=True)
class Shard:
    """A file with some rows of a data set."""

    uri: str
    split: str | None  # the word that its name or its folder has for its split, as it is written or as ours

    @property
    def is_stream(self) -> bool:
        """Whether it is an Arrow stream; else it is a Parquet file."""
        return self.uri.lower().endswith(_ARROW)

    def read_head(self, columns: list[str] | None = None, rows: int = 5) -> pl.DataFrame:
        """Its first rows.

        Raises:
            PolarsError: it is no such file.
        """
        content = _open(self.uri)
        if self.is_stream:
            return pl.read_ipc_stream(content, columns=columns, n_rows=rows)
        return pl.read_parquet(content, columns=columns, n_rows=rows, glob=False)

    def read_schema(self) -> dict[str, pl.DataType]:
        """The columns and their types.

        Raises:
            PolarsError: it is no such file.
        """
        if self.is_stream:
            return dict(self.read_head(rows=1).schema)
        return dict(pl.scan_parquet(_open(self.uri), glob=False).collect_schema())

    def read_parts(self) -> Iterator[tuple[int, pl.DataFrame]]:
        """Its rows, some at once, with the number of the first of them."""
        content = _open(self.uri)
        frame = pl.read_ipc_stream(content).lazy() if self.is_stream else pl.scan_parquet(content, glob=False)
        for start in range(0, frame.select(pl.len()).collect().item(), _AT_ONCE):
            yield start, frame.slice(start, _AT_ONCE).collect()

    def read_class_names(self, place: Place) -> dict[str, list[str]]:
        """The names of the classes of each column, as Hugging Face keeps them beside the numbers.

        Args:
            place: of the data set, whose README may hold them.
        """
        names = {} if self.is_stream else read_parquet_classes(pl.read_parquet_metadata(_open(self.uri)))
        for folder in dict.fromkeys((files.parent(self.uri), place.home)):
            names = names or find_class_names(step_in(_read(files.join(folder, _INFO)), "features"))
        return names or _read_card(files.join(place.home, _CARD))


def list_shards(place: Place) -> list[Shard]:
    """The Parquet files and Arrow streams of the data set, in its folder and those of its splits.

    Raises:
        PupilaError: a file that the data set names is missing.
    """
    if not place.is_folder:
        return [_name_split(place.path)] if files.suffix(place.path) in (_PARQUET, _ARROW) else []
    below = files.list_folders(place.home)
    parts = step_in(_read(files.join(place.home, _PARTS)), "splits")
    if isinstance(parts, list):
        below = [name for name in parts if name in below]
    elif len(below) > _FEW_FOLDERS:
        below = [name for name in below if name == "data" or name.lower() in SPLIT_WORDS]
    shards = [_name_split(uri) for uri in _list_folder(place.home)]
    for name in below:
        stated = name if isinstance(parts, list) else ""
        shards += [_name_split(uri, name, stated) for uri in _list_folder(files.join(place.home, name))]
    words = {shard.split for shard in shards}
    if len(words) == 1 and not words <= {*SPLIT_WORDS.values()}:
        return [Shard(shard.uri, None) for shard in shards]
    return shards


def _list_folder(folder: str) -> list[str]:
    names = [name for name in files.list_files(folder) if not is_record(folder, name)]
    streams = [name for name in names if name.lower().endswith(_ARROW) and not name.startswith(_CACHED)]
    if streams and _STATE in names:
        listed = step_in(_read(files.join(folder, _STATE)), "_data_files")
        expected = [each.get("filename") for each in listed or () if isinstance(each, dict)]
        if missing := [str(name) for name in expected if name not in names]:
            raise PupilaError(
                say("Files of the data set in {path} are missing", path=folder), actual=listing(missing, 3),
                expected=say("the files that {name} lists", name=_STATE),
            )  # fmt: skip
        streams = [name for name in streams if name in expected] or streams
    return [files.join(folder, name) for name in names if name.lower().endswith(_PARQUET) or name in streams]


def _name_split(uri: str, folder: str = "", stated: str = "") -> Shard:
    """The file with its split.

    Args:
        uri: of the file.
        folder: below that of the data in which it lies.
        stated: the split that the data set gives it; else its name or its folder says.
    """
    if stated:
        return Shard(uri, SPLIT_WORDS.get(stated.lower()) or split_from_words(stated) or stated)
    name = PurePosixPath(uri).stem
    if word := split_from_words(name) or split_from_words(folder):
        return Shard(uri, word)
    is_stream = uri.lower().endswith(_ARROW)
    own = step_in(_read(files.join(files.parent(uri), _STATE)), "_split") if is_stream else None
    numbered = None if is_stream else _NUMBERED.match(name)
    word = own if isinstance(own, str) else numbered[1] if numbered else None
    return Shard(uri, split_from_words(word) or word if word else None)


def _open(uri: str) -> str | io.BytesIO:
    # Polars takes no name that isn't UTF-8.
    return io.BytesIO(files.read_bytes(uri)) if files.is_remote(uri) or not files.is_text(uri) else uri


def _read(uri: str) -> bytes:
    return files.read_bytes(uri) if files.exists(uri) else b"{}"


def _read_card(uri: str) -> dict[str, list[str]]:
    """The names of the classes in the settings of a README: `dataset_info`, `features`, `class_label`."""
    if not files.exists(uri):
        return {}
    try:
        card = read_config(uri, _load_front)
    except PupilaError:
        return {}
    infos = card.get("dataset_info")
    names: dict[str, list[str]] = {}
    for info in infos if isinstance(infos, list) else [infos]:
        features = info.get("features") if isinstance(info, dict) else None
        for feature in features if isinstance(features, list) else ():
            if not isinstance(feature, dict):
                continue
            kind = next((feature[key] for key in ("dtype", "sequence", "list") if key in feature), None)
            label = kind.get("class_label") if isinstance(kind, dict) else None
            given = label.get("names") if isinstance(label, dict) else None
            if isinstance(given, dict) and {*given} == {*map(str, range(len(given)))}:
                names[str(feature.get("name"))] = [str(given[str(n)]) for n in range(len(given))]
            elif isinstance(given, list):
                names[str(feature.get("name"))] = [str(name) for name in given]
    return names


def _load_front(content: bytes) -> Any:
    match = _FRONT.match(content.decode("utf-8", errors="replace").replace("\r\n", "\n"))
    return load_as_written(match[1].encode()) if match else {}
