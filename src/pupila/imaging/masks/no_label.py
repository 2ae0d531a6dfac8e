"""Names that stand for pixels or images without a label: they are no classes."""

import re
import unicodedata
from collections.abc import Iterable

# Words of a name once its case, punctuation and apostrophes are gone.
_UNLABELLED = r"un ?labell?ed|non ?labell?ed|not labell?ed|un ?annotated|not annotated|sin (?:etiquetar|anotar)|" \
              r"no etiquetad[oa]s?"  # fmt: skip
_IGNORED = r"ignored?|to ignore|do ?nt ?care|do not care|ignorar|ignorad[oa]s?"
_ABSENT = r"(?:no|without) ?labels?|sin etiquetas?"  # or the class of bottles without one
_PIXELS = r"class|label|pixels?|clase|etiqueta|p[ií]xel(?:es)?"
_PLACES = r"regions?|areas?|zonas?|[aá]reas?"


def _join(phrases: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{phrases})(?: (?:{phrases}))*")


_ALONE = re.compile(rf"(?:{_UNLABELLED}|{_IGNORED})")
_WITH_PLACES = _join(rf"{_UNLABELLED}|{_IGNORED}|{_PIXELS}|{_PLACES}")
_OF_MASKS = _join(rf"{_UNLABELLED}|{_IGNORED}|{_ABSENT}|{_PIXELS}|void")
_TO_IGNORE = re.compile(rf"{_IGNORED}|void")
_BRACKETS = re.compile(r"[(\[{<]([^()\[\]{}<>]*)[)\]}>]")


def means_no_label(name: str) -> bool:
    """Whether pixels or annotations of this name have no label: `void (ignore)`, `DontCare`, `unknown`."""
    words = _words(name)
    ambiguous = re.search(rf"\b(?:void|{_ABSENT})\b", words) and _OF_MASKS.fullmatch(words)
    return words == "unknown" or bool(ambiguous) or means_unlabelled(name)


def means_unlabelled(name: str) -> bool:
    """Whether the name can mean nothing but a missing label: `unlabelled`, `sin etiquetar`, `background (ignored)`."""
    outer = _words(_BRACKETS.sub(" ", name))
    for words in (_words(name), outer):
        if _WITH_PLACES.fullmatch(words) and _ALONE.search(words):
            return True
    return bool(outer) and any(_TO_IGNORE.fullmatch(_words(part)) for part in _BRACKETS.findall(name))


def find_unlabelled(names: Iterable[str]) -> list[str]:
    """The names of whole images, of folders or cells, that mean a missing label.

    `no label` is one of them unless another name has the word: beside `label` or `torn label` it is what is seen.
    """
    given = list(names)
    absent = [name for name in given if re.fullmatch(_ABSENT, _words(name))]
    others = {word for name in given if name not in absent and not means_unlabelled(name)
              for word in _words(name).split()}  # fmt: skip
    visible = bool(others & {"label", "labels", "labelled", "labeled", "etiqueta", "etiquetas"})
    return [name for name in given if means_unlabelled(name) or (name in absent and not visible)]


def _words(name: str) -> str:
    """The words of a name, in small letters with a space between."""
    plain = re.sub(r"['’`´]", "", unicodedata.normalize("NFKC", name).casefold())
    return " ".join(re.findall(r"[^\W_]+", plain))
