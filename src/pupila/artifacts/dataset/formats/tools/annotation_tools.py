"""The annotation tools whose files are read: one file each, and one literal dict; their content tells them apart."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from pupila.artifacts.dataset.formats.tools import (
    coco,
    cvat,
    label_studio,
    labelme,
    run_length_table,
    supervisely,
    via,
    voc,
)
from pupila.artifacts.dataset.formats.tools.annotation_file import AnnotationFile, ClassNameFault
from pupila.artifacts.dataset.formats.tools.xml_file import read_xml
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, mark, say

_MAX_CACHED_FILES = 8  # annotation files in memory
_LIKELY_MARKS = 2  # that tell whose file it is, where it can't be parsed
_HEAD = 4096  # bytes that tell whether a file may be one of annotations


@dataclass(frozen=True, slots=True)
class AnnotationTool:
    """How an annotation tool writes its files."""

    title: str  # in words, for the user
    marks: tuple[bytes, ...]  # at least one of them stands in the first bytes of each of its files
    parse: Callable[[Any, str], AnnotationFile | None]  # gets the content and the file's address
    suffixes: tuple[str, ...] = (".json",)
    each_image: bool = False  # whether each image has a file of its own


TOOLS: dict[str, AnnotationTool] = {
    "coco": AnnotationTool(
        mark("COCO annotations"),
        (b'"images"', b'"annotations"', b'"categories"', b'"info"', b'"licenses"'),
        coco.parse,
    ),
    "labelme": AnnotationTool(
        mark("labelme annotations"),
        (b'"shapes"', b'"imagePath"', b'"imageData"', b'"flags"'),
        labelme.parse,
        each_image=True,
    ),
    "voc": AnnotationTool(
        mark("Pascal VOC annotations"),
        (b"<annotation", b"<filename", b"<object"),
        voc.parse,
        (".xml",),
        each_image=True,
    ),
    "cvat": AnnotationTool(
        mark("CVAT annotations"), (b"<annotations", b"<image ", b"<task>", b"<meta"), cvat.parse, (".xml",)
    ),
    "via": AnnotationTool(
        mark("VIA annotations"),
        (b'"regions"', b'"shape_attributes"', b'"_via_', b"region_shape_attributes", b'"file_attributes"'),
        via.parse,
        (".json", ".csv"),
    ),
    "label-studio": AnnotationTool(
        mark("Label Studio annotations"),
        (b'"data"', b'"annotations"', b'"completions"', b'"original_width"', b'"annotation_id"'),
        label_studio.parse,
        (".json", ".csv"),
    ),
    "supervisely": AnnotationTool(
        mark("Supervisely annotations"),
        (b'"objects"', b'"size"', b'"classTitle"', b'"classes"', b'"tags"'),
        supervisely.parse,
        each_image=True,
    ),
    "run-lengths": AnnotationTool(
        mark("run lengths"),
        (),  # their cells are the mark
        run_length_table.parse,
        (".csv",),
    ),
}
# By suffix: reads the content.
_READERS: dict[str, Callable[[str], Any]] = {".json": files.read_json, ".xml": read_xml, ".csv": via.read_csv}


@dataclass(frozen=True, slots=True)
class ToolFiles:
    """The annotation files of a data set."""

    root: str  # folder that their paths are relative to
    by_tool: dict[str, dict[str, AnnotationFile]]  # name of the tool to its files by path
    broken: dict[str, dict[str, PupilaError]]  # the same of files that can't be read
    suspects: dict[str, str] = field(default_factory=dict)  # path of a likely file that can't be read -> why
    unread: dict[str, str] = field(default_factory=dict)  # path of a file that can't be read at all -> why
    foreign: list[str] = field(default_factory=list)  # paths of likely files that no tool here has written
    unmarked: list[str] = field(default_factory=list)  # paths of other JSON and XML files
    # Path of a tool's file that holds no annotations -> a sentence.
    bare: dict[str, str] = field(default_factory=dict)


def read_content(uri: str) -> Any:
    """The content of a JSON, XML or CSV file, as the tools' readers take it.

    Raises:
        PupilaError: it can't be parsed, or is of another kind.
        OSError: it can't be read.
    """
    if (suffix := files.suffix(uri)) not in _READERS:
        raise PupilaError(say("{path} is no file of annotations", path=uri), actual=suffix,
                          expected=listing(list(_READERS)))  # fmt: skip
    return _READERS[suffix](uri)


def read_annotation_file(uri: str) -> tuple[str, AnnotationFile] | None:
    """The name of the tool that wrote the file, and the file's annotations; None where it is something else.

    Raises:
        PupilaError: it can't be parsed.
        OSError: it can't be read.
    """
    entry = files.stat_file(".", uri)
    with _READING:  # threads that draw wait for the one that reads
        return _read_annotation_file(uri, entry and (entry.size, entry.modified))


_READING = threading.Lock()


@lru_cache(maxsize=_MAX_CACHED_FILES)
def _read_annotation_file(uri: str, version: object) -> tuple[str, AnnotationFile] | None:
    suffix = files.suffix(uri)
    if suffix not in _READERS:
        return None
    content = _READERS[suffix](uri)
    try:
        for name, tool in TOOLS.items():
            if suffix in tool.suffixes and (file := tool.parse(content, uri)) is not None:
                return name, file
    except ClassNameFault as fault:
        raise PupilaError(
            say("A category in {path} has no name", path=uri), actual=str(fault), expected=say("a text"),
            remedy=say("name the category, or export the annotations again"),
        ) from fault  # fmt: skip
    return None


def find_annotations(root: str, paths: Iterable[str]) -> ToolFiles:
    """The annotation files among the files at these paths below the root; others are not read to their end."""
    matches = ToolFiles(root, {}, {})
    for path in paths:
        if files.suffix(path) not in _READERS:
            continue
        uri = files.join(root, path)
        suspects = dict[str, int]()
        try:
            head = files.read_start(uri, _HEAD)
            suspects = _count_marks(uri, head)
            read = read_annotation_file(uri) if suspects else None
        except PupilaError as fault:
            likely, marks = next(iter(suspects.items()))
            if marks >= _LIKELY_MARKS:
                matches.broken.setdefault(likely, {})[path] = fault
            else:
                matches.suspects[path] = fault.actual or str(fault)
            continue
        except OSError as fault:
            matches.unread[path] = fault.strerror or str(fault)
            continue
        if read and read[1].notes and not read[1].images:
            matches.bare[path] = " ".join(read[1].notes)
        elif read:
            matches.by_tool.setdefault(read[0], {})[path] = read[1]
        elif max(suspects.values(), default=0) >= _LIKELY_MARKS:
            matches.foreign.append(path)
        elif files.suffix(path) in (".json", ".xml") and not _is_configuration(head):
            matches.unmarked.append(path)
    for name in [name for name in matches.by_tool if TOOLS[name].each_image]:
        if not any(file.images for file in matches.by_tool[name].values()):  # classes without annotations
            del matches.by_tool[name]
    return matches


def _is_configuration(head: bytes) -> bool:
    """Whether a file with these first bytes is a labelling configuration of Label Studio, which holds no labels."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<View")


def explain_unread(uri: str) -> str:
    """Why a file holds no annotations that can be read, in words."""
    try:
        _READERS[files.suffix(uri)](uri)
    except PupilaError as fault:
        return (fault.actual or fault.problem).rstrip(".")
    return say("no form of annotations that Pupila reads")


def likely_tool(head: bytes, suffix: str) -> str:
    """The name of the tool that seems to have written a file with these first bytes; empty where none does."""
    marks = _marks_by_tool(head, suffix).most_common(1)
    return marks[0][0] if marks and marks[0][1] >= _LIKELY_MARKS else ""


def _marks_by_tool(head: bytes, suffix: str) -> Counter[str]:
    """How many marks of each tool that writes files of this suffix stand in the first bytes."""
    head = head.replace(b"\0", b"")  # UTF-16 is read, too
    marks = {
        name: sum(each in head for each in tool.marks)
        for name, tool in TOOLS.items()
        if suffix in tool.suffixes
    }
    return Counter(marks)


def _count_marks(uri: str, head: bytes) -> dict[str, int]:
    """How many marks of each tool that may have written the file stand in its first bytes; the most likely first."""
    counts = _marks_by_tool(head, files.suffix(uri))
    if "run-lengths" in counts and run_length_table.may_hold_runs([uri]):
        counts["run-lengths"] = _LIKELY_MARKS
    return dict((+counts).most_common())
