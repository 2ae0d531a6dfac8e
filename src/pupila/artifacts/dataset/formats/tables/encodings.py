"""The encoding of a text file, inferred from its first bytes, from valid UTF-8, or from what reads like writing."""

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from charset_normalizer import from_bytes

from pupila.core.errors import PupilaError
from pupila.core.messages import say

UTF_8: Final = "UTF-8"
_SAMPLE = 64 * 1024  # bytes of cells beyond ASCII that are looked at
_HEAD = 4096
_FEW_SIGNS = 8
_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"), (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16"),
)  # fmt: skip
_WESTERN = "àáâãäåæçèéêëìíîïñòóôõöøœùúûüýÿß"
_CENTRAL = "áâäăąćčçďđéëęěíîĺľłńňóôőöŕřśšşßťţúůűüýźżž"
_TURKISH = "âçğıîöşûü"
_PUNCTUATION = "’‘“”–—…°²€£§«»·&"


def _among(*ranges: tuple[str, str]) -> Callable[[str], bool]:
    return lambda letter: any(low <= letter <= high for low, high in ranges)


_HAN = ("一", "鿿")
# Encoding -> whether a letter (a small one, where there are such) is everyday in the languages that are written in it.
# Of several that read equally well the first is taken.
_EVERYDAY: dict[str, Callable[[str], bool]] = {
    "cp1252": lambda letter: letter in _WESTERN,
    "mac_roman": lambda letter: letter in _WESTERN,
    "cp1254": lambda letter: letter in _TURKISH,
    "cp1250": lambda letter: letter in _CENTRAL,
    "iso8859_2": lambda letter: letter in _CENTRAL,
    "cp1251": _among(("а", "я"), ("ё", "ґ")),
    "koi8_r": _among(("а", "я"), ("ё", "ё")),
    "cp1253": _among(("ά", "ώ")),
    "shift_jis": _among(("ぁ", "ヿ"), _HAN),
    "euc_kr": _among(("가", "힣")),
    "gb18030": lambda letter: _is_common_han(letter, "gb2312", 0xD7),
    "euc_jp": lambda letter: "ぁ" <= letter <= "ヿ" or _is_common_han(letter, "euc_jp", 0xCF),
    "big5": lambda letter: _is_common_han(letter, "big5", 0xC6),
}
_SHOWN = {"gb18030": "GBK", "shift_jis": "Shift-JIS", "mac_roman": "Mac Roman", "iso8859_2": "ISO 8859-2",
          "euc_kr": "EUC-KR", "euc_jp": "EUC-JP", "koi8_r": "KOI8-R", "big5": "Big5"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class DecodedText:
    """The text of a file."""

    text: str
    encoding: str  # its name
    certain: bool  # whether the bytes leave no other encoding


def decode(data: bytes) -> DecodedText:
    """The text of a file, and its encoding.

    Raises:
        PupilaError: most of it is UTF-8, and some bytes are not.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return DecodedText(data.decode(name.lower(), errors="replace"), name, certain=True)
    if wide := _find_wide(data[:_HEAD]):
        return DecodedText(data.decode(wide, errors="replace"), "UTF-16", certain=True)
    try:
        return DecodedText(data.decode("utf-8-sig"), UTF_8, certain=True)
    except UnicodeDecodeError as fault:
        _refuse_broken(data, fault.start)
    sample = _sample(data)
    for encoding in _rank(sample):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return DecodedText(text, _SHOWN.get(encoding, encoding), certain=False)
    return DecodedText(data.decode("latin-1"), "latin-1", certain=False)


def _find_wide(head: bytes) -> str:
    """UTF-16 without a mark: every second byte is 0 in most of the text, as names of files and separators are ASCII."""
    pairs = len(head) // 2
    low, high = head[1 : 2 * pairs : 2].count(0), head[0 : 2 * pairs : 2].count(0)
    if pairs > 1 and max(low, high) > 0.3 * pairs and min(low, high) < 0.05 * pairs:
        return "utf-16-le" if low > high else "utf-16-be"
    return ""


def _refuse_broken(data: bytes, first: int) -> None:
    """Stop where a file is in UTF-8 for its greater part: reading it in another encoding would garble that part."""
    letters = data.decode("utf-8", errors="replace")
    broken = letters.count("�")
    whole = sum(letter > "\x7f" for letter in letters) - broken
    if whole > 3 * broken:
        line = data.count(b"\n", 0, first) + 1
        raise PupilaError(
            say("The text file mixes two encodings"), actual=say("bytes in line {line} that are no UTF-8", line=line),
            expected=say("UTF-8, as in the rest of the file"),
            remedy=say("correct that line and save the file as UTF-8"),
        )  # fmt: skip


def _sample(data: bytes) -> bytes:
    """The words with letters beyond ASCII, each once."""
    words = dict.fromkeys(re.findall(rb"[A-Za-z@-\[\]-{}~\x80-\xff]*[\x80-\xff][^\x00-\x1f,;|]*", data))
    return (
        b"\n".join(words)[:_SAMPLE].rpartition(b"\n")[0]
        if sum(map(len, words)) > _SAMPLE
        else b"\n".join(words)
    )


def _rank(sample: bytes) -> list[str]:
    """The encodings that can be read, those that read most like writing first."""
    readable = {str(match) for match in from_bytes(sample, cp_isolation=[*_EVERYDAY])}
    scores = {}
    for place, (encoding, is_everyday) in enumerate(_EVERYDAY.items()):
        try:
            text = sample.decode(encoding)
        except UnicodeDecodeError:
            continue
        everyday = round(_share_everyday(text, is_everyday), 2)
        if encoding == "euc_kr" and len(set(text)) < _FEW_SIGNS:
            everyday -= 0.01  # so few signs may all look Korean by chance: then they are more likely Chinese
        scores[encoding] = (-everyday, text not in readable, place)
    return sorted(scores, key=lambda encoding: scores[encoding])


def _share_everyday(text: str, is_everyday: Callable[[str], bool]) -> float:
    """The share of everyday letters among those beyond ASCII; a capital after a small letter is none."""
    total, good, before = 0, 0.0, ""
    for letter in text:
        if letter > "\x7f":
            total += 1
            if is_everyday(letter):
                good += 1
            elif is_everyday(letter.lower()):
                good += 0.0 if before.islower() else 0.9
            elif letter in _PUNCTUATION:
                good += 0.5
        before = letter
    return good / total if total else 0.0


def _is_common_han(letter: str, encoding: str, last: int) -> bool:
    """Whether the sign is in the first, common part of the national list."""
    if not "一" <= letter <= "鿿":
        return False
    try:
        return letter.encode(encoding)[0] <= last
    except UnicodeEncodeError:
        return False
