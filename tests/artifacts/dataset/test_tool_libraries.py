"""Files that the tools' own libraries write and draw: our masks are theirs, pixel for pixel.

The libraries are no dependencies of ours: some need old wheels, and one a whole user interface. To run these tests:

    uv run --with labelme --with label-studio-sdk --with datumaro pytest tests/artifacts/dataset/test_tool_libraries.py

and, as supervisely asks for a version of SimpleITK without wheels,

    echo 'simpleitk>=2.3' > /tmp/override.txt
    UV_OVERRIDE=/tmp/override.txt uv run --with supervisely pytest tests/artifacts/dataset/test_tool_libraries.py

Outlines of whole numbers are drawn as OpenCV does, and equal Supervisely's. Where rasterisers draw fractions in other
ways (Pillow paints the pixels that a border touches, pycocotools those whose middle lies inside), the masks differ in
pixels of the border alone.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_erosion

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.imaging.masks import brush
from tests.pictures import write_photo

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

HEIGHT, WIDTH = 40, 56
IMAGES = 12  # of each data set
# The least IoU of shapes that are 8 and more pixels across:
EQUAL = 1.0
TIES = 0.96  # of polygons of pycocotools, which we draw in a smaller frame: its arithmetic rounds ties in another way
BORDER = 0.7  # of rasterisers that paint the pixels of the border
Array = NDArray[Any]
Points = list[list[float]]


def library(name: str) -> Any:
    return pytest.importorskip(name, reason="a tool's own library, see the docstring of this file")


def draw_points(draw: np.random.Generator, whole: bool = False) -> Points:
    """The corners of a star-shaped polygon inside the image."""
    middle = draw.uniform(14, WIDTH - 14), draw.uniform(12, HEIGHT - 12)
    turns = (np.arange(7) + draw.uniform(0, 0.5, 7)) * 2 * np.pi / 7
    reach = draw.uniform(7, 11, 7)
    points = np.stack([np.cos(turns) * reach, np.sin(turns) * reach], axis=1) + middle
    return [[float(x), float(y)] for x, y in np.round(points, 0 if whole else 2)]


def draw_block(draw: np.random.Generator) -> tuple[int, int, int, int]:
    """left, top, right, bottom of a rectangle inside the image, the last ones outside."""
    left, top = int(draw.integers(1, WIDTH - 20)), int(draw.integers(1, HEIGHT - 20))
    return left, top, left + int(draw.integers(8, 18)), top + int(draw.integers(8, 18))


def draw_mask(draw: np.random.Generator) -> Array:
    """(HEIGHT, WIDTH) bool: a block with a hole."""
    left, top, right, bottom = draw_block(draw)
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top:bottom, left:right] = True
    mask[top + 2 : top + 4, left + 2 : right - 2] = False
    return mask


def compare(ours: Array, theirs: Array, least: float) -> None:
    """Whether two masks overlap by the least IoU, and differ at their borders alone; 1: whether they are equal."""
    around = np.ones((3, 3), bool)
    for value in np.unique(theirs):
        mask, other = ours == value, theirs == value
        border = binary_dilation(mask, around) & ~binary_erosion(mask, around)
        overlap = (mask & other).sum() / (mask | other).sum()
        assert overlap >= least, f"IoU {overlap:.3f}, {int((mask != other).sum())} pixels differ"
        assert not ((mask != other) & ~border).any()


def mask_of(data: Dataset, name: str) -> Array:
    """The class indices of the mask of an image."""
    return data.mask([Path(image).name for image in data.images["image"]].index(name))


# shape -> least IoU with labelme's own drawing
LABELME = {
    "polygon": BORDER,
    "rectangle": BORDER,
    "circle": BORDER,
    "oriented_rectangle": BORDER,
    "mask": EQUAL,
}


@pytest.mark.parametrize("kind", LABELME)
def test_labelme_draws_the_same(tmp_path: Path, kind: str) -> None:
    library("labelme")
    label_file = pytest.importorskip("labelme._label_file")
    utils = pytest.importorskip("labelme.utils")
    draw = np.random.default_rng(7)
    for number in range(IMAGES):
        write_photo(tmp_path / f"{number}.jpg", number, WIDTH, HEIGHT)
        left, top, right, bottom = draw_block(draw)
        places: dict[str, Points] = {
            "polygon": draw_points(draw),
            "circle": [[28.0, 20.0], [28.0 + draw.uniform(5, 12), 22.0]],
            "oriented_rectangle": [[20.0, 8.0], [34.0, 15.0], [29.0, 27.0], [15.0, 20.0]],
        }
        points = places.get(kind, [[left, top], [right, bottom]])
        shape: dict[str, Any] = {"label": "road", "points": points, "shape_type": kind, "flags": {},
                                 "group_id": None, "description": ""}  # fmt: skip
        if kind == "mask":
            shape["mask"] = utils.img_arr_to_b64(
                draw.integers(0, 2, (bottom - top + 1, right - left + 1), np.uint8)
            )
        content: dict[str, Any] = {"version": "5.5.0", "flags": {}, "shapes": [shape], "imagePath": f"{number}.jpg",
                   "imageData": None, "imageHeight": HEIGHT, "imageWidth": WIDTH}  # fmt: skip
        (tmp_path / f"{number}.json").write_text(json.dumps(content))
    data = pupila.open(tmp_path, task="segment")
    for number in range(IMAGES):
        shapes = label_file.read_label_file(str(tmp_path / f"{number}.json")).shapes
        theirs, _ = utils.shapes_to_label((HEIGHT, WIDTH), shapes, {"road": 1})
        compare(mask_of(data, f"{number}.jpg") == 1, theirs == 1, LABELME[kind])


@settings(max_examples=40, deadline=None)
@given(arrays(bool, (9, 13)))
def test_label_studios_brush_is_read_and_written_alike(mask: Array) -> None:
    sdk = library("label_studio_sdk.converter.brush")
    theirs = sdk.mask2rle(mask.astype(np.uint8) * 255)
    assert np.array_equal(brush.decode(theirs, *mask.shape), mask)
    ours = sdk.decode_rle(brush.encode(mask)).reshape(*mask.shape, 4)[..., 3] > 0
    assert np.array_equal(ours, mask)


def test_label_studio_turns_rectangles_alike(tmp_path: Path) -> None:
    sdk = library("label_studio_sdk.converter.utils")
    masks = pytest.importorskip("pycocotools.mask")
    draw = np.random.default_rng(8)
    tasks, rings = [], []
    for number in range(IMAGES):
        write_photo(tmp_path / f"{number}.jpg", number, WIDTH, HEIGHT)
        sizes = {"x": 40.0, "y": 35.0, "width": draw.uniform(15, 30), "height": draw.uniform(15, 30)}
        value = {**sizes, "rotation": draw.uniform(0, 360), "rectanglelabels": ["road"]}
        whole = {"original_width": WIDTH, "original_height": HEIGHT}
        rings.append(sdk.convert_annotation_to_yolo_obb({**value, **whole}, normalize=False))
        result = {"type": "rectanglelabels", "from_name": "l", "to_name": "image", "value": value, **whole}
        tasks.append(
            {"id": number, "data": {"image": f"{number}.jpg"}, "annotations": [{"result": [result]}]}
        )
    (tmp_path / "export.json").write_text(json.dumps(tasks))
    data = pupila.open(tmp_path, task="segment")
    for number, ring in enumerate(rings):
        flat = [float(each) for point in ring for each in point]
        theirs = masks.decode(masks.merge(masks.frPyObjects([flat], HEIGHT, WIDTH))) > 0
        compare(mask_of(data, f"{number}.jpg") == 1, theirs, TIES)


# shape -> least IoU with supervisely's own drawing
SUPERVISELY = {"polygon": EQUAL, "rectangle": EQUAL, "bitmap": EQUAL}


@pytest.mark.parametrize("kind", SUPERVISELY)
def test_supervisely_draws_the_same(tmp_path: Path, kind: str) -> None:
    sly = library("supervisely")
    shapes = {"polygon": sly.Polygon, "rectangle": sly.Rectangle, "bitmap": sly.Bitmap}
    road = sly.ObjClass("road", shapes[kind])
    draw, drawn = np.random.default_rng(9), []
    for number in range(IMAGES):
        (tmp_path / "ds/img").mkdir(parents=True, exist_ok=True)
        (tmp_path / "ds/ann").mkdir(parents=True, exist_ok=True)
        write_photo(tmp_path / f"ds/img/{number}.jpg", number, WIDTH, HEIGHT)
        left, top, right, bottom = draw_block(draw)
        corners = [[int(y), int(x)] for x, y in draw_points(draw, whole=True)]
        if kind == "polygon":
            hole = [[19, 26], [22, 26], [22, 29], [19, 29]]
            geometry = sly.Polygon([sly.PointLocation(*each) for each in corners],
                                   [[sly.PointLocation(*each) for each in hole]])  # fmt: skip
        elif kind == "rectangle":
            geometry = sly.Rectangle(top, left, bottom, right)
        else:
            geometry = sly.Bitmap(draw_mask(draw))
        annotation = sly.Annotation((HEIGHT, WIDTH), [sly.Label(geometry, road)])
        (tmp_path / f"ds/ann/{number}.jpg.json").write_text(json.dumps(annotation.to_json()))
        canvas = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        annotation.draw_class_idx_rgb(canvas, {"road": 1})
        drawn.append(canvas[..., 0] == 1)
    meta = sly.ProjectMeta([road]).to_json()
    (tmp_path / "meta.json").write_text(json.dumps(meta))
    data = pupila.open(tmp_path, task="segment")
    for number, theirs in enumerate(drawn):
        compare(mask_of(data, f"{number}.jpg") == 1, theirs, SUPERVISELY[kind])


NAMES = ["background", "road", "water"]


def _write_with_datumaro(folder: Path, format: str, kind: str) -> list[Array]:
    """The class indices of each image, after its data set was exported in the format.

    Args:
        folder: that is written.
        format: a name of datumaro's.
        kind: "polygon", "mask" or "box".
    """
    dm = library("datumaro")
    rasters = pytest.importorskip("pycocotools.mask")
    draw, items, expected = np.random.default_rng(11), [], []
    for number in range(IMAGES):
        shapes, mask = [], np.zeros((HEIGHT, WIDTH), np.uint8)
        for label in (1, 2):
            place = {"label": label, "id": label, "group": label, "z_order": label}
            if kind == "polygon":
                points = [each for point in draw_points(draw) for each in point]
                shapes.append(dm.Polygon(points, **place))
                covered = rasters.decode(rasters.merge(rasters.frPyObjects([points], HEIGHT, WIDTH))) > 0
            elif kind == "mask":
                shapes.append(dm.Mask(covered := draw_mask(draw), **place))
            else:
                covered = np.zeros((HEIGHT, WIDTH), bool)
                if label == 1 or number % 2:
                    left, top, right, bottom = draw_block(draw)
                    shapes.append(dm.Bbox(left, top, right - left, bottom - top, **place))
                    covered[top:bottom, left:right] = True
            mask[covered] = label
        slope = np.linspace(0, 90, WIDTH)[None, :, None]
        photo = np.asarray(draw.normal(70, 5, (HEIGHT, WIDTH, 3)) + slope + number, np.uint8)
        media = dm.Image.from_numpy(data=photo, ext=".png")
        split = "train" if number < IMAGES // 2 else "val"
        items.append(dm.DatasetItem(id=f"im{number:02d}", subset=split, media=media, annotations=shapes))
        expected.append(mask)
    labels = dm.LabelCategories.from_iterable(NAMES)
    colours = dm.MaskCategories({0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0)})
    categories = {dm.AnnotationType.label: labels, dm.AnnotationType.mask: colours}
    dm.Dataset.from_iterable(items, categories=categories).export(str(folder), format, save_media=True)
    return expected


@pytest.mark.parametrize(
    ("format", "kind"),
    [
        ("coco_instances", "polygon"), ("coco_instances", "mask"), ("coco_panoptic", "mask"), ("cvat", "polygon"),
        ("cvat", "mask"), ("label_me", "polygon"), ("voc_segmentation", "mask"), ("voc", "mask"), ("camvid", "mask"),
    ],
)  # fmt: skip
def test_masks_that_datumaro_writes(tmp_path: Path, format: str, kind: str) -> None:
    expected = _write_with_datumaro(tmp_path / "d", format, kind)
    data = pupila.open(tmp_path / "d")
    classes = np.array([data.classes.index(name) for name in NAMES])
    assert len(data) == IMAGES
    assert data.skipped.filter(data.skipped["code"] != "other-file").is_empty()
    for number, mask in enumerate(expected):
        compare(mask_of(data, f"im{number:02d}.png"), classes[mask], EQUAL if kind == "mask" else TIES)
    assert set(data.images["given_split"]) == {"train", "validation"}


@pytest.mark.parametrize("format", ["coco_instances", "cvat", "voc_detection", "voc", "yolo"])
def test_boxes_that_datumaro_writes_are_labels(tmp_path: Path, format: str) -> None:
    expected = _write_with_datumaro(tmp_path / "d", format, "box")
    data = pupila.open(tmp_path / "d")
    assert "Boxes are not learned yet" in str(data)
    road, water = data.classes.index("road"), data.classes.index("water")
    for row, image in enumerate(data.images["image"]):
        number = int(Path(image).stem[2:])
        assert data.label_matrix[row, [road, water]].tolist() == [1, int((expected[number] == 2).any())]
