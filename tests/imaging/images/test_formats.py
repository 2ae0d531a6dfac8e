"""The rarer formats: pixels, limits, damage, and the advice for a format that Pupila does not read."""

import io
import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

from pupila.imaging.images.decode import DAMAGE, ImageFault, ImageLimits, decode, probe
from pupila.imaging.images.signatures import has_image_signature, is_heif, unread_format
from tests.pictures import Pixels, photo

PHOTO = photo(1)
NEEDED = {"AVIF": "avif", "JPEG2000": "jpg_2000"}  # what Pillow is built with
HEIC_START = b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf"


def saved(pixels: Pixels, format: str, **options: Any) -> bytes:
    if not features.check(NEEDED.get(format, "pil")):
        pytest.skip(f"this Pillow is built without {format}")
    if format == "HEIF":
        pytest.importorskip("pillow_heif", reason="the extra heif is not installed").register_heif_opener()
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format, **options)
    return stream.getvalue()


@pytest.mark.parametrize(("format", "error"), [("PPM", 0), ("JPEG2000", 0), ("AVIF", 4), ("HEIF", 6)])
def test_a_format_gives_its_pixels_back_and_survives_damage(format: str, error: float) -> None:
    data = saved(PHOTO, format, **({"quality": 95} if format in ("AVIF", "HEIF") else {}))
    assert np.abs(decode(data).astype(int) - PHOTO).mean() <= error
    header = probe(data)
    assert (header.format, header.height, header.width) == (format, *PHOTO.shape[:2])
    assert has_image_signature(data[:16])
    for end in (8, 20, 40, len(data) // 3, len(data) // 2, len(data) - 2):
        with pytest.raises(ImageFault):
            decode(data[:end])
    with pytest.raises(ImageFault) as fault:
        probe(data, ImageLimits(max_pixels=PHOTO.shape[0] * PHOTO.shape[1] - 1))
    assert fault.value.code == "oversized"


@pytest.mark.parametrize("format", ["AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_phone_photo_lies_upright(format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(PHOTO, format, exif=exif.tobytes(), quality=95)
    upright = np.rot90(PHOTO, {1: 0, 3: 2, 6: 3, 8: 1}[orientation])
    assert (probe(data).height, probe(data).width) == upright.shape[:2]
    assert np.abs(decode(data).astype(int) - upright).mean() < 6


@pytest.mark.parametrize(
    ("data", "grey"),
    [
        (b"P2\n# by hand\n3 1\n255\n0 128 255\n", [0, 128, 255]),
        (b"P5 3 1 255\n\0\x80\xff", [0, 128, 255]),
        (b"P5 3 1 4095\n\0\0\x08\x00\x0f\xff", [0, 128, 255]),  # 2048 / 4095 * 255 = 127.5
        (b"P5 2 1 65535\n\x80\x80\xff\xff", [128, 255]),
        (b"P4 8 1\n\xaa", [0, 255, 0, 255, 0, 255, 0, 255]),
        (b"P1 2 1\n1 0", [0, 255]),
    ],
)
def test_netpbm_scales_by_the_maximum_that_it_declares(data: bytes, grey: list[int]) -> None:
    assert decode(data)[0, :, 0].tolist() == grey


@pytest.mark.parametrize("data", [b"P6 60000 60000 255\n", b"P5 99999999999 1 255\n", b"P5 3 1 0\nabc"])
def test_a_wrong_netpbm_header_is_refused_before_pixels_are_allocated(data: bytes) -> None:
    with pytest.raises(ImageFault):
        decode(data)


def test_without_the_extra_a_heic_names_the_one_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageFault, match=r"pip install 'pupila\[heif\]'") as fault:
        decode(HEIC_START + b"\0" * 99)
    assert fault.value.code == "missing-extra"


def test_without_avif_in_pillow_the_file_is_named_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "check", lambda name: False)
    with pytest.raises(ImageFault, match="AVIF"):
        decode(b"\0\0\0\x20ftypavif\0\0\0\0avifmif1" + b"\0" * 99)


@pytest.mark.parametrize(
    ("data", "suffix", "words"),
    [
        (b"\xff\x0a\xfa\x7f", "", "JPEG XL"),
        (b"8BPS\0\x01", ".jpg", "Photoshop"),
        (b"\0" * 128 + b"DICM\2\0\0\0", "", "DICOM"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1", "", "raw file"),
        (b"II*\0", ".dng", "raw file"),
        (b"anything", ".xcf", ".xcf files are not supported"),
    ],
)
def test_a_format_that_is_not_read_says_what_to_do(data: bytes, suffix: str, words: str) -> None:
    assert words in unread_format(data, suffix)


def test_words_are_no_image() -> None:
    for text in (b"P1 is the first patient", b"P5 and P6 agree", b"a b", b"", b"BMI,age"):
        assert not has_image_signature(text)
        assert not unread_format(text, ".txt")
    assert not is_heif(b"\0\0\0\x18ftypisom\0\0\0\0isomavc1")  # a video
    assert RuntimeError in DAMAGE  # which Pillow's AVIF reader raises
