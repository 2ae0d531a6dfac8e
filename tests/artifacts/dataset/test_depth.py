"""Grey of more than 8 bits: one measured range for the whole data set, kept for every reader."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pupila
from pupila.core.errors import PupilaError
from pupila.imaging.geotiff.image import read_image
from pupila.imaging.images.bands import BandSettings
from pupila.stages.doctor.examine import examine
from tests.pictures import write_classes

RAMP = np.arange(96 * 72).reshape(72, 96)


def write(folder: Path, tops: list[int], suffix: str = ".png", low: int = 0, kind: str = "u2") -> Path:
    """Two classes of ramps from `low` to the top, one image for each top."""
    for number, top in enumerate(tops):
        path = folder / ("a", "b")[number % 2] / f"{number}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = (low + (top - low) * np.roll(RAMP, number * 9, 1) // RAMP.max()).astype(kind)
        Image.fromarray(pixels.astype(np.int32) if kind == "i4" else pixels).save(path)
    return folder


def deep_tiff(row: list[int]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.array([row], np.uint16)).save(stream, "TIFF")
    return stream.getvalue()


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_twelve_bits_are_scaled_by_the_greatest_value_of_all_images(tmp_path: Path, suffix: str) -> None:
    data = pupila.open(write(tmp_path / "data", [2000, 4095, 1000, 4095], suffix))
    assert data.bands == BandSettings(low=0, high=4095)
    brightest = [int(data.pixels(row).max()) for row in range(4)]
    assert brightest == [255 * 2000 // 4095 + 1, 62, 255, 255]  # a: 2000 -> 124.5, 1000 -> 62.3; b: 4095
    assert any("from 0 to 4,095" in note for note in data.notes)
    faults = {fault.code: fault.count for fault in examine(data)}
    assert (faults["narrow-range"], "sixteen-bit" in faults) == (4, False)


def test_signed_values_and_long_ones_keep_their_order(tmp_path: Path) -> None:
    signed = pupila.open(write(tmp_path / "signed", [3000, 1000], ".tif", -1000, "i4"))
    assert signed.bands == BandSettings(low=-1000, high=3000)
    assert (signed.pixels(0).min(), signed.pixels(0).max(), signed.pixels(1).max()) == (0, 255, 128)
    long = pupila.open(write(tmp_path / "long", [500_000, 1000], ".tif", 0, "i4"))
    assert long.bands == BandSettings(low=0, high=500_000)


def test_the_full_range_and_8_bits_stay_as_they_are(tmp_path: Path) -> None:
    full = pupila.open(write(tmp_path / "full", [65_535, 900]))
    assert full.bands is None and full.pixels(0).max() == 255
    assert "sixteen-bit" in {fault.code for fault in examine(full)}
    assert pupila.open(write_classes(tmp_path / "plain", {"a": 3, "b": 3})).bands is None


def test_the_range_is_kept_when_brighter_images_come(tmp_path: Path) -> None:
    folder = write(tmp_path / "data", [4095] * 12)
    first = pupila.open(folder)
    split = pupila.split(first)
    assert pupila.open(folder).hash == first.hash == split.data_hash
    write(folder, [16_000] * 13)
    assert pupila.open(folder).bands == first.bands
    chosen = pupila.open(folder, low=0, high=8_000)
    assert chosen.bands == BandSettings(low=0, high=8_000)
    assert pupila.open(folder, high=8_000).bands == chosen.bands


def test_a_bundle_reads_bytes_as_the_data_set_did(tmp_path: Path) -> None:
    folder = write(tmp_path / "data", [4095, 3000], ".tif")
    data = pupila.open(folder)
    for row in range(2):
        served = read_image(Path(data.path(row)).read_bytes(), data.bands).rgb
        assert (served == data.pixels(row)).all()
    levels = BandSettings(low=100, high=355)
    assert read_image(deep_tiff([0, 100, 355, 9999]), levels).rgb[0, :, 0].tolist() == [
        0,
        0,
        255,
        255,
    ]


def test_levels_without_deep_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match="16-bit images only"):
        pupila.open(write_classes(tmp_path / "plain", {"a": 3, "b": 3}), low=0, high=10)
    with pytest.raises(PupilaError, match="high above low"):
        pupila.open(write(tmp_path / "data", [4095, 3000]), low=5000)
    with pytest.raises(PupilaError, match="high above low"):
        pupila.open(tmp_path / "data", low=9, high=3)
    for low, high in ((9000, 3000), (5, 5)):  # where a service or a prediction sets them
        with pytest.raises(PupilaError, match="high above low"):
            read_image(deep_tiff([0, 100]), BandSettings(low=low, high=high))


def test_a_damaged_file_never_stops_the_rest(tmp_path: Path) -> None:
    folder = write(tmp_path / "data", [4095, 3000, 4000])
    whole = (folder / "a/0.png").read_bytes()
    (folder / "a/0.png").write_bytes(whole[: len(whole) // 2])
    (folder / "a/9.png").write_bytes(b"")
    data = pupila.open(folder)
    assert (len(data), data.bands) == (2, BandSettings(low=0, high=4000))


@pytest.mark.parametrize(("low", "high", "bands"), [
    (7200, 8100, BandSettings(low=7200, high=8100)),  # a thermal camera
    (40_000, 42_000, BandSettings(low=40_000, high=42_000)),
    (1500, 3000, BandSettings(low=0, high=3000)),
    (30_000, 60_000, None),
])  # fmt: skip
def test_values_far_from_0_are_spread_over_all_levels(
    tmp_path: Path, low: int, high: int, bands: BandSettings | None
) -> None:
    data = pupila.open(write(tmp_path, [high, high], low=low))
    assert data.bands == bands
    if bands and bands.low:
        assert (data.pixels(0).min(), data.pixels(0).max()) == (0, 255)


def write_deep_colours(path: Path, pixels: np.ndarray) -> None:
    """A PNG of 16 bits for each colour, which Pillow can't write. Source: PNG specification, 5 and 11.2.2."""
    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)),
             (b"IEND", b"")]  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in parts))  # fmt: skip


@pytest.mark.parametrize(("top", "dark"), [(65_535, False), (4095, True)])
def test_colours_of_16_bits_lose_their_lower_8_with_a_word(tmp_path: Path, top: int, dark: bool) -> None:
    for number in range(4):
        ramp = np.roll(RAMP, 9 * number, 1) * top // RAMP.max()
        write_deep_colours(tmp_path / "ab"[number % 2] / f"{number}.png", np.stack([ramp] * 3, axis=2))
    data = pupila.open(tmp_path)
    assert data.pixels(0).max() == top // 256
    assert "4 images have 16 bits for each colour; the upper 8 are read." in data.notes
    assert any("4 of them are almost black" in note for note in data.notes) == dark
    assert "sixteen-bit" in {fault.code for fault in examine(data)}


def test_further_frames_are_named(tmp_path: Path) -> None:
    plain = write_classes(tmp_path, {"a": 3, "b": 3})
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a/x.gif", save_all=True, append_images=frames[1:])
    assert "1 image has several pages or frames; the first alone is read." in pupila.open(plain).notes


def test_values_of_float_tiffs_are_named(tmp_path: Path) -> None:
    for number in range(4):
        path = tmp_path / "ab"[number % 2] / f"{number}.tif"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray((np.roll(RAMP, 9 * number, 1) / RAMP.max()).astype(np.float32)).save(path)
    notes = pupila.open(tmp_path).notes
    assert any("Values of TIFFs: 0.0" in note and "0.9" in note for note in notes), notes
