"""What we write, as the software of others reads it: outlines and masks come back pixel for pixel.

OpenCV, supervision and Ultralytics are no dependencies of ours (Ultralytics is under the AGPL, and is only called). To
run these tests:

    uv run --with opencv-python-headless --with supervision --with ultralytics pytest \
        tests/stages/convert/test_other_software.py
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.imaging.contours import fill_outlines
from tests.pictures import write_photo

NUCLEI = 24  # images
TRAINED = 0.999  # least mean IoU of what Ultralytics trains on: it puts 1,000 points on each outline

pytestmark = pytest.mark.filterwarnings("ignore")


def library(name: str) -> Any:
    return pytest.importorskip(name, reason="software of others, see the docstring of this file")


@pytest.fixture
def ultralytics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The library, with its settings in a folder of the test's own."""
    (tmp_path / "settings").mkdir()
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(tmp_path / "settings"))
    monkeypatch.setenv("YOLO_OFFLINE", "true")
    library("cv2")
    return library("ultralytics")


def drawn_masks() -> Iterator[Any]:
    """(24, 32) bool: lines, single pixels, holes in holes, corners, touching objects, edges of the image."""
    mask = np.zeros((24, 32), bool)
    mask[3, 2:20], mask[5:20, 4], mask[10, 30] = True, True, True
    yield mask
    yield np.eye(24, 32, dtype=bool) | np.fliplr(np.eye(24, 32, dtype=bool))
    rings = np.zeros((24, 32), bool)
    for inset in range(0, 12, 2):
        rings[inset : 24 - inset, inset : 32 - inset] = inset % 4 == 0
    yield rings
    yield np.ones((24, 32), bool)
    yield np.indices((24, 32)).sum(axis=0) % 2 == 0
    blocks = np.kron(np.random.default_rng(1).random((8, 8)) < 0.6, np.ones((3, 4), bool))
    yield blocks
    yield np.random.default_rng(2).random((24, 32)) < 0.5


def write_drawn(folder: Path) -> Dataset:
    """A data set of the drawn masks, with two classes that touch."""
    (folder / "masks").mkdir(parents=True)
    for number, mask in enumerate(drawn_masks()):
        write_photo(folder / f"images/{number}.jpg", number, 32, 24)
        classes = mask.astype(np.uint8) + (mask & (np.arange(32) > 15))
        Image.fromarray(classes.astype(np.uint8)).save(folder / f"masks/{number}.png")
    (folder / "classes.json").write_text('{"0": "background", "1": "road", "2": "water"}')
    return pupila.open(folder)


def nuclei(real_data: Callable[[str], Path], folder: Path) -> Dataset:
    """Some of the real masks that the outlines were measured on: small objects, many of which touch."""
    source = real_data("dsb2018_nuclei")
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    (folder / "classes.json").write_bytes((source / "classes.json").read_bytes())
    every = sorted((source / "masks").iterdir())
    for mask in every[:: len(every) // NUCLEI][:NUCLEI]:
        (folder / "masks" / mask.name).write_bytes(mask.read_bytes())
        (image,) = (source / "images").glob(f"{mask.stem}.*")
        (folder / "images" / image.name).write_bytes(image.read_bytes())
    return pupila.open(folder)


@pytest.fixture(params=["drawn", "nuclei"])
def data(request: pytest.FixtureRequest, real_data: Callable[[str], Path], tmp_path: Path) -> Dataset:
    folder = tmp_path / "data"
    return write_drawn(folder) if request.param == "drawn" else nuclei(real_data, folder)


def masks_by_stem(data: Dataset) -> dict[str, Any]:
    return {Path(image).stem: data.mask(row) for row, image in enumerate(data.images["image"])}


def read_rings(path: Path) -> list[tuple[int, Any]]:
    """The class and the relative points of each line of a YOLO file."""
    lines = (line.split() for line in path.read_text().splitlines())
    return [(int(first), np.array(rest, np.float64).reshape(-1, 2)) for first, *rest in lines]


def test_coco_gives_pycocotools_the_same_masks(tmp_path: Path) -> None:
    data = write_drawn(tmp_path / "data")
    pupila.convert(data, to="coco", out=tmp_path / "out")
    coco, expected = COCO(tmp_path / "out/annotations/instances_all.json"), masks_by_stem(data)
    for image in coco.loadImgs(coco.getImgIds()):
        mask = np.zeros((image["height"], image["width"]), np.uint8)
        for annotation in coco.loadAnns(coco.getAnnIds(image["id"])):
            mask[coco.annToMask(annotation) > 0] = annotation["category_id"]
        assert np.array_equal(mask, expected[Path(image["file_name"]).stem])


@pytest.mark.slow
@pytest.mark.parametrize("points", ["cut-64", "cut-32", "rounded"])
def test_opencv_fills_yolo_outlines_to_the_same_masks(data: Dataset, tmp_path: Path, points: str) -> None:
    cv2 = library("cv2")
    pupila.convert(data, to="yolo", out=tmp_path / "out")
    for stem, expected in masks_by_stem(data).items():
        mask = np.zeros_like(expected)
        for number, ring in read_rings(tmp_path / f"out/labels/{stem}.txt"):
            exact = np.float32 if points == "cut-32" else np.float64
            pixels = ring.astype(exact) * np.array(mask.shape[::-1], exact)
            whole = (np.rint(pixels) if points == "rounded" else pixels).astype(np.int32)
            cv2.fillPoly(mask, [whole], number + 1)
        assert np.array_equal(mask, expected)


@pytest.mark.slow
def test_opencv_fills_whole_numbers_as_we_do() -> None:
    cv2, draw = library("cv2"), np.random.default_rng(3)
    for _ in range(2000):
        height, width, corners = draw.integers(5, 60, 3)
        ring = np.stack([draw.integers(0, width, corners), draw.integers(0, height, corners)], axis=1)
        theirs = cv2.fillPoly(np.zeros((height, width), np.uint8), [ring.astype(np.int32)], 1)
        assert np.array_equal(fill_outlines([(ring, [])], height, width), theirs > 0)


@pytest.mark.slow
def test_supervision_reads_yolo_as_the_same_masks(data: Dataset, tmp_path: Path) -> None:
    sv = library("supervision")
    pupila.convert(data, to="yolo", out=tmp_path / "out")
    out = tmp_path / "out"
    read = sv.DetectionDataset.from_yolo(
        f"{out}/images", f"{out}/labels", f"{out}/data.yaml", force_masks=True
    )
    expected, checked = masks_by_stem(data), 0
    assert [name.lower() for name in read.classes] == data.classes[1:]
    for path, _, detections in read:
        mask = np.zeros_like(expected[Path(path).stem])
        for region, number in zip(detections.mask, detections.class_id, strict=True):
            mask[region] = number + 1
        assert np.array_equal(mask, expected[Path(path).stem])
        checked += 1
    assert checked == len(data)


@pytest.mark.slow
def test_ultralytics_draws_yolo_outlines_as_the_same_masks(
    data: Dataset, tmp_path: Path, ultralytics: Any
) -> None:
    polygon2mask = library("ultralytics.data.utils").polygon2mask
    pupila.convert(data, to="yolo", out=tmp_path / "out")
    for stem, expected in masks_by_stem(data).items():
        mask = np.zeros_like(expected)
        for number, ring in read_rings(tmp_path / f"out/labels/{stem}.txt"):
            points = (ring * mask.shape[::-1]).astype(np.float32)
            mask[polygon2mask(mask.shape, [points.ravel()]) > 0] = number + 1
        assert np.array_equal(mask, expected)


@pytest.mark.slow
def test_ultralytics_trains_on_the_masks(
    real_data: Callable[[str], Path], tmp_path: Path, ultralytics: Any
) -> None:
    read, describe = library("ultralytics.data.dataset"), library("ultralytics.data.utils")
    options = library("ultralytics.cfg").get_cfg(overrides={"mask_ratio": 1, "overlap_mask": True})
    data = nuclei(real_data, tmp_path / "data")
    pupila.convert(data, to="yolo", out=tmp_path / "out")
    described = describe.check_det_dataset(str(tmp_path / "out/data.yaml"), autodownload=False)
    assert described["train"] == described["val"] == str(tmp_path / "out/images")
    expected, overlaps = masks_by_stem(data), []
    for stem, mask in expected.items():
        image = next((tmp_path / "out/images").glob(f"{stem}.*"))
        (tmp_path / "list.txt").write_text(f"{image}\n")
        (item,) = read.YOLODataset(
            str(tmp_path / "list.txt"), data=described, task="segment", imgsz=max(mask.shape), augment=False,
            hyp=options,
        )  # fmt: skip
        theirs = np.asarray(item["masks"])[0] > 0
        top, left = ((full - part) // 2 for full, part in zip(theirs.shape, mask.shape, strict=True))
        theirs = theirs[top : top + mask.shape[0], left : left + mask.shape[1]]
        overlaps.append((theirs & (mask == 1)).sum() / (theirs | (mask == 1)).sum())
    assert np.mean(overlaps) > TRAINED


@pytest.mark.slow
def test_opencv_and_pillow_read_the_same_class_indices(tmp_path: Path) -> None:
    cv2 = library("cv2")
    data = write_drawn(tmp_path / "data")
    pupila.convert(data, to="masks", out=tmp_path / "grey")
    pupila.convert(data, to="masks", out=tmp_path / "colours", palette=True)
    for stem, expected in masks_by_stem(data).items():
        path = tmp_path / f"grey/masks/{stem}.png"
        for flag in (cv2.IMREAD_UNCHANGED, cv2.IMREAD_GRAYSCALE):
            assert np.array_equal(cv2.imread(str(path), flag), expected)
        assert np.array_equal(np.asarray(Image.open(path)), expected)
        coloured = tmp_path / f"colours/masks/{stem}.png"
        assert np.array_equal(np.asarray(Image.open(coloured)), expected)
        assert cv2.imread(str(coloured), cv2.IMREAD_UNCHANGED).ndim == 3  # why it is no default


@pytest.mark.slow
def test_supervisely_cuts_whole_holes_as_we_do() -> None:
    """Its polygons are OpenCV's: a ring that is filled, and rings that are cleared with their borders."""
    cv2, draw = library("cv2"), np.random.default_rng(4)
    for _ in range(200):
        outer, hole = (np.stack([draw.integers(0, 40, 6), draw.integers(0, 30, 6)], axis=1) for _ in range(2))
        theirs = cv2.fillPoly(np.zeros((30, 40), np.uint8), [outer.astype(np.int32)], 1)
        cv2.fillPoly(theirs, [hole.astype(np.int32)], 0)
        assert np.array_equal(fill_outlines([(outer, [hole])], 30, 40), theirs > 0)
