"""EXIF behind the pixels of a PNG: found without decoding one."""

from unittest import mock

import pytest
from PIL import Image, PngImagePlugin

from pupila.imaging.images.decode import decode, probe
from pupila.imaging.images.png import has_late_exif
from tests.pictures import encoded, photo

PHOTO = photo(3, 12, 8)


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def last(data: bytes, kind: bytes) -> bytes:
    """The PNG with its chunk of a kind behind the pixels."""
    at = data.index(kind) - 4
    end = at + 12 + int.from_bytes(data[at : at + 4])
    rest = data[:at] + data[end:]
    return rest[:-12] + data[at:end] + rest[-12:]


def test_a_png_is_probed_without_decoding_it() -> None:
    comment = PngImagePlugin.PngInfo()
    comment.add_text("date:create", "2026")
    for data in (encoded(PHOTO), last(encoded(PHOTO, pnginfo=comment), b"tEXt")):
        assert not has_late_exif(data)
        with mock.patch.object(PngImagePlugin.PngImageFile, "load", side_effect=AssertionError("decoded")):
            assert probe(data).orientation == 1


@pytest.mark.parametrize("late", [False, True])
def test_exif_counts_wherever_it_stands(late: bool) -> None:
    data = encoded(PHOTO, exif=turned())
    data = last(data, b"eXIf") if late else data
    assert has_late_exif(data) is late
    header = probe(data)
    assert (header.orientation, header.width, header.height) == (6, 8, 12)
    assert decode(data).shape == (12, 8, 3)


@pytest.mark.parametrize("late", [False, True])
def test_an_orientation_in_xmp_counts_wherever_it_stands(late: bool) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="6"/>')
    data = encoded(PHOTO, pnginfo=text)
    assert probe(last(data, b"iTXt") if late else data).orientation == 6


def test_a_cut_png_has_no_late_exif() -> None:
    data = last(encoded(PHOTO, exif=turned()), b"eXIf")
    assert not any(has_late_exif(data[:end]) for end in range(data.index(b"eXIf")))
