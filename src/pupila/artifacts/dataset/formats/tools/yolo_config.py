"""What YOLO's tools write beside images and labels: `*.yaml` with names and splits, `obj.data`, lists of names."""

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from pupila.artifacts.dataset.formats.place import Place
from pupila.artifacts.dataset.formats.tables.text_tables import decode_text
from pupila.artifacts.dataset.formats.tools.annotation_file import describe_shared_names
from pupila.artifacts.dataset.formats.upload_names import is_upload
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count
from pupila.core.settings import load_as_written, read_config
from pupila.core.vocabulary import SPLIT_WORDS

_NOTHING: tuple[Any, ...] = ("", "null", "~", [])  # as YAML writes no value
_USUAL = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
_YAML = (".yaml", ".yml")
_DARKNET = ".data"
_NAME_LISTS = ("classes.txt", "_darknet.labels")
_NAMES = ".names"
_HEAD = 65536  # bytes in which a YAML file tells its keys
_KEYS = re.compile(rb"^[\"'{ ]*(names|nc)[\"']?[ \t]*:", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class YoloConfig:
    """The classes of a folder of YOLO labels, and where its images lie."""

    root: str  # folder that the locations are relative to
    uri: str = ""  # of the file that describes the data; empty where none does
    names: dict[int, str] = field(
        default_factory=dict
    )  # class index -> name as it is written; empty: not given
    splits: dict[str, list[str]] = field(
        default_factory=dict
    )  # folders or lists as written; empty: all images
    base: str = ""  # `path:` of the file, which goes before the locations
    texts: dict[str, str] = field(default_factory=dict)  # where no file describes the data: stem -> text file
    keypoints: bool = False  # whether lines are boxes with key points
    notes: tuple[str, ...] = ()


def find_config(place: Place, named: str) -> YoloConfig | None:
    """The description of a folder, or of the file that is named; None where nothing indicates YOLO labels.

    Args:
        place: folder, or the describing file itself.
        named: file that holds the labels, below the folder of the data; empty: as the files suggest.

    Raises:
        PupilaError: several files describe different data, or a file of a usual name can't be read.
    """
    if not place.is_folder:
        return _read(place.path) if place.path.lower().endswith((*_YAML, _DARKNET)) else None
    if named:
        uri = files.join(place.home, named)
        return _read(uri) if named.lower().endswith((*_YAML, _DARKNET)) and files.exists(uri) else None
    for folder in place.folders:
        uris = [files.join(folder, name) for name in files.list_files(folder) if _may_describe(folder, name)]
        configs = [config for uri in uris if (config := _read(uri))]
        if located := [config for config in configs if config.splits]:
            return _decide(located, place.path)
        if configs:
            return _describe_all(_decide(configs, place.path), place)
    return _find_name_list(place)


def _describe_all(config: YoloConfig, place: Place) -> YoloConfig:
    """The configuration of a file that names classes, but no images: these are all that have labels."""
    lists = [text for text in _texts(place) if _lists_names(text)]
    others = [text for text in lists if _read_name_list(files.join(place.root, text)) != config.names]
    notes = [
        say("{file} names no images: all images with a label file belong to the data.",
            file=files.relative(config.uri, config.root)),
        *(say("{file} names other classes and is not used.", file=text) for text in others),
    ]  # fmt: skip
    return replace(config, root=place.root, texts=_label_texts(place, lists), notes=(*config.notes, *notes))


def _may_describe(folder: str, name: str) -> bool:
    if name in _USUAL or name.lower().endswith(_DARKNET):
        return True
    return name.lower().endswith(_YAML) and bool(_KEYS.search(files.read_start(f"{folder}/{name}", _HEAD)))


def _decide(configs: list[YoloConfig], path: str) -> YoloConfig:
    """The configuration that counts: the only one, the one of a usual name, or any where all say the same."""
    shown = {config.uri: files.relative(config.uri, config.root) for config in configs}
    usual = [config for config in configs if shown[config.uri] in _USUAL]
    alike = len({(str(config.names), str(config.splits), config.base) for config in configs}) == 1
    if not alike and len(usual) != 1:
        raise PupilaError(
            say("Several files describe the data in {path}", path=path), actual=listing(list(shown.values())),
            expected=say("one"), remedy=f"--labels {shown[configs[0].uri]}",
        )  # fmt: skip
    chosen = usual[0] if usual else configs[0]
    others = [name for uri, name in shown.items() if uri != chosen.uri]
    if not others or alike:
        return chosen
    note = say("Described by {chosen}; {others} also names classes and is not used: {flag}.",
               chosen=shown[chosen.uri], others=listing(others), flag=f"--labels {others[0]}")  # fmt: skip
    return replace(chosen, notes=(*chosen.notes, note))


def _read(uri: str) -> YoloConfig | None:
    """The configuration in a file; None where the file is about something else."""
    root, _, name = uri.rpartition("/")
    root = root or "."
    if name.lower().endswith(_DARKNET):
        return _read_darknet(root, uri)
    try:
        content = read_config(uri, load_as_written)
    except PupilaError:
        if name in _USUAL:
            raise
        return None
    return _parse(content, root, uri)


def _parse(content: dict[str, Any], root: str, uri: str) -> YoloConfig | None:
    """The configuration that a YAML file holds; without splits only under a usual name."""
    name = uri.rpartition("/")[2]
    splits = {
        str(key): [str(each) for each in (value if isinstance(value, list) else [value])]
        for key, value in content.items() if str(key).lower() in SPLIT_WORDS and value not in _NOTHING
    }  # fmt: skip
    if not splits and (name not in _USUAL or not isinstance(content.get("names"), list | dict)):
        return None
    if not {"names", "nc"} & content.keys():
        return None
    names = _read_names(content, uri)
    notes = describe_shared_names(names.values(), uri)
    count = str(content.get("nc") or len(names))
    if "names" not in content:
        notes.append(say("{file} does not name the classes: they are called by their numbers.", file=name))
    elif count != str(len(names)):
        notes.append(say_count(
            "{file} names {n} class and says that there are {count}.",
            "{file} names {n} classes and says that there are {count}.",
            len(names), file=name, count=count,
        ))  # fmt: skip
    base = "" if content.get("path") in (None, *_NOTHING) else str(content["path"])
    return YoloConfig(root, uri, names, splits, base, keypoints="kpt_shape" in content, notes=tuple(notes))


def _read_names(content: dict[str, Any], uri: str) -> dict[int, str]:
    raw: Any = content.get("names")
    try:
        if raw is None:
            return {number: str(number) for number in range(int(content["nc"]))}
        if isinstance(raw, str):
            raw = _parse_text_names(raw, content.get("nc"))
        items = raw.items() if isinstance(raw, dict) else enumerate(raw)
        return {int(k): str(v) for k, v in items}
    except (TypeError, ValueError) as fault:
        raise PupilaError(
            say("Can't read the names in {path}", path=uri), actual=repr(raw)[:60],
            expected=say("a list of names, or NUMBER: NAME"), remedy=say("write {line}", line="names: [cat, dog]"),
        ) from fault  # fmt: skip


def _parse_text_names(text: str, count: Any) -> list[str]:
    """The names in `cat, dog`, a list without its brackets, of which the file says how many there are.

    Raises:
        ValueError: it does not say so, or there are others.
    """
    names = [name.strip() for name in text.split(",")]
    if not all(names) or str(len(names)) != str(count):
        raise ValueError(text)
    return names


def _read_darknet(root: str, uri: str) -> YoloConfig | None:
    """Darknet's file of lines `train = data/train.txt`, and the list of names that it refers to."""
    lines = decode_text(files.read_start(uri, _HEAD)).splitlines()
    keys = {
        key.strip().lower(): value.strip()
        for key, mark, value in (line.partition("=") for line in lines)
        if mark
    }
    splits = {key: [value] for key, value in keys.items() if key in SPLIT_WORDS and value}
    if not splits or "names" not in keys:
        return None
    tries = [files.join(root, keys["names"]), files.join(root, keys["names"].rpartition("/")[2])]
    return YoloConfig(
        root, uri, next((_read_name_list(each) for each in tries if files.exists(each)), {}), splits
    )


def _texts(place: Place) -> list[str]:
    return [o.subject for o in place.others if o.subject.lower().endswith((".txt", _NAMES, ".labels"))]


def _lists_names(path: str) -> bool:
    """Whether a text file is called like a list of names."""
    return path.rpartition("/")[2].lower() in _NAME_LISTS or path.lower().endswith(_NAMES)


def _label_texts(place: Place, lists: list[str]) -> dict[str, str]:
    """The text files by their stem, without lists of names, and where one alone has it."""
    texts = _texts(place)
    counts = Counter(PurePosixPath(text).stem for text in texts)
    return {
        stem: text for text in texts if text not in lists and counts[stem := PurePosixPath(text).stem] == 1
    }


def _find_name_list(place: Place) -> YoloConfig | None:
    """Labels that no file describes: text files with the stems of images, and perhaps a list of names among them."""
    texts = _texts(place)
    stems = {PurePosixPath(text).stem for text in texts}
    named = any(PurePosixPath(entry.path).stem in stems for entry in place.images)
    if not named and not any(map(is_upload, stems)):
        return None
    lists = [text for text in texts if _lists_names(text)]
    labels = _label_texts(place, lists)
    if not lists:  # the images may lie in an inner folder
        lists = [files.relative(files.join(folder, name), place.root) for folder in place.folders
                 for name in files.list_files(folder) if _lists_names(name)]  # fmt: skip
    if not lists:
        return YoloConfig(place.root, texts=labels)
    uri = files.join(place.root, lists[0])
    notes = [say("The classes are named by {file}.", file=lists[0])]
    if len({str(_read_name_list(files.join(place.root, each))) for each in lists}) > 1:
        raise PupilaError(
            say("Several lists name the classes in {path}", path=place.path), actual=listing(lists),
            expected=say("one, or lists that agree"), remedy=say("remove the others"),
        )  # fmt: skip
    return YoloConfig(place.root, uri, _read_name_list(uri), texts=labels, notes=tuple(notes))


def _read_name_list(uri: str) -> dict[int, str]:
    lines = [line.strip() for line in decode_text(files.read_bytes(uri)).strip().splitlines()]
    return dict(enumerate(lines))
