"""Headers that lie: what a small file asks for is refused before it is allocated, and counting ends."""

import io
import random
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from pupila.imaging.images.decode import ImageFault, ImageLimits, decode, probe
from pupila.imaging.images.frames import count_gif_frames
from pupila.imaging.images.tiff import MOST_PAGES, count_pages, read_layout
from pupila.imaging.masks.codec import read_stored_mask
from tests.imaging.images.bombs import chain, false_headers, gif, png, saved, tiff, tiled
from tests.imaging.images.measured import measure

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads what a process took from /proc")
ADDRESS_SPACE = 3_000_000_000  # bytes: what the libraries reserve, and room for one large image
SIDE = 1800
SLACK = 10_000_000  # bytes of buffers and of the file
# Format, mode, options, and the bytes that decoding takes at its peak for each pixel.
STATED: list[tuple[str, str, dict[str, object], int]] = [
    ("PNG", "RGB", {}, 7), ("PNG", "LA", {}, 7), ("PNG", "P", {}, 4), ("PNG", "I;16", {}, 5), ("JPEG", "CMYK", {}, 7),
    ("TIFF", "RGB", {"compression": "tiff_lzw"}, 7), ("JPEG", "RGB", {"progressive": True, "subsampling": 0}, 9),
    ("GIF", "P", {}, 4),
]  # fmt: skip
SMALL = 24_000_000  # bytes that a small file may take beside its own


@LINUX
@pytest.mark.parametrize("kind", ["image", pytest.param("mask", marks=pytest.mark.slow)])
def test_a_small_file_takes_little_whatever_its_header_says(kind: str, tmp_path: Path) -> None:
    cases = false_headers()
    for number, (data, _) in enumerate(cases.values()):
        (tmp_path / f"{number:03d}").write_bytes(data)
    taken = measure(tmp_path, ADDRESS_SPACE, kind)
    assert len(taken) == len(cases)
    for (name, (data, code)), row in zip(cases.items(), taken.values(), strict=True):
        assert row.code == code, name
        assert row.peak <= SMALL + 4 * len(data), (name, row)
        assert row.frames <= MOST_PAGES, name


@LINUX
def test_a_pixel_takes_as_much_as_is_stated(tmp_path: Path) -> None:
    for number, (form, mode, options, _) in enumerate(STATED):
        (tmp_path / f"{number:03d}").write_bytes(saved(form, SIDE, mode, **options))
    (tmp_path / "last").write_bytes(saved("BMP", 3000))
    taken = measure(tmp_path, ADDRESS_SPACE)
    large = taken.pop("last")
    assert large.retained <= SLACK  # it went back to the system
    for row, (form, mode, _, most) in zip(taken.values(), STATED, strict=True):
        assert row.code == ""
        assert row.peak <= most * row.pixels + SLACK, (form, mode, row.peak / row.pixels)


def test_a_turned_image_is_turned_in_place() -> None:
    picture = Image.effect_noise((40, 30), 80).convert("RGB")
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        stream = io.BytesIO()
        picture.save(stream, "PNG", exif=exif)
        theirs = Image.open(io.BytesIO(stream.getvalue()))
        expected = ImageOps.exif_transpose(theirs)
        assert expected is not None
        got = decode(stream.getvalue())
        assert got.flags.c_contiguous
        assert got.tobytes() == expected.tobytes(), orientation


@pytest.mark.parametrize("pages", [1, 2, 7])
def test_pages_are_counted_as_pillow_counts_them(pages: int) -> None:
    frames = [Image.new("L", (9, 9), n) for n in range(pages)]
    for form in ("TIFF", "GIF"):
        stream = io.BytesIO()
        frames[0].save(stream, form, save_all=True, append_images=frames[1:])
        data = stream.getvalue()
        ours = count_pages(data)[0] if form == "TIFF" else count_gif_frames(data, 99)
        assert ours == getattr(Image.open(io.BytesIO(data)), "n_frames", 1) == pages
        assert probe(data).frames == pages


def test_counting_ends_and_a_loop_of_pages_is_seen() -> None:
    assert count_pages(chain(6000)) == (MOST_PAGES, MOST_PAGES)
    assert count_pages(chain(5, loop=True)) == (5, 5)
    assert count_pages(chain(5)[:-40])[0] == 4
    assert count_gif_frames(gif(6000), 4096) == 4096
    assert count_gif_frames(gif(3)[:20], 9) == 1
    assert read_stored_mask(chain(6000)).pages == MOST_PAGES


def test_the_layout_of_a_tiff_is_what_its_tags_say() -> None:
    layout = read_layout(io.BytesIO(tiff(tiled(100, 64))))
    assert layout is not None
    assert (layout.width, layout.unit_width, layout.unit_bytes, layout.needed) == (100, 64, 64 * 64, 4)
    assert read_layout(io.BytesIO(b"II*\0\x08\0\0\0")) is None


def test_a_usual_tile_around_a_small_image_is_no_lie() -> None:
    noise = Image.effect_noise((50, 40), 60)
    stream = io.BytesIO()
    noise.save(stream, "TIFF", compression="tiff_lzw", tiffinfo={322: 512, 323: 512})
    assert decode(stream.getvalue()).shape == (40, 50, 3)


def test_a_side_has_a_limit_of_its_own() -> None:
    with pytest.raises(ImageFault, match="on a side"):
        probe(png(1, 1_000_001))


@pytest.mark.slow
@LINUX
@pytest.mark.parametrize("seed", range(12))
def test_no_mutated_header_takes_more_than_an_image(seed: int, tmp_path: Path) -> None:
    """Bytes of headers are replaced by extreme ones, in files of every format."""
    rng = random.Random(seed)
    starts = [saved("PNG", 40), saved("PNG", 40, "I;16"), saved("JPEG", 40), saved("JPEG", 40, progressive=True),
              saved("TIFF", 40), saved("TIFF", 40, compression="tiff_lzw"), saved("TIFF", 40, "CMYK"), saved("BMP", 40),
              saved("GIF", 40), saved("WEBP", 40), saved("AVIF", 40), saved("JPEG2000", 40), saved("PPM", 40),
              tiff(tiled(64, 64)), tiff(tiled(64, 64), big=True), chain(9), gif(9)]  # fmt: skip
    for number in range(300):
        data = bytearray(rng.choice(starts))
        for _ in range(rng.randint(1, 6)):
            at = rng.randrange(min(len(data) - 4, 400))
            word = rng.choice(
                [b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\xea\x60", b"\x60\xea\0\0", b"\0\1\0\0"]
            )
            size = rng.choice([1, 2, 4])
            data[at : at + size] = word[:size]
        (tmp_path / f"{number:03d}").write_bytes(data)
    limits = ImageLimits()
    for kind in ("image", "mask"):
        for name, row in measure(tmp_path, 2 * ADDRESS_SPACE, kind).items():
            allowed = 25 * max(row.pixels, 0 if row.code else 1)
            if row.code not in ("", "oversized"):  # damaged pixels are noticed once memory is there
                allowed = 25 * limits.max_pixels
            assert row.peak <= 40_000_000 + allowed, (seed, kind, name, row)
