"""Georeferenced masks: GeoTIFF written strip by strip, and their regions as GeoJSON."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.core import files
from pupila.core.errors import MissingExtra
from pupila.core.json_text import dump_json
from pupila.core.messages import say
from pupila.core.vocabulary import IGNORE
from pupila.imaging.geotiff.scene import Scene, open_raster

Array = NDArray[Any]
Geometry = dict[str, Any]  # GeoJSON's

_BLOCK = 512  # pixels along a side of a block of the file
_AT_ONCE = 1000  # polygons in memory
_LON_LAT, _EQUAL_AREA = "EPSG:4326", "EPSG:6933"
_DIGITS = 8  # of a degree: a millimetre


@contextlib.contextmanager
def open_mask_writer(
    path: str, scene: Scene, classes: list[str], colours: Array
) -> Iterator[Callable[[int, Array], None]]:
    """A function that writes strips of class indices into a GeoTIFF: `write(top, (h, W) uint8)`.

    The file has the scene's size and georeference, deflated blocks, IGNORE as no-data value, and the class names as its
    tags `CLASS_0`, ... It appears under its name only when it is complete.

    Args:
        path: of the file, on disk.
        scene: the image of the mask.
        classes: names in the order of their indices.
        colours: (256, 3) uint8, of every index.

    Raises:
        PupilaError: the file can't be written.
        MissingExtra: rasterio is not installed.
    """
    rasterio = _rasterio()
    profile = {
        "driver": "GTiff", "dtype": "uint8", "count": 1, "nodata": IGNORE, "compress": "deflate", "bigtiff": "if_safer",
        "height": scene.height, "width": scene.width, "tiled": True, "blockxsize": _BLOCK, "blockysize": _BLOCK,
    }  # fmt: skip
    with files.atomic_path(path) as part, open_raster(part, "w", **profile, **scene.place) as file:
        file.write_colormap(1, {index: (*rgb, 255) for index, rgb in enumerate(colours.tolist())})
        file.update_tags(**{f"CLASS_{index}": name for index, name in enumerate(classes)})

        def write(top: int, strip: Array) -> None:
            height, width = strip.shape
            file.write(strip, 1, window=rasterio.windows.Window(0, top, width, height))

        yield write


def write_geojson(mask: str, path: str, names: Mapping[int, str]) -> int:
    """The connected regions of a GeoTIFF of class indices as GeoJSON, a thousand in memory at a time.

    Each has its `class` and its `area_m2`, in the equal-area projection EPSG:6933; coordinates are longitude and
    latitude on WGS 84. Where the mask has no georeference, coordinates are those of its local system, or pixels from
    its upper left corner, as a member of the file notes, and areas are `area_pixels`.

    Args:
        mask: the GeoTIFF, as `open_mask_writer` writes it.
        path: of the GeoJSON, on disk.
        names: of the classes whose regions are written, by index.

    Returns:
        The number of regions.

    Raises:
        PupilaError: the file can't be written.
        MissingExtra: rasterio is not installed.

    Source: RFC 7946.
    """
    rasterio, count = _rasterio(), 0
    with (
        files.atomic_path(path) as part,
        open_raster(mask) as file,
        part.open("w", encoding="utf-8") as stream,
    ):
        crs = file.crs if file.crs and (file.crs.is_geographic or file.crs.is_projected) else None
        members = (
            {}
            if crs
            else {"coordinates": say("those of the file; without any, pixels to the right and down")}
        )
        stream.write(dump_json({"type": "FeatureCollection", **members})[:-1] + ', "features": [')
        band = rasterio.band(file, 1)
        # As its own mask the band keeps out class 0, whose outline would have all the other regions as holes.
        inside = None if 0 in names else band
        shapes = rasterio.features.shapes(
            band, inside, 8, file.transform if crs else rasterio.Affine.identity()
        )
        regions = ((shape, names[int(value)]) for shape, value in shapes if int(value) in names)
        while some := list(islice(regions, _AT_ONCE)):
            for feature in _features(some, crs, abs(file.transform.determinant)):
                stream.write(("," if count else "") + "\n" + dump_json(feature))
                count += 1
        stream.write("\n]}\n")
    return count


def _features(shapes: list[tuple[Geometry, str]], crs: Any, pixel: float) -> Iterator[Geometry]:
    rings = [[np.asarray(ring) for ring in shape["coordinates"]] for shape, _ in shapes]
    placed = [[np.round(ring, _DIGITS) for ring in own] for own in _reproject(rings, crs, _LON_LAT)]
    for (_, name), own, plane in zip(shapes, placed, _reproject(rings, crs, _EQUAL_AREA), strict=True):
        outer, *holes = (abs(_area(ring)) for ring in plane)
        area = outer - sum(holes)
        measure = {"area_m2": round(area, 2)} if crs else {"area_pixels": round(area / pixel)}
        # RFC 7946 wants the outer ring counterclockwise and its holes clockwise.
        turned = [
            ring[:: 1 if (_area(ring) > 0) == (place == 0) else -1].tolist() for place, ring in enumerate(own)
        ]
        geometry = {"type": "Polygon", "coordinates": turned}
        yield {"type": "Feature", "properties": {"class": name, **measure}, "geometry": geometry}


def _reproject(shapes: list[list[Array]], crs: Any, to: str) -> list[list[Array]]:
    """The rings of many shapes in another coordinate system, all at once; unchanged without a coordinate system."""
    if not crs:
        return shapes
    rings = [ring for shape in shapes for ring in shape]
    x, y = np.concatenate(rings).T
    moved = np.stack(_rasterio().warp.transform(crs, to, x, y), axis=1)
    parts = iter(np.split(moved, np.cumsum([len(ring) for ring in rings])[:-1]))
    return [list(islice(parts, len(shape))) for shape in shapes]


def _area(ring: Array) -> float:
    """The signed area of a closed ring: above 0 counterclockwise, below 0 clockwise."""
    x, y = (ring - ring[0]).T
    return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum() / 2)


def _rasterio() -> Any:
    try:
        import rasterio
        import rasterio.features
        import rasterio.warp
    except ImportError:
        raise MissingExtra("geo", "rasterio") from None
    return rasterio
