"""Names that Label Studio gives to uploaded files: eight hex digits, a dash, and what is left of the file's own name.

Source: `upload_name_generator` in Label Studio's `data_import/models.py`, and Django, which stores the file:
`get_valid_filename` (blanks become `_`; what is no letter, digit, `-`, `_` or `.` is dropped), `sanitize_file_name`
(HTML's escapes are undone; the name ends at the last separator), and `get_available_name` (a path of more than 100
characters is cut, and `_` and seven random characters stand before the ending).
"""

import html
import re
from collections import defaultdict
from collections.abc import Iterable
from unicodedata import normalize
from urllib.parse import unquote

_PREFIX = re.compile(r"[0-9a-f]{8}-(?=.)")
_OTHER = re.compile(r"[^-\w.]")
_RANDOM = re.compile(r"_[A-Za-z0-9]{7}(?=\.|$)")
# Length of a cut name: 100 less `upload/PROJECT/`, for projects of one to six digits, and less an ending, which the
# names of label files lack.
_CUT = range(80, 92)
_SHORTEST = 8  # start of a name that is long enough to know a file by


def is_upload(path: str) -> bool:
    """Whether the name at the end of a path may be that of an upload."""
    return _PREFIX.match(path.rpartition("/")[2]) is not None


class UploadNames:
    """The files of a data set by the names that they would have as uploads.

    Args:
        paths: of the files.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths: dict[str, list[str]] = defaultdict(list)
        for path in paths:
            for name in upload_forms(path.rpartition("/")[2]):
                self._paths[name].append(path)

    def find(self, path: str) -> list[str]:
        """The files that an upload may be: none, one, or several of which any may be meant."""
        leaf = normalize("NFC", unquote(path.rpartition("/")[2]))
        if not is_upload(leaf):
            return []
        name = _PREFIX.sub("", leaf, count=1)
        if hits := self._paths.get(name):
            return hits
        if len(leaf) not in _CUT:
            return []
        ends = [(name[: cut.start()], name[cut.end() :]) for cut in _RANDOM.finditer(name)]
        cut_names = [
            each for each in self._paths for start, ending in ends
            if len(start) >= _SHORTEST and each.startswith(start) and each.endswith(ending)
            and len(each) >= len(name)
        ]  # fmt: skip
        return list(dict.fromkeys(hit for each in cut_names for hit in self._paths[each]))


def upload_forms(name: str) -> set[str]:
    """What uploads of a file of this name may be called, behind their prefix.

    A Mac hands over accents as marks of their own, which are dropped; other programs put `_` for every character that
    is dropped here, or for all but plain ones.
    """
    forms = set()
    for written in {name, name.replace('"', "%22")}:  # as browsers write it
        sent = html.unescape(written).rpartition("\\")[2]
        for form in ("NFC", "NFD"):
            plain = normalize(form, sent).replace(" ", "_")
            forms |= {_OTHER.sub("", plain), _OTHER.sub("_", plain), re.sub(r"[^-A-Za-z0-9_.]", "_", plain)}
    return {normalize("NFC", each) for each in forms}
