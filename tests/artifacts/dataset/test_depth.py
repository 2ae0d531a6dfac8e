"""Grey of more than 8 bits: one measured range for the whole data set, kept for every reader."""

import io
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
