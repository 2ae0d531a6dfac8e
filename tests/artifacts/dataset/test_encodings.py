"""Tables in the encodings and with the separators that people's programs write are read alike."""

from pathlib import Path

import pytest

import pupila
from pupila.artifacts.dataset.formats.tables.encodings import decode
from pupila.core.errors import PupilaError
from tests.pictures import write_photo

WORDS = {
    "cp1252": ["crème brûlée", "éclair", "jalapeño", "Käse", "pão", "smörgås"],
    "latin-1": ["crème brûlée", "éclair", "Grüße"],
    "mac_roman": ["crème brûlée", "éclair", "jalapeño", "Käse", "maçã"],
    "cp1250": ["żółw", "łoś", "źrebię", "šťáva", "řeřicha"],
    "iso8859_2": ["żółw", "łoś", "źrebię"],
    "cp1251": ["кошка", "собака", "яблоко"],
    "koi8_r": ["кошка", "собака", "яблоко"],
    "cp1253": ["γάτα", "σκύλος"],
    "cp1254": ["şeker", "ağaç", "ılık"],
    "gbk": ["猫", "狗", "苹果"],
    "shift_jis": ["ネコ", "いぬ", "林檎"],
    "euc_jp": ["ネコ", "いぬ", "林檎"],
    "euc_kr": ["고양이", "강아지", "사과"],
    "big5": ["蘋果", "貓", "狗"],
}


def rows_of(words: list[str]) -> list[tuple[str, str]]:
    return [(f"p{number}.jpg", words[number % len(words)]) for number in range(3 * len(words))]


@pytest.mark.parametrize("encoding", WORDS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_an_encoding_is_inferred_from_what_reads_like_writing(encoding: str, end: str) -> None:
    text = end.join(["image,label", *map(",".join, rows_of(WORDS[encoding]))])
    decoded = decode(text.encode(encoding))
    assert decoded.text == text
    assert not decoded.certain


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("words", [["crème", "éclair"], ["猫", "苹果"], ["cat", "dog"]])
def test_unicode_is_certain(encoding: str, words: list[str]) -> None:
    text = "\n".join(["image,label", *map(",".join, rows_of(words))])
    decoded = decode(text.encode(encoding))
    assert (decoded.text, decoded.certain) == (text, True)
    assert decoded.encoding == encoding.upper().removesuffix("-SIG").removesuffix("-LE").removesuffix("-BE")


def test_one_byte_that_is_no_utf_8_is_refused_with_its_line() -> None:
    data = "image,label\na.jpg,crème\nb.jpg,brûlée\nc.jpg,pâté\n".encode() + "d.jpg,café".encode("cp1252")
    with pytest.raises(PupilaError, match="line 5"):
        decode(data)


def write_images(folder: Path, count: int) -> None:
    for number in range(count):
        write_photo(folder / f"p{number}.jpg", number)


@pytest.mark.parametrize(
    ("data", "note"),
    [
        ("image\tlabel\np0.jpg\tcrème\np1.jpg\téclair\n".encode("utf-16"), "t.csv is read as UTF-16."),
        ("image,label\rp0.jpg,crème\rp1.jpg,éclair\r".encode("cp1252"), "t.csv is read as cp1252 (crème, éclair)."),
        ("\ufeffsep=;\r\nimage;label\r\np0.jpg;crème\r\np1.jpg;éclair\r\n".encode(), ""),
        ("sep=;\nimage;label\np0.jpg;crème\np1.jpg;éclair\n".encode("utf-16"), "t.csv is read as UTF-16."),
        ("sep=\t\nimage\tlabel\np0.jpg\tcrème\np1.jpg\téclair\n".encode(), ""),
        ("\n\nimage|label\np0.jpg|crème\n\np1.jpg|éclair\n\n".encode(), ""),
        ("# drawn by hand\n# image,label\np0.jpg,crème\np1.jpg,éclair\n".encode(), "1 line above the header"),
        ("Export of May\n\nimage,label\np0.jpg,crème\np1.jpg,éclair\n".encode(), "1 line above the header"),
        ('image;label;size\np0.jpg;"crème";0,5\np1.jpg;éclair;1,5\n'.encode(), ""),
    ],
)  # fmt: skip
def test_dialects_of_one_table_read_alike(tmp_path: Path, data: bytes, note: str) -> None:
    write_images(tmp_path, 2)
    (tmp_path / "t.csv").write_bytes(data)
    opened = pupila.open(tmp_path)
    assert dict(opened.images.select("image", "target").iter_rows()) == {
        "p0.jpg": "crème",
        "p1.jpg": "éclair",
    }
    assert note in " ".join(opened.notes)
