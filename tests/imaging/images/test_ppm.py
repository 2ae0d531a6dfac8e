"""PPM as text, and with other maxima: read as Pillow reads it, at once instead of number by number."""

import io

import numpy as np
import pytest
from PIL import Image

from pupila.imaging.images.decode import ImageFault, decode, load_pixels, open_image
from pupila.imaging.images.ppm import load_numbers

RNG = np.random.default_rng(4)


def text(head: str, values: object) -> bytes:
    return f"{head}\n".encode() + " ".join(map(str, np.ravel(values))).encode() + b"\n"  # type: ignore[call-overload]


FILES = {
    "P1": b"P1\n# a comment\n5 3\n10101 0 1 0 1 1\n11100",
    "P2": text("P2 4 3 255", RNG.integers(0, 256, 12)),
    "P2 of 16 bits": text("P2 4 3 65535", RNG.integers(0, 65536, 12)),
    "P2 of 1000": text("P2 4 3 1000", RNG.integers(0, 1001, 12)),
    "P3": text("P3 4 3 255", RNG.integers(0, 256, 36)) + b"7 7",
    "P3 of 7": text("P3 4 3 7", RNG.integers(0, 8, 36)),
    "comments": b"P2\n2 2\n255\n1 # one\n2 #two\r3\n#x\n4",
    "P5 of 100": b"P5 3 2 100\n" + bytes([0, 50, 99, 100, 101, 255]),
    "P6 of 300": b"P6 1 2 300\n" + bytes([0, 50, 1, 44, 1, 45, 0, 1, 0, 2, 255, 255]),
}


@pytest.mark.parametrize("name", FILES)
def test_the_pixels_are_pillows(name: str) -> None:
    expected = Image.open(io.BytesIO(FILES[name]))
    expected.load()
    picture, _ = open_image(FILES[name])
    ours = load_pixels(picture)
    assert (ours.mode, ours.size) == (expected.mode, expected.size)
    assert np.array_equal(np.asarray(ours), np.asarray(expected))
    assert decode(FILES[name]).shape == (expected.height, expected.width, 3)


@pytest.mark.parametrize(("data", "code"), [
    (b"P2 2 2 255\n1 2 3", "truncated"), (b"P2 2 2 255\n1 2 3 256", "unreadable"), (b"P1 2 2\n1 0 2 1", "unreadable"),
    (b"P3 1 1 255\n1 -2 3", "unreadable"), (b"P3 1 1 255\n1 x 3", "unreadable"), (b"P1 2 2\n1 0 1", "truncated"),
    (b"P5 2 2 100\nabc", "truncated"), (b"P2 1 1 255\n99999999999999999999", "unreadable"),
])  # fmt: skip
def test_damage_is_named(data: bytes, code: str) -> None:
    with pytest.raises(ImageFault) as fault:
        decode(data)
    assert fault.value.code == code


def test_neither_comments_nor_numbers_are_read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, _ = open_image(b"P2 300 300 255\n" + b"1 #\n" * 90_000)
    monkeypatch.setattr(type(picture), "load", lambda self: pytest.fail("Pillow's own loop"))
    assert load_pixels(picture).getextrema() == (1, 1)
    long = b"P2 1000 1000 255\n" + b"1 #\r2#3\n " * 500_000
    assert load_numbers(open_image(long)[0]).getextrema() == (1, 2)  # in several parts
