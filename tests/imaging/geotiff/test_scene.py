"""Scenes of any bands are read as RGB, by windows as whole, and in flat memory."""

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from PIL import Image

from pupila.core.errors import MissingExtra, PupilaError
from pupila.imaging.geotiff.image import read_image
from pupila.imaging.geotiff.scene import open_raster, open_scene, resolve_bands
from pupila.imaging.images.bands import BandSettings
from pupila.imaging.images.decode import ImageFault, ImageLimits

Array = NDArray[Any]
UTM = "EPSG:32633"


def grid(left: float, top: float, pixel: float) -> Any:
    """The transform of square pixels whose upper left corner lies there."""
    return rasterio.Affine(pixel, 0, left, 0, -pixel, top)


def write(path: Path, bands: Array, **more: Any) -> str:
    """A synthetic GeoTIFF of (B, H, W) in UTM, pixels of half a metre."""
    count, height, width = bands.shape
    profile = {"crs": UTM, "transform": grid(500_000, 5_400_000, 0.5)} | more
    size = {"count": count, "height": height, "width": width, "dtype": bands.dtype}
    with open_raster(path, "w", driver="GTiff", **size, **profile) as file:
        file.write(bands)
    return str(path)


def pixels(
    source: str | bytes, settings: BandSettings | None = None, limits: ImageLimits | None = None
) -> Array:
    """A whole picture: (H, W, 3) uint8 RGB."""
    data = Path(source).read_bytes() if isinstance(source, str) else source
    return read_image(data, settings, limits).rgb


def deep(height: int = 60, width: int = 90, bands: int = 5) -> Array:
    """(B, H, W) uint16 of 300..10000, no two bands alike."""
    return np.random.default_rng(0).integers(300, 10_000, (bands, height, width)).astype(np.uint16)


def test_chosen_bands_become_colours_between_low_and_high(tmp_path: Path) -> None:
    bands = np.array([0, 1000, 2000, 3000, 9000], np.uint16)[:, None, None].repeat(4, 1).repeat(3, 2)
    path = write(tmp_path / "a.tif", bands)
    rgb = pixels(path, BandSettings(bands=(4, 3, 1), low=1000, high=3000))
    assert rgb.shape == (4, 3, 3)
    assert rgb[0, 0].tolist() == [255, 128, 0]


def test_windows_give_what_the_whole_gives(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", deep(), tiled=True, blockxsize=16, blockysize=16)
    settings = BandSettings(bands=(5, 3, 2))
    whole = pixels(path, settings)
    assert (pixels(path, settings) == whole).all()
    with open_scene(path, settings) as scene:
        assert (scene.height, scene.width, scene.by_windows) == (60, 90, True)
        assert scene.place["crs"].to_epsg() == 32633
        for top, left, height, width in [(0, 0, 60, 90), (7, 11, 20, 30), (59, 89, 1, 1)]:
            part = scene.read(top, left, height, width)
            assert (part == whole[top : top + height, left : left + width]).all()


def test_eight_bits_are_not_rescaled_and_one_band_is_grey(tmp_path: Path) -> None:
    bands = np.random.default_rng(0).integers(0, 256, (4, 5, 6)).astype(np.uint8)
    assert (pixels(write(tmp_path / "a.tif", bands)) == bands[:3].transpose(1, 2, 0)).all()
    grey = pixels(write(tmp_path / "b.tif", bands[:1]))
    assert (grey == bands[0][..., None]).all()


def test_black_and_white_are_decided_once_from_all_files(tmp_path: Path) -> None:
    dark = write(tmp_path / "a.tif", np.arange(0, 10_000, dtype=np.uint16).reshape(1, 100, 100))
    light = write(tmp_path / "b.tif", np.arange(10_000, 20_000, dtype=np.uint16).reshape(1, 100, 100))
    decided = resolve_bands([dark, light])
    assert decided.low == pytest.approx(400, abs=5)
    assert decided.high == pytest.approx(19_600, abs=5)
    assert resolve_bands([dark, light], decided) == decided
    assert resolve_bands([dark], BandSettings(low=0, high=9)) == BandSettings(low=0, high=9)
    assert pixels(light, decided).min() > 120


def test_a_flat_file_is_black_and_fractions_are_scaled(tmp_path: Path) -> None:
    assert not pixels(write(tmp_path / "a.tif", np.full((1, 4, 4), 777, np.uint16))).any()
    values = np.array([[[0.0, 0.5, 1.0, np.nan]]], np.float32)
    assert pixels(write(tmp_path / "b.tif", values), BandSettings(low=0, high=1))[0, :, 0].tolist() == [
        0, 128, 255, 0
    ]  # fmt: skip


def test_pixels_without_data_are_black_and_not_valid(tmp_path: Path) -> None:
    bands = deep(4, 4, 3)
    bands[:, :2] = 65_535
    bands[0, 3, 3] = 65_535  # in one band only
    path = write(tmp_path / "a.tif", bands, nodata=65_535)
    with open_scene(path) as scene:
        assert scene.valid(0, 0, 4, 4).tolist() == [[False] * 4] * 2 + [[True] * 4] * 2
        assert not scene.read(0, 0, 2, 4).any()
        assert scene.settings.high is not None
        assert scene.settings.high < 10_000


def test_other_images_are_decoded_whole(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    for name in ("a.png", "b.tif"):
        Image.fromarray(pixels).save(tmp_path / name)
        with open_scene(str(tmp_path / name)) as scene:
            assert (scene.by_windows, scene.place) == (False, {})
            assert (scene.read(1, 2, 3, 4) == pixels[1:4, 2:6]).all()
            assert scene.valid(0, 0, 5, 7).all()


def test_a_tiff_that_is_too_large_to_decode_or_has_more_bands_is_read_by_windows(tmp_path: Path) -> None:
    plain = {"crs": None, "transform": None}
    large = write(tmp_path / "a.tif", deep(bands=3).astype(np.uint8), **plain)
    five = write(tmp_path / "b.tif", deep(), **plain)
    with open_scene(large, limits=ImageLimits(max_pixels=100)) as scene:
        assert (scene.by_windows, scene.place) == (True, {})
    with open_scene(five) as scene:
        assert scene.by_windows
    with pytest.raises(ImageFault, match="90 x 60 pixels; the limit is 100"):
        pixels(large, limits=ImageLimits(max_pixels=100))


def test_a_missing_band_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", deep())
    with pytest.raises(ImageFault, match="band 6 does not exist: the file has 5"):
        pixels(path, BandSettings(bands=(6, 1, 2)))
    with pytest.raises(PupilaError, match="low=9, high=3; expected high above low"):
        pixels(path, BandSettings(low=9, high=3))


def test_damaged_files_are_image_faults(tmp_path: Path) -> None:
    path = Path(write(tmp_path / "a.tif", deep(bands=3)))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ImageFault), open_scene(str(path), BandSettings(low=0, high=9)) as scene:
        scene.read(0, 0, 60, 90)
    path.write_bytes(b"II*\0 and nothing else")
    with pytest.raises(ImageFault):
        pixels(str(path))
    with pytest.raises(ImageFault):
        pixels(b"")


def test_without_rasterio_only_what_needs_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = write(tmp_path / "a.tif", deep(bands=3).astype(np.uint8))
    plain = io.BytesIO()
    Image.new("RGB", (3, 2), (1, 2, 3)).save(plain, "TIFF")
    monkeypatch.setitem(sys.modules, "rasterio", None)
    assert pixels(plain.getvalue())[0, 0].tolist() == [1, 2, 3]
    for source, settings in ((placed, BandSettings()), (plain.getvalue(), BandSettings(low=1))):
        with pytest.raises(MissingExtra, match="pupila\\[geo\\]"), open_scene(source, settings):
            pass
        data = Path(source).read_bytes() if isinstance(source, str) else source
        with pytest.raises(ImageFault, match="pupila\\[geo\\]") as fault:
            read_image(data, settings)
        assert fault.value.code == "missing-extra"
