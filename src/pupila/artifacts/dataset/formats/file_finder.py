"""Find files: the one that a row refers to, the folders of images and masks, and files that no row lists."""

import re
from collections.abc import Callable
from pathlib import PurePosixPath

from pupila.artifacts.dataset.formats.listing import Oddity
from pupila.artifacts.dataset.reading import has_image_content
from pupila.core import files
from pupila.core.messages import say
from pupila.core.vocabulary import IMAGE_SUFFIXES, OWN_FILES, SPLIT_WORDS

IMAGE_FOLDERS = {"image", "images", "img", "imgs", "jpegimages"}
MASK_FOLDERS = {"mask", "masks", "segmentationclass", "annotations", "labels"}
UNSUPPORTED_SUFFIXES = frozenset(
    {".heic", ".heif", ".avif", ".svg", ".jp2", ".jxl", ".psd", ".dng", ".cr2", ".nef", ".arw", ".raw", ".dcm"}
)  # fmt: skip


class FileFinder:
    """Finds the file that a row refers to: at its path, else by its name or stem anywhere below the root."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.searched = False
        self._entry = files.entry_finder(root)
        self._names: dict[str, list[files.FileEntry]] | None = None

    def find(self, path: str, fits: Callable[[str], bool]) -> files.FileEntry | None:
        """The file, or None where there is none or several.

        Args:
            path: relative to the root, absolute, or a bare name.
            fits: decides between several files of the name.
        """
        if re.match(r"(https?|ftp)://", path):
            return None
        if entry := self._entry(path if files.is_remote(path) else files.normalize_path(path)):
            return entry
        if self._names is None:
            self._names = {}
            for entry in files.walk(self.root):
                if files.suffix(entry.path) in IMAGE_SUFFIXES:
                    for key in {PurePosixPath(entry.path).name, PurePosixPath(entry.path).stem}:
                        self._names.setdefault(key, []).append(entry)
        hits = self._names.get(PurePosixPath(path).name, [])
        if len(hits) > 1:
            hits = [hit for hit in hits if fits(hit.path)]
        self.searched |= len(hits) == 1
        return hits[0] if len(hits) == 1 else None


def list_images(root: str) -> tuple[list[files.FileEntry], list[Oddity]]:
    """The files that are images by extension or content; all other files with the reason why they are skipped."""
    images, oddities = [], []
    for entry in files.walk(root):
        suffix = files.suffix(entry.path)
        if entry.path in OWN_FILES:
            continue
        if not files.is_text(entry.path):
            shown = entry.path.encode(errors="surrogateescape").decode(errors="replace")
            code = "unreadable" if suffix in IMAGE_SUFFIXES else "other-file"
            oddities.append(Oddity(shown, code, say("its name is not valid UTF-8; rename it")))
        elif files.is_hidden(entry.path):
            oddities.append(Oddity(entry.path, "hidden-file", say("a hidden file")))
        elif suffix in UNSUPPORTED_SUFFIXES:
            oddities.append(
                Oddity(
                    entry.path, "unsupported-format", say("{suffix} files are not supported", suffix=suffix)
                )
            )
        elif suffix in IMAGE_SUFFIXES or has_image_content(root, entry.path):
            images.append(entry)
        else:
            oddities.append(Oddity(entry.path, "other-file", say("not an image")))
    return images, oddities


def folder_content(folder: str) -> str:
    """The content of a folder by its name: "image", "mask" or ""."""
    name = folder.lower()
    return "image" if name in IMAGE_FOLDERS else "mask" if name in MASK_FOLDERS else ""


def content_by_path(path: str) -> str:
    """The content by the innermost folder of the path whose name says so."""
    kinds = [content for part in path.split("/")[:-1] if (content := folder_content(part))]
    return kinds[-1] if kinds else ""


def split_from_path(path: str) -> str | None:
    """The split named by a folder of the path."""
    return next((SPLIT_WORDS[p.lower()] for p in path.split("/")[:-1] if p.lower() in SPLIT_WORDS), None)


def split_from_words(text: str) -> str | None:
    """The split named by a word of the text, as in `instances_train2017.json`."""
    words = re.split(r"[^a-z]+", text.lower())
    return next((SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS), None)


def find_unlisted(root: str, listed: set[str]) -> list[Oddity]:
    """The oddities in the folders of listed images: images that no row lists, other files, hidden files."""
    folders = {path.rpartition("/")[0] for path in listed}
    if files.is_remote(root) or not listed or any(path.startswith(("/", "../")) for path in listed):
        return []
    images, oddities = list_images(root)
    forgotten = [e.path for e in images if e.path not in listed and e.path.rpartition("/")[0] in folders]
    strays = [o for o in oddities if o.subject.rpartition("/")[0] in folders]
    return strays + [Oddity(p, "image-without-row", say("not listed in any row")) for p in forgotten]
