"""What an unread file takes itself for: annotations of a tool, a table, an array, an archive; by its first bytes."""

import csv
import io
import re
import zipfile
from contextlib import suppress
from pathlib import Path

import polars as pl

from pupila.artifacts.dataset.formats.tools.annotation_tools import TOOLS, likely_tool
from pupila.core import files
from pupila.core.messages import listing, say, translate
from pupila.core.vocabulary import IMAGE_SUFFIXES

_START = 4096  # bytes that are read of a file
_SHOWN = 8  # keys, tags or columns
_NAMES = re.compile(
    r"\S+(" + "|".join(re.escape(s) for s in sorted(IMAGE_SUFFIXES, reverse=True)) + r")\b", re.I
)
_KEY = re.compile(r'"([^"\\]{1,80})"\s*:')
_TAG = re.compile(r"<([A-Za-z][\w.:-]*)")
_LABEL_WORDS = {"label", "labels", "class", "classes", "category", "annotation", "annotations", "bbox", "boxes", "mask",
                "masks", "segmentation", "polygon", "points", "object", "objects", "bndbox", "target", "tag",
                "tags"}  # fmt: skip
# Keys of which all are there -> whose annotations they are, of formats that no reader of `TOOLS` reads.
_UNREAD = (
    ({"imgHeight", "objects"}, "Cityscapes"),
    ({"image", "annotations", "coordinates"}, "CreateML"),
    ({"features", "geometry"}, "GeoJSON"),
)
_TASKS = ({"data", "predictions"}, {"data", "path", "sha256"})  # of Label Studio, still without annotations
_STARTS = ((b"MATLAB 5.0", "matlab"), (b"\x89HDF", "hdf5"), (b"PAR1", "parquet"), (b"\x93NUMPY", "numpy"),
           (b"\xd0\xcf\x11\xe0", "excel"), (b"PK\3\4", "zip"), (b"\0\0\x08\1", "idx"), (b"\0\0\x08\3", "idx"),
           (b"\x1f\x8b", "archive"), (b"Rar!", "archive"), (b"7z\xbc\xaf", "archive"))  # fmt: skip
_SUFFIXES = {".tfrecord": "tfrecord", ".tfrecords": "tfrecord", ".mdb": "lmdb", ".lmdb": "lmdb", ".pkl": "pickle",
             ".pickle": "pickle", ".tar": "archive", ".mat": "matlab"}  # fmt: skip
_TEXTS = {
    ".csv",
    ".tsv",
    ".tab",
    ".txt",
    ".lst",
    ".json",
    ".jsonl",
    ".ndjson",
    ".geojson",
    ".xml",
    ".yaml",
    ".yml",
}


def describe_label_file(uri: str) -> str:
    """What the file seems to hold, what was seen in it, and what to do; empty where it is no file of labels.

    Args:
        uri: of a file that is no image and that was not read; its first 4 kB are looked at.
    """
    suffix = files.suffix(uri)
    with suppress(OSError):
        start = files.read_start(uri, _START)
        kind = next((kind for head, kind in _STARTS if start.startswith(head)), _SUFFIXES.get(suffix, ""))
        if kind and (suffix not in _TEXTS):
            return _describe_binary(uri, kind, start)
        if suffix in _TEXTS and (text := _text(start).strip()):
            tool = likely_tool(start, suffix)
            return _describe_text(suffix, text, tool)
    return ""


def _text(start: bytes) -> str:
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return start[: len(start) // 2 * 2].decode("utf-16", errors="replace")
    return start.decode("utf-8-sig", errors="replace")


def _describe_text(suffix: str, text: str, tool: str) -> str:
    if suffix == ".xml":
        return _describe_xml(text, tool)
    if suffix in (".yaml", ".yml"):
        return _describe_yaml(text)
    if suffix in (".csv", ".tsv", ".tab"):
        return _describe_table(text)
    return _describe_list(text) if suffix in (".txt", ".lst") else _describe_json(text, tool)


def _describe_json(text: str, tool: str) -> str:
    keys = list(dict.fromkeys(_KEY.findall(text)))
    if not {"annotations", "completions"} & set(keys) and any(signs <= set(keys) for signs in _TASKS):
        return ""
    evidence = say("the keys {names}", names=listing(keys, _SHOWN))
    for expected, title in _UNREAD:
        if expected <= set(keys):
            return say("{tool} annotations ({evidence}), which are not read: export them as COCO",
                       tool=title, evidence=evidence)  # fmt: skip
    if tool or {"image_id", "category_id"} <= set(keys):  # COCO's list of results has no other sign
        return _describe_tool(tool or "coco", evidence)
    if any(_NAMES.search(key) for key in keys):
        return say("a JSON of file names ({names}): write it as a table with the columns image and label",
                   names=listing(keys, 3))  # fmt: skip
    if _LABEL_WORDS & {key.lower() for key in keys} or _NAMES.search(text):
        return say("a JSON with the keys {names}, of no tool that Pupila knows: export the labels as COCO, or write a "
                   "table with the columns image and label", names=listing(keys, _SHOWN))  # fmt: skip
    return ""


def _describe_tool(tool: str, evidence: str) -> str:
    """Of a layout that is read, but was not in this reading.

    Args:
        tool: key of `TOOLS`, or yolo: a value of --layout.
        evidence: what was seen in the file.
    """
    title = translate(TOOLS[tool].title) if tool in TOOLS else say("YOLO annotations")
    return say("{title} ({evidence}), not used in this reading: --layout {layout} reads them, if they name images that "
               "are here", title=title, evidence=evidence, layout=tool)  # fmt: skip


def _describe_xml(text: str, tool: str) -> str:
    tags = [tag for tag in dict.fromkeys(_TAG.findall(text)) if tag.lower() != "xml"]
    evidence = say("the tags {names}", names=listing(tags, _SHOWN))
    if tool:
        return _describe_tool(tool, evidence)
    if _LABEL_WORDS & {tag.lower() for tag in tags} or _NAMES.search(text):
        return say("an XML file with {evidence}, of no tool that Pupila knows: export the labels as COCO or Pascal VOC",
                   evidence=evidence)  # fmt: skip
    return ""


def _describe_yaml(text: str) -> str:
    keys = re.findall(r"^([A-Za-z_][\w -]*):", text, re.M)
    if "names" in keys:
        return _describe_tool("yolo", say("the keys {names}", names=listing(keys, _SHOWN)))
    if _LABEL_WORDS & {key.lower() for key in keys} or _NAMES.search(text):
        return say("a YAML file with the keys {names}: write the labels as a table with the columns image and label",
                   names=listing(keys, _SHOWN))  # fmt: skip
    return ""


def _describe_table(text: str) -> str:
    line = next((line for line in text.splitlines() if line.strip() and not line.startswith("sep=")), "")
    mark = max(",;\t|", key=line.count)
    columns = next(csv.reader(io.StringIO(line), delimiter=mark), [])
    with_names = _NAMES.search(text) is not None
    if len(columns) < 2 and not with_names:
        return ""
    if any(_NAMES.fullmatch(name.strip()) for name in columns):
        return say("a table without a header ({names}): write a first line with the columns' names, image and label",
                   names=listing([name.strip() for name in columns], _SHOWN))  # fmt: skip
    evidence = say("the columns {names}", names=listing([name.strip() for name in columns], _SHOWN))
    if with_names:
        return say("a table with {evidence}; it names image files, but was not read: name its columns image and label",
                   evidence=evidence)  # fmt: skip
    return say("a table with {evidence}; none holds names of image files: add a column image, beside one called label",
               evidence=evidence)  # fmt: skip


def _describe_list(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()][:20]
    if sum(_NAMES.match(line) is not None for line in lines) * 2 > len(lines):
        if any(len(re.split(r"[\s,;|]+", line)) > 1 for line in lines):
            return say("a list of image files with labels ({line}): save it as CSV, with a first line image,label",
                       line=lines[0][:60])  # fmt: skip
        return say("a list of image files ({line}), as of a split: write the split as a column of a table",
                   line=lines[0][:60])  # fmt: skip
    if all(re.fullmatch(r"\d+( +-?\d*\.?\d+(e-?\d+)?){4,}", line) for line in lines):
        return say("YOLO's numbers ({line}): put images and labels into folders of these names beside a data.yaml with "
                   "the class names", line=lines[0][:40])  # fmt: skip
    return ""


def _describe_binary(uri: str, kind: str, start: bytes) -> str:
    if kind == "zip":
        return _describe_zip(uri)
    if kind == "parquet":
        with suppress(OSError, pl.exceptions.PolarsError):
            names = listing(list(pl.read_parquet_schema(uri)), _SHOWN)
            return say(
                "a Parquet table with the columns {names}, not read: name its columns image and label",
                names=names,
            )
    if kind == "numpy":
        shape = re.search(rb"'shape': \(([^)]*)\)", start)
        return say("a NumPy array of shape ({shape}), not read: save each mask as PNG, or labels as a table",
                   shape=shape[1].decode(errors="replace") if shape else "?")  # fmt: skip
    texts = {
        "matlab": say(
            "a Matlab file: save its labels as a table with the columns image and label, or masks as PNG"
        ),
        "hdf5": say("an HDF5 file: write its images as PNG, and its labels as a table"),
        "excel": say("an Excel workbook: save the sheet with the labels as CSV"),
        "idx": say("an IDX file, as of MNIST: write its images as PNG, and its labels as a table"),
        "tfrecord": say("TFRecord: write its images as files, and its labels as a table or as COCO"),
        "lmdb": say("an LMDB database: write its images as files, and its labels as a table"),
        "pickle": say(
            "a Python pickle, which may run code and is never opened: write its content as a table or PNG"
        ),
        "archive": say("an archive: unpack it, for it may hold images or labels"),
    }
    return texts.get(kind, "")


def _describe_zip(uri: str) -> str:
    names: list[str] = []
    if not files.is_remote(uri):
        with suppress(OSError, zipfile.BadZipFile, ValueError), zipfile.ZipFile(Path(uri)) as archive:
            names = archive.namelist()[:1000]
    if any(name.startswith("xl/") for name in names):
        return say("an Excel workbook: save the sheet with the labels as CSV")
    if files.suffix(uri) == ".npz":
        return say(
            "NumPy arrays ({names}), not read: save each mask as PNG, or labels as a table",
            names=listing(names, 3),
        )
    if files.suffix(uri) in (".docx", ".pptx", ".odt", ".jar", ".whl", ".epub", ".pt", ".pth"):
        return ""
    return say("an archive with {names}: unpack it", names=listing(names, 3) or "?")
