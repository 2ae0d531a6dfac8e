"""Find files: the one that a row refers to, the folders of images and masks, and files that no row lists."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cache, cached_property
from pathlib import PurePosixPath

from pupila.artifacts.dataset.formats.file_names import (
    closest_spelling,
    count_common_parts,
    describe_difference,
    describe_outside,
    is_same_path,
    leaves_root,
    look_alike,
    name_key,
    path_parts,
    read_number,
)
from pupila.artifacts.dataset.formats.listing import Oddity
from pupila.artifacts.dataset.formats.upload_names import UploadNames, is_upload
from pupila.artifacts.dataset.reading import read_signature
from pupila.core import files
from pupila.core.messages import listing, say, say_count
from pupila.core.vocabulary import IMAGE_SUFFIXES, SPLIT_WORDS, TEXT_SUFFIXES, is_own_file
from pupila.imaging.images.signatures import has_image_signature, unread_format

_FEW = 16  # paths that are looked for one by one
IMAGE_FOLDERS = {"image", "images", "img", "imgs", "jpegimages"}
_LONGEST_PATH = 32_768  # characters that any disk or store allows
UNLISTED = "image-without-row"  # code of an image that no row lists
_BUNDLE, _GOLDEN = "/bundle.json", "/golden/"  # what every bundle has
MASK_FOLDERS = {"mask", "masks", "segmentationclass", "annotations", "labels"}


class FileFinder:
    """Finds the file that a row refers to: at its path, else by the longest end of the path that files have.

    Names agree where they differ only in Unicode form, percent escapes, backslashes or capitals. A relative path that
    leads out of the root is not followed.
    """

    def __init__(self, root: str, among: Sequence[files.FileEntry] | None = None) -> None:
        """Look below the root.

        Args:
            root: folder that paths are relative to.
            among: the only files that may be found; None: all below the root.
        """
        self.root = root
        self._among = among
        self._elsewhere: dict[str, str] = {}  # a path of a row -> the file, where they differ
        self._entry = files.entry_finder(root) if among is None else {e.path: e for e in among}.get
        self._numbered: dict[str, str] = {}  # a number in a row -> the file of that number
        self._uploaded: dict[str, str] = {}  # a name that Label Studio gave -> the file
        self._several: dict[str, list[str]] = {}  # a path that fits several files -> these
        self._outside: set[str] = set()  # paths that leave the root
        self._claimed: dict[
            str, tuple[str, str]
        ] = {}  # a path -> a file of its name, and the path that is closer to it

    def find(self, path: str, fits: Callable[[str], bool], beside: str = "") -> files.FileEntry | None:
        """The file, or None where there is none or several; `explain` says which.

        Args:
            path: relative to the root, absolute (also of another machine), a bare name, or an address.
            fits: decides between several files of the name.
            beside: folder of the file that names the path, which is looked at first.
        """
        if len(path) > _LONGEST_PATH:
            return None
        local = path.removeprefix("file://")
        if "://" not in path or not re.match(r"(https?|ftp)://", path):
            for place in dict.fromkeys((files.join(beside, local) if beside else local, local)):
                location = place if files.is_remote(place) else files.normalize_path(place)
                if leaves_root(location):
                    self._outside.add(path)
                elif entry := self._entry(location):
                    return entry
        tail, hits = self._search([*path_parts(beside), *path_parts(path)])
        if len(hits) > 1:
            hits = [hit for hit in hits if fits(hit.path)] or hits
        if len(hits) > 1:
            closest = closest_spelling(tail, [hit.path for hit in hits])
            hits = [hit for hit in hits if hit.path in closest]
        if len(hits) > 1:
            self._several[path] = [hit.path for hit in hits]
            return None
        if hits:
            self._elsewhere[path] = hits[0].path
        return hits[0] if hits else None

    def find_upload(self, path: str) -> files.FileEntry | None:
        """The one image that Label Studio may have stored under this name; None where there is none or several."""
        if not is_upload(path):
            return None
        hits = self._uploads.find(path)
        if len(hits) > 1:
            self._several[path] = hits
        if len(hits) != 1:
            return None
        self._uploaded[path] = hits[0]
        return self._by_path[hits[0]]

    def list_rivals(self, path: str) -> list[str]:
        """The paths of the images that a path fits equally well; none where it fits one or none."""
        entry = self.find(path, lambda hit: content_by_path(hit) != "mask")
        return self._several.get(path, []) if entry is None else []

    def find_all(
        self, paths: Iterable[str], fits: Callable[[str], bool]
    ) -> dict[str, files.FileEntry | None]:
        """The file of each path as `find` does it; a file that a path names more closely is not another's.

        Args:
            paths: of one list of files, in any writing.
            fits: decides between several files of the name.
        """
        paths = list(paths)
        if len(paths) > _FEW and not files.is_remote(self.root):
            _ = self._entries  # a walk, which later ones are spared, costs less than a look for each path
        entries = {path: self.find(path, fits) for path in paths}
        if not any(entries.values()):
            entries = {path: self._find_number(path, fits) for path in paths}
        claims: dict[str, list[str]] = defaultdict(list)
        for path, entry in entries.items():
            if entry:
                claims[entry.path].append(path)
        for location, claimants in claims.items():
            if len(claimants) < 2:
                continue
            counts = {path: count_common_parts(path, location) for path in claimants}
            most = max(counts.values())
            for path in [path for path in counts if counts[path] < most and path in self._elsewhere]:
                rivals = [rival for rival in counts if counts[rival] == most]
                if not any(is_same_path(path, rival) for rival in rivals):
                    entries[path] = None
                    self._claimed[path] = location, rivals[0]
        return entries

    def _find_number(self, path: str, fits: Callable[[str], bool]) -> files.FileEntry | None:
        """The one image whose name is the number, with zeros before it that a spreadsheet dropped."""
        number = read_number(path_parts(path)[-1]) if path_parts(path) else ""
        hits = [entry for entry in self._numbers.get(number, ()) if fits(entry.path)]
        if len(hits) > 1:
            self._several[path] = [hit.path for hit in hits]
        if len(hits) != 1:
            return None
        self._numbered[path] = hits[0].path
        return hits[0]

    def explain(self, path: str) -> str:
        """Why `find` did not find the path, in words."""
        if path in self._several:
            return say("several files fit: {names}", names=listing(self._several[path], 3))
        if path in self._claimed:
            location, rival = self._claimed[path]
            return say("no such file; {location} is that of {rival}", location=location, rival=rival)
        if path in self._outside:
            return describe_outside()
        if len(path) > _LONGEST_PATH:
            return say("its name is too long for a file")
        name = "/".join(path_parts(path)[-1:])
        if alike := self._look_alikes.get(look_alike(name)):
            return describe_difference(name, PurePosixPath(alike).name)
        return say("no such file")

    def notes(self, bare_names: bool) -> list[str]:
        """How files were found that do not lie where their rows say, or that are spelled in another way.

        Args:
            bare_names: whether a name without a folder says where its file lies.
        """
        moved, spelled = [], []
        for path, location in self._elsewhere.items():
            if path in self._claimed:
                continue
            parts, name = path_parts(path), location.rpartition("/")[2]
            key = name_key("/".join(parts))
            if key in (name_key(location), name_key(location.rpartition(".")[0])):
                spelled += [path] if key == name_key(location) else []
                continue
            if bare_names or len(parts) > 1:
                moved.append(path)
            if parts[-1] != name and name_key(parts[-1]) == name_key(name):
                spelled.append(path)
        notes = []
        if self._numbered:
            example, location = next(iter(self._numbered.items()))
            notes.append(say_count("{n} image was found by its number, without the zeros before it: {location} for "
                                   "{path}.", "{n} images were found by their numbers, without the zeros before them, "
                                   "such as {location} for {path}.", len(self._numbered), location=location,
                                   path=example))  # fmt: skip
        if self._uploaded:
            example, location = next(iter(self._uploaded.items()))
            notes.append(say_count("{n} image was found by the name that Label Studio gave to its upload: {location} "
                                   "for {path}.", "{n} images were found by the names that Label Studio gave to their "
                                   "uploads, such as {location} for {path}.", len(self._uploaded), location=location,
                                   path=example))  # fmt: skip
        if moved:
            example, location = moved[0], self._elsewhere[moved[0]]
            notes.append(say_count("{n} file lies in another folder than its row says and was found by the end of its "
                                   "path: {location} for {path}.", "{n} files lie in other folders than their rows say "
                                   "and were found by the ends of their paths, such as {location} for {path}.",
                                   len(moved), location=location, path=example))  # fmt: skip
        if spelled:
            notes.append(say_count("{n} file is spelled in another way than in its row (escapes, Unicode form or "
                                   "capitals).", "{n} files are spelled in another way than in their rows (escapes, "
                                   "Unicode form or capitals).", len(spelled)))  # fmt: skip
        return notes

    def _search(self, parts: list[str]) -> tuple[str, list[files.FileEntry]]:
        """The longest end of the path that files have, and these files; names without an ending come last."""
        for ends in (self._ends, self._bare_ends):
            tail, hits = "", []
            for length in range(1, len(parts) + 1):
                further = "/".join(parts[-length:])
                if not (matches := ends(length).get(name_key(further))):
                    break
                tail, hits = further, matches
            if hits:
                return tail, hits
        return "", []

    @cached_property
    def _entries(self) -> Sequence[files.FileEntry]:
        return self._among if self._among is not None else [
            entry for entry in files.walk(self.root) if not files.is_hidden(entry.path)
        ]  # fmt: skip

    @cached_property
    def _numbers(self) -> dict[str, list[files.FileEntry]]:
        numbers = defaultdict(list)
        for entry in self._entries:
            path = PurePosixPath(entry.path)
            if path.suffix.lower() in IMAGE_SUFFIXES and (number := read_number(path.stem)):
                numbers[number].append(entry)
        return numbers

    @cached_property
    def _by_path(self) -> dict[str, files.FileEntry]:
        return {entry.path: entry for entry in self._entries if files.suffix(entry.path) in IMAGE_SUFFIXES}

    @cached_property
    def _uploads(self) -> UploadNames:
        return UploadNames(self._by_path)

    @cached_property
    def _look_alikes(self) -> dict[str, str]:
        return {look_alike(PurePosixPath(entry.path).name): entry.path for entry in self._entries}

    @cached_property
    def _ends(self) -> Callable[[int], dict[str, list[files.FileEntry]]]:
        return cache(lambda length: _index_ends([(entry.path, entry) for entry in self._entries], length))

    @cached_property
    def _bare_ends(self) -> Callable[[int], dict[str, list[files.FileEntry]]]:
        images = [entry for entry in self._entries if files.suffix(entry.path) in IMAGE_SUFFIXES]
        bare = [(entry.path.rpartition(".")[0], entry) for entry in images]
        return cache(lambda length: _index_ends(bare, length))


def _index_ends(paths: list[tuple[str, files.FileEntry]], length: int) -> dict[str, list[files.FileEntry]]:
    """The files by the key of the last parts of their paths.

    Args:
        paths: of the files, and the files.
        length: the number of parts.
    """
    ends: dict[str, list[files.FileEntry]] = {}
    for path, entry in paths:
        parts = path.rsplit("/", length)
        if len(parts) >= length:
            ends.setdefault(name_key("/".join(parts[-length:])), []).append(entry)
    return ends


def list_images(root: str) -> tuple[list[files.FileEntry], list[Oddity]]:
    """The files that are images by extension or content; all other files with the reason why they are skipped."""
    images, oddities = [], []
    entries = list(files.walk(root))
    bundles = _find_bundles([entry.path for entry in entries])
    for entry in entries:
        suffix = files.suffix(entry.path)
        if is_own_file(entry.path):
            continue
        if not files.is_text(entry.path):
            shown = entry.path.encode(errors="surrogateescape").decode(errors="replace")
            code = "unreadable" if suffix in IMAGE_SUFFIXES else "other-file"
            oddities.append(Oddity(shown, code, say("its name is not valid UTF-8; rename it")))
        elif files.is_hidden(entry.path):
            oddities.append(Oddity(entry.path, "hidden-file", say("a hidden file")))
        elif bundles and entry.path.startswith(bundles):
            oddities.append(Oddity(entry.path, "other-file", say("part of a bundle of Pupila")))
        elif suffix in IMAGE_SUFFIXES:
            images.append(entry)
        elif suffix in TEXT_SUFFIXES:
            oddities.append(Oddity(entry.path, "other-file", say("not an image")))
        elif reason := unread_format(start := read_signature(root, entry.path), suffix):
            oddities.append(Oddity(entry.path, "unsupported-format", reason))
        elif has_image_signature(start):
            images.append(entry)
        else:
            oddities.append(Oddity(entry.path, "other-file", say("not an image")))
    return images, oddities


def _find_bundles(paths: Sequence[str]) -> tuple[str, ...]:
    """The folders below the root that hold a bundle, each with its final `/`, as a run or a registry has them.

    Their golden pictures are no data of the user's.
    """
    named = {path.removesuffix(_BUNDLE) for path in paths if path.endswith(_BUNDLE)}
    golden = {path.rpartition(_GOLDEN)[0] for path in paths if _GOLDEN in path} if named else set()
    return tuple(f"{folder}/" for folder in sorted(named & golden))


def holds_bundle(folder: str) -> bool:
    """Whether a bundle lies in this folder or below it."""
    return bool(_find_bundles([f"/{entry.path}" for entry in files.walk(folder)]))


def folder_content(folder: str) -> str:
    """The content of a folder by its name: "image", "mask" or ""."""
    name = folder.lower()
    return "image" if name in IMAGE_FOLDERS else "mask" if name in MASK_FOLDERS else ""


def content_by_path(path: str) -> str:
    """The content by the innermost folder of the path whose name says so."""
    kinds = [content for part in path.split("/")[:-1] if (content := folder_content(part))]
    return kinds[-1] if kinds else ""


def split_from_path(path: str) -> str | None:
    """The split named by a folder of the path: the innermost, as a lone `train` may lie around all splits."""
    folders = reversed(path.split("/")[:-1])
    return next((SPLIT_WORDS[p.lower()] for p in folders if p.lower() in SPLIT_WORDS), None)


def split_from_words(text: str) -> str | None:
    """The split named by a word of the text, as in `instances_train2017.json` or `TrainSet`."""
    return next((SPLIT_WORDS[word] for word in list_words(text) if word in SPLIT_WORDS), None)


def list_words(text: str) -> list[str]:
    """The words of a name in lower case: letters alone, each capital after a small letter begins one."""
    return [word.lower() for word in re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-zà-ÿ])(?=[A-Z])", " ", text))]


def find_unlisted(root: str, listed: set[str]) -> list[Oddity]:
    """The oddities in the folders of listed images: images that no row lists, other files, hidden files."""
    folders = {path.rpartition("/")[0] for path in listed}
    if files.is_remote(root) or not listed or any(path.startswith(("/", "../")) for path in listed):
        return []
    images, oddities = list_images(root)
    forgotten = [e.path for e in images if e.path not in listed and e.path.rpartition("/")[0] in folders]
    strays = [o for o in oddities if o.subject.rpartition("/")[0] in folders]
    return strays + [Oddity(p, UNLISTED, say("not listed in any row")) for p in forgotten]
