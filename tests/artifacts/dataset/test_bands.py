"""Data sets of GeoTIFFs: bands, black and white are decided once, stored in the manifest, and used by every reader."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pupila
from pupila.artifacts.dataset import bands as bands_module
from pupila.artifacts.dataset.splits import SplitFile
from pupila.cli.run import run
from pupila.core.errors import PupilaError
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.bands import BandSettings
from tests.bands import BLACK, RGB, STEP, write_banded
from tests.imaging.geotiff.test_scene import deep, write
from tests.pictures import scene, write_classes, write_photo


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_banded(tmp_path / "data", 8)


def test_what_is_left_open_is_decided_once_over_all_files(data: Path) -> None:
    opened = pupila.open(data, bands=list(RGB))
    assert opened.bands is not None and opened.task is not None
    assert (opened.task.name, len(opened), opened.bands.bands) == ("segment", 8, RGB)
    levels = np.stack([scene(number)[0] for number in range(8)])
    expected = BLACK + STEP * np.percentile(levels, (2, 98))
    assert (opened.bands.low, opened.bands.high) == pytest.approx(tuple(expected))
    assert set(opened.images.select("bands", "mode", "format").rows()) == {(5, "uint16", "TIFF")}
    assert opened.class_counts() == {"background": 8, "foreground": 8}
    assert (opened.mask(3) == scene(3)[1]).all()


def test_chosen_values_give_the_very_picture_to_every_reader(data: Path) -> None:
    opened = pupila.open(data, bands=list(RGB), low=BLACK, high=BLACK + 255 * STEP)
    shown = scene(2)[0]
    assert (opened.pixels(2) == shown).all()
    assert opened.images["brightness"][2] == pytest.approx(shown.mean(), abs=8)
    other = pupila.open(data, bands=[1, 1, 5], low=BLACK, high=BLACK + 255 * STEP)
    assert other.images["brightness"][2] == 255
    assert other.hash != opened.hash


def test_the_choice_is_kept_in_the_manifest_and_used_from_there(data: Path, tmp_path: Path) -> None:
    first = pupila.open(data, bands=list(RGB))
    split = pupila.split(first)
    write(data / "images/008.tif", deep(72, 96) * 5)  # brighter than all before, which no longer counts
    (data / "masks/008.tif").write_bytes((data / "masks/000.tif").read_bytes())
    assert pupila.open(data).bands == first.bands
    (data / "images/008.tif").unlink()
    (data / "masks/008.tif").unlink()
    assert pupila.open(data).hash == split.data_hash == first.hash
    assert pupila.open(data, low=0, high=9_000).bands == BandSettings(low=0, high=9_000)
    pupila.split(first, out=tmp_path / "elsewhere")
    again = pupila.open(tmp_path / "elsewhere")
    assert (again.bands, again.hash) == (first.bands, first.hash)


def test_commands_take_the_choice_and_later_ones_know_it(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["split", str(data), "--bands=[4,3,2]"]) == 0
    splits = SplitFile.read(str(data))
    assert splits is not None
    assert run(["explore", str(data)]) == 0
    assert "Mask overlays" in (data / "explore.html").read_text()
    assert pupila.open(data).hash == splits.data_hash
    assert run(["split", str(data), "--bands=[1,2,3]"]) == 2
    assert "A different split already exists" in capsys.readouterr().err
    assert run(["doctor", str(data), "--json"]) in (0, 1)
    assert not {"unreadable", "missing-extra"} & {
        fault["code"] for fault in json.loads(capsys.readouterr().out)
    }


def test_classes_in_folders_of_tiffs(tmp_path: Path) -> None:
    for number in range(6):
        name = "ab"[number % 2]
        (tmp_path / name).mkdir(exist_ok=True)
        write(tmp_path / name / f"{number}.tif", deep() // (1 + number % 2))
    opened = pupila.open(tmp_path)
    assert opened.classes == ["a", "b"]
    assert opened.bands is not None and opened.bands.bands is None
    assert opened.images["brightness"][0] > opened.images["brightness"][5] > 20


def test_eight_bits_stay_as_they_are_and_leave_nothing_to_decide(tmp_path: Path) -> None:
    pixels = deep(bands=3).astype(np.uint8)
    write(tmp_path / "a.tif", pixels)
    opened = pupila.open(tmp_path)
    assert opened.bands is None
    assert (opened.pixels(0) == pixels.transpose(1, 2, 0)).all()
    turned = pupila.open(tmp_path, bands=[3, 2, 1])
    assert (turned.pixels(0) == pixels[::-1].transpose(1, 2, 0)).all()
    with pytest.raises(PupilaError, match="have no effect: found files with 8 bits only"):
        pupila.open(tmp_path, low=10)


def test_eight_bits_beside_sixteen_stay_as_they_are(tmp_path: Path) -> None:
    pixels = deep(bands=3).astype(np.uint8)
    write(tmp_path / "a.tif", pixels)
    write(tmp_path / "b.tif", deep())
    opened = pupila.open(tmp_path)
    assert opened.bands is not None and opened.bands.high is not None and opened.bands.high > 9_000
    assert (opened.pixels(0) == pixels.transpose(1, 2, 0)).all()


def test_ordinary_pictures_need_no_choice_and_no_rasterio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rasterio", None)
    write_photo(tmp_path / "a.tif", 1)
    write_photo(tmp_path / "b.png", 2)
    Image.fromarray(np.arange(4096, dtype=np.uint16).reshape(64, 64) * 16).save(tmp_path / "c.tif")
    opened = pupila.open(tmp_path)
    assert (len(opened), opened.bands) == (3, None)
    assert opened.pixels(2)[-1, -1].tolist() == [255] * 3


def test_without_rasterio_the_rest_is_read_and_the_extra_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_classes(tmp_path, {"a": 3, "b": 3})
    write(tmp_path / "a/scene.tif", deep())
    monkeypatch.setitem(sys.modules, "rasterio", None)
    for opened in (pupila.open(tmp_path), pupila.open(tmp_path, bands=(1, 2, 3))):
        assert len(opened) == 6
        ((subject, code, reason),) = opened.skipped.rows()
        assert (subject, code) == ("a/scene.tif", "missing-extra")
        assert "pip install 'pupila[geo]'" in reason
    assert pupila.doctor(opened)[0].code
    monkeypatch.undo()
    assert len(pupila.open(tmp_path)) == 7


def test_settings_without_effect_are_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match="band 6 does not exist: the file has 5"):
        pupila.open(data, bands=[6, 1, 2])
    with pytest.raises(PupilaError, match="high above low"):
        pupila.open(data, low=9, high=3)
    write_photo(tmp_path / "plain/a.png", 1)
    with pytest.raises(PupilaError, match="TIFFs and 16-bit images only"):
        pupila.open(tmp_path / "plain", bands=[3, 2, 1])


@pytest.mark.parametrize(("kind", "no_data"), [("int16", -9_999), ("uint16", 65_535), ("float32", np.nan)])
def test_masks_have_no_label_where_they_have_no_data(data: Path, kind: str, no_data: float) -> None:
    mask = scene(0)[1].astype(kind)
    mask[:9] = no_data
    write(data / "masks/000.tif", mask[None], nodata=no_data)
    opened = pupila.open(data)
    assert opened.classes == ["background", "foreground"]
    assert (opened.mask(0)[:9] == IGNORE).all()
    assert (opened.mask(0)[9:] == scene(0)[1][9:]).all()


@pytest.mark.parametrize("high", [100, 255])
@pytest.mark.parametrize(("kind", "no_data"), [("int16", -9_999), ("float32", np.nan)])
def test_no_data_beside_levels_as_high_as_255_are_no_class(
    data: Path, high: int, kind: str, no_data: float
) -> None:
    for number in range(8):
        mask = high * scene(number)[1].astype(kind)
        mask[:9] = no_data
        write(data / f"masks/{number:03d}.tif", mask[None], nodata=no_data)
    opened = pupila.open(data)
    assert opened.classes == ["background", "foreground"]
    assert (opened.mask(0)[:9] == IGNORE).all()
    assert (opened.mask(0)[9:] == scene(0)[1][9:]).all()
    assert opened.images["pixels"][0].sum() == scene(0)[1][9:].size
    assert opened.images["mask_unknown"].to_list() == [0] * 8
    faults = {fault.code: fault.count for fault in pupila.doctor(opened)}
    assert faults["unlabelled-pixels"] == 8
    assert not {"soft-mask", "unknown-mask-values", "mask-value-mismatch", "full-mask"} & set(faults)


def test_files_are_asked_once_while_they_stay_the_same(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = pupila.open(data)
    monkeypatch.setattr(bands_module, "resolve_bands", None)
    assert pupila.open(data).bands == first.bands


def test_a_damaged_file_is_skipped_and_decides_nothing(data: Path) -> None:
    whole = pupila.open(data)
    for name, content in (
        ("a", b"II*\0 and nothing else"),
        ("b", (data / "images/000.tif").read_bytes()[:900]),
    ):
        (data / f"images/{name}.tif").write_bytes(content)
        write(data / f"masks/{name}.tif", scene(0)[1][None])
    opened = pupila.open(data)
    assert (len(opened), opened.bands) == (8, whole.bands)
    assert {"images/a.tif", "images/b.tif"} <= set(opened.skipped["subject"])
