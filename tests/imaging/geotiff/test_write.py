"""Masks keep their place: what is written strip by strip is read by GIS tools, and polygons have their areas."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from pupila.core.errors import PupilaError
from pupila.core.vocabulary import IGNORE
from pupila.imaging.geotiff.scene import open_scene
from pupila.imaging.geotiff.write import open_mask_writer, write_geojson
from pupila.imaging.masks.label_map import class_colours
from tests.imaging.geotiff.test_scene import deep, grid, write

Array = NDArray[Any]
CLASSES = ["ground", "water", "roof"]


def mask() -> Array:
    """Ground, water with a hole that joins two blocks over a corner, a roof, and a row without data."""
    drawn = np.zeros((40, 50), np.uint8)
    drawn[5:15, 5:15] = 1
    drawn[8:10, 8:10] = 0
    drawn[15:20, 15:20] = 1
    drawn[30:34, 40:50] = 2
    drawn[39] = IGNORE
    return drawn


def written(folder: Path, **more: Any) -> str:
    source = write(folder / "scene.tif", deep(40, 50), **more)
    with (
        open_scene(source) as scene,
        open_mask_writer(str(folder / "mask.tif"), scene, CLASSES, class_colours(3)) as put,
    ):
        for top in range(0, 40, 7):
            put(top, mask()[top : top + 7])
    return str(folder / "mask.tif")


def test_a_mask_has_the_georeference_the_colours_and_the_names_of_its_scene(tmp_path: Path) -> None:
    with rasterio.open(written(tmp_path)) as file:
        assert (file.read(1) == mask()).all()
        assert (file.crs.to_epsg(), file.transform) == (32633, grid(500_000, 5_400_000, 0.5))
        assert (file.nodata, file.compression.value, file.dtypes) == (IGNORE, "DEFLATE", ("uint8",))
        assert file.block_shapes == [(512, 512)]
        assert file.colormap(1)[1] == (*class_colours(3)[1].tolist(), 255)
        assert file.tags()["CLASS_2"] == "roof"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mask.tif", "scene.tif"]


def test_regions_are_polygons_on_the_earth_with_their_area(tmp_path: Path) -> None:
    assert write_geojson(written(tmp_path), str(tmp_path / "a.geojson"), {1: "water", 2: "roof"}) == 2
    geojson = json.loads((tmp_path / "a.geojson").read_text())
    assert (geojson["type"], "coordinates" in geojson) == ("FeatureCollection", False)
    areas = {f["properties"]["class"]: f for f in geojson["features"]}
    # 100 - 4 + 25 pixels of 0.25 m2, and 40; the UTM grid is 0.04 % too small along each side here.
    assert areas["water"]["properties"]["area_m2"] == pytest.approx(121 * 0.25 / 0.9996**2, rel=1e-3)
    assert areas["roof"]["properties"]["area_m2"] == pytest.approx(40 * 0.25 / 0.9996**2, rel=1e-3)
    outer, hole = areas["water"]["geometry"]["coordinates"]
    assert outer[0] == outer[-1]
    assert turning(outer) > 0 > turning(hole)
    # Easting 500000 is the middle of zone 33: 15 degrees east; northing 5400000 is 48.75 north.
    assert np.allclose(np.min(outer, axis=0), (15.0000, 48.752), atol=5e-3)


def turning(ring: list[list[float]]) -> float:
    x, y = (np.array(ring) - ring[0]).T
    return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum())


def test_without_a_georeference_polygons_are_in_pixels(tmp_path: Path) -> None:
    write_geojson(written(tmp_path, crs=None, transform=None), str(tmp_path / "a.geojson"), {2: "roof"})
    geojson = json.loads((tmp_path / "a.geojson").read_text())
    assert "pixels" in geojson["coordinates"]
    (roof,) = geojson["features"]
    assert roof["properties"] == {"class": "roof", "area_pixels": 40}
    assert {tuple(point) for point in roof["geometry"]["coordinates"][0]} == {
        (40, 30),
        (50, 30),
        (50, 34),
        (40, 34),
    }


def test_a_local_coordinate_system_is_no_georeference(tmp_path: Path) -> None:
    plan = 'LOCAL_CS["a building site",UNIT["metre",1]]'
    write_geojson(written(tmp_path, crs=plan), str(tmp_path / "a.geojson"), {2: "roof"})
    geojson = json.loads((tmp_path / "a.geojson").read_text())
    (roof,) = geojson["features"]
    assert roof["properties"] == {"class": "roof", "area_pixels": 40}
    assert np.min(roof["geometry"]["coordinates"][0], axis=0).tolist() == [500_020, 5_399_983]


def test_the_background_is_outlined_on_request(tmp_path: Path) -> None:
    assert write_geojson(written(tmp_path), str(tmp_path / "a.geojson"), dict(enumerate(CLASSES))) == 4


def test_degrees_have_square_metres_too(tmp_path: Path) -> None:
    place = {"crs": "EPSG:4326", "transform": grid(10, 0, 1e-4)}
    write_geojson(written(tmp_path, **place), str(tmp_path / "a.geojson"), {2: "roof"})
    (roof,) = json.loads((tmp_path / "a.geojson").read_text())["features"]
    # At the equator 1e-4 degrees are 11.132 m from west to east and 11.057 m from south to north (WGS 84).
    assert roof["properties"]["area_m2"] == pytest.approx(40 * 11.132 * 11.057, rel=1e-3)


def test_no_regions_are_an_empty_collection(tmp_path: Path) -> None:
    assert write_geojson(written(tmp_path), str(tmp_path / "a.geojson"), {}) == 0
    assert json.loads((tmp_path / "a.geojson").read_text())["features"] == []


def test_half_a_mask_is_removed_and_a_bad_folder_is_refused(tmp_path: Path) -> None:
    source = write(tmp_path / "scene.tif", deep(40, 50))
    with (
        pytest.raises(KeyError),
        open_scene(source) as scene,
        open_mask_writer(str(tmp_path / "mask.tif"), scene, CLASSES, class_colours(3)) as put,
    ):
        put(0, mask()[:5])
        raise KeyError
    assert [p.name for p in tmp_path.iterdir()] == ["scene.tif"]
    with (
        pytest.raises(PupilaError, match="Can't write"),
        open_scene(source) as scene,
        open_mask_writer(f"{source}/mask.tif", scene, CLASSES, class_colours(3)),
    ):
        pass
