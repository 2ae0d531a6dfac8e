"""The frames of AVIF: their size is read from the frames themselves, whatever the box around them says."""

import io
import struct

import pytest
from PIL import Image, features

from pupila.imaging.images.av1 import count_frame_pixels
from pupila.imaging.images.cost import decoding_bytes
from pupila.imaging.images.decode import ImageFault, ImageLimits, decode, open_image, probe

pytestmark = pytest.mark.skipif(not features.check("avif"), reason="this build of Pillow has no AVIF")


def avif(width: int, height: int, mode: str = "RGB", **options: object) -> bytes:
    noise = Image.effect_noise((width, height), 60).convert(mode)
    if mode == "RGBA":
        noise.putalpha(Image.effect_noise((width, height), 60))
    stream = io.BytesIO()
    noise.save(stream, "AVIF", speed=10, **options)
    return stream.getvalue()


def claiming(data: bytes, width: int, height: int) -> bytes:
    """The file with another size in its boxes than its frame has."""
    changed = bytearray(data)
    struct.pack_into(">II", changed, data.index(b"ispe") + 8, width, height)
    return bytes(changed)


@pytest.mark.parametrize("size", [(1, 1), (64, 64), (301, 203), (7, 900)])
def test_the_frame_has_the_size_of_the_image(size: tuple[int, int]) -> None:
    pixels = size[0] * size[1]
    assert count_frame_pixels(avif(*size)) == pixels
    assert count_frame_pixels(avif(*size, subsampling="4:4:4")) == pixels
    assert count_frame_pixels(avif(*size, "RGBA")) == 2 * pixels


def test_of_a_sequence_the_first_frame_counts() -> None:
    frames = [Image.effect_noise((64, 48), seed) for seed in (10, 40, 70)]
    stream = io.BytesIO()
    frames[0].save(stream, "AVIF", save_all=True, append_images=frames[1:])
    assert count_frame_pixels(stream.getvalue()) == 64 * 48


def test_a_frame_larger_than_its_box_says_is_refused() -> None:
    data, limits = claiming(avif(300, 200), 8, 8), ImageLimits(max_pixels=20_000)
    assert probe(data).width == 8
    for read in (probe, decode):
        with pytest.raises(ImageFault, match="frames of 60000 pixels") as fault:
            read(data, limits)
        assert fault.value.code == "oversized"
    picture, _ = open_image(data)
    assert decoding_bytes(picture, data) - decoding_bytes(picture, b"") == 10 * (300 * 200 - 8 * 8)


def test_a_frame_of_several_parts_counts_whole() -> None:
    data = bytearray(avif(300, 200))
    at = data.index(b"iloc")
    whole = bytes(data)
    assert whole[at + 4] == 0  # version
    assert struct.unpack_from(">H", whole, at + 16)[0] == 1  # parts
    place, size = struct.unpack_from(">II", whole, at + 18)
    # the first three bytes end within the header; the second part follows somewhere else
    head, parts = whole[place : place + 3], struct.pack(">HIIII", 2, len(whole), 3, len(whole) + 9, size - 3)
    box = bytearray(whole[at - 4 : at + 16] + parts)
    struct.pack_into(">I", box, 0, len(box))
    file = b"\0\0\0\x10ftypavif\0\0\0\0" + struct.pack(">I", 12 + len(box)) + b"meta\0\0\0\0" + bytes(box)
    file = file.ljust(len(whole), b"\0") + head + bytes(6) + whole[place + 3 : place + size]
    assert count_frame_pixels(file) == 300 * 200


def test_a_damaged_file_has_no_frames_or_fewer() -> None:
    data = avif(64, 48)
    for end in range(0, len(data), 7):
        assert count_frame_pixels(data[:end]) in (0, 64 * 48)
    assert count_frame_pixels(data[:40] + b"\xff" * 400) == 0
