"""COCO's files as they come, with pycocotools as the oracle."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco_mask

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from tests.pictures import write_photo

HEIGHT, WIDTH = 24, 32
ROAD = [2.0, 2.0, 12.0, 2.0, 12.0, 12.0, 2.0, 12.0]
WATER = [20.0, 6.0, 30.0, 6.0, 30.0, 20.0, 20.0, 20.0]

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)  # of pycocotools


def coco(path: Path, names: list[str], objects: list[tuple[str, int, Any]], **changes: Any) -> None:
    """A COCO file of images that are written beside it, unless its folder is `annotations`.

    Args:
        path: of the file.
        names: of the images.
        objects: image, category id and segmentation.
        changes: of the keys of the file; None leaves one out.
    """
    place = path.parent.parent / "images" if path.parent.name == "annotations" else path.parent
    for name in names:
        write_photo(place / name, len(name), width=WIDTH, height=HEIGHT)
    images = [{"id": n, "file_name": name, "height": HEIGHT, "width": WIDTH} for n, name in enumerate(names)]
    annotations = [
        {"id": n, "image_id": names.index(name), "category_id": category, "segmentation": segmentation}
        for n, (name, category, segmentation) in enumerate(objects)
    ]
    content = {"images": images, "annotations": annotations,
               "categories": [{"id": 1, "name": "road"}, {"id": 2, "name": "water"}], **changes}  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


def filled(*rings: list[float]) -> NDArray[np.bool_]:
    """The pixels of the outlines as pycocotools draws them."""
    return np.asarray(
        coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(list(rings), HEIGHT, WIDTH))), bool
    )


def unlabelled(data: Dataset) -> list[str]:
    return data.images.filter(data.images["target"].is_null())["image"].to_list()


@pytest.mark.parametrize("changes", [{"annotations": None, "categories": None}, {"annotations": []}])
def test_images_of_a_file_without_annotations_are_unlabelled(tmp_path: Path, changes: dict[str, Any]) -> None:
    coco(tmp_path / "train/_annotations.coco.json", ["a.png", "b.png"], [("a.png", 1, [ROAD])])
    coco(tmp_path / "test/_annotations.coco.json", ["c.png", "d.png"], [], **changes)
    data = pupila.open(tmp_path)
    assert unlabelled(data) == ["test/c.png", "test/d.png"]
    assert data.images["given_split"].to_list() == ["test", "test", "train", "train"]
    assert "2 images are unlabelled: their files have no annotations." in str(data)
    assert not data.mask(3).any()  # an image of a file with annotations shows nothing


CORNER = st.tuples(st.integers(0, WIDTH - 6), st.integers(0, HEIGHT - 6))


@settings(max_examples=10, deadline=None)
@given(corners=st.lists(st.tuples(CORNER, st.integers(1, 2)), min_size=1, max_size=5))
def test_files_of_one_class_each_are_united(
    tmp_path_factory: pytest.TempPathFactory, corners: list[tuple[tuple[int, int], int]]
) -> None:
    folder = tmp_path_factory.mktemp("coco")
    rings = [([x, y, x + 5.0, y, x + 5.0, y + 5.0, x, y + 5.0], kind) for (x, y), kind in corners]
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    for kind, name in ((1, "road"), (2, "water")):
        some: list[list[float]] = [ring for ring, each in rings if each == kind]
        coco(folder / f"annotations/{name}.json", ["a.png"], [("a.png", kind, [ring]) for ring in some])
        if some:
            expected[filled(*some)] = kind
    data = pupila.open(folder)
    assert (data.mask(0) == expected).all()
    assert data.skipped["code"].to_list() in ([], ["duplicate-row"])
    if {kind for _, kind in rings} == {1, 2}:
        assert "annotations/road.json, annotations/water.json annotate the same images" in str(data)
        data.save(str(folder / "saved"))
        assert (pupila.open(folder / "saved").mask(0) == expected).all()


def test_files_of_the_same_classes_are_not_united(tmp_path: Path) -> None:
    coco(tmp_path / "a.json", ["a.png"], [("a.png", 1, [ROAD])])
    coco(tmp_path / "b.json", ["a.png"], [("a.png", 1, [WATER])])
    data = pupila.open(tmp_path)
    assert (data.mask(0) == filled(ROAD)).all()
    assert data.skipped.rows() == [("a.png", "duplicate-row", "b.json#0")]


def test_outlines_without_an_area_are_counted(tmp_path: Path) -> None:
    coco(tmp_path / "a.json", ["a.png"], [("a.png", 1, [ROAD, [3, 3, 9, 9]]), ("a.png", 2, [[4, 4]])])
    data = pupila.open(tmp_path)
    assert (data.mask(0) == filled(ROAD)).all()
    assert data.skipped.rows() == [
        ("a.png", "short-outline", "2 outlines have fewer than three points and are not drawn")
    ]


def test_an_object_of_a_box_that_no_outline_fills_is_no_background(tmp_path: Path) -> None:
    shapes = {"a.png": [[3, 3, 9, 9]], "b.png": [ROAD]}
    objects = [
        {"image_id": n, "category_id": 1, "segmentation": outline, "bbox": [3, 3, 6, 6]}
        for n, outline in enumerate([*shapes.values(), [ROAD]])
    ]
    objects[2]["image_id"] = 0
    coco(tmp_path / "a.json", list(shapes), [], annotations=objects)
    data = pupila.open(tmp_path)
    assert data.images["target"].to_list() == [None, "a.json#1"]
    assert "unreadable-mask" in data.skipped["code"].to_list()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"annotations": [1, None, "x"]}, r'Can\'t read "annotations" in .*a\.json: found 1'),
        ({"annotations": {"a": 1}}, r'Can\'t read "annotations" in'),
        ({"categories": ["road", "water"]}, r'Can\'t read "categories" in'),
        ({"categories": {"1": "road"}}, r'Can\'t read "categories" in'),
        ({"categories": [{"id": 1, "name": None}]}, "A category in .* has no name"),
        ({"categories": [{"id": 1, "name": ["x"]}]}, "A category in .* has no name"),
        ({"categories": [{"id": 1, "name": "x"}, {"id": 1.0, "name": "y"}]}, "id 1: x and y"),
        ({"images": [{"id": {"a": 0}, "file_name": "a.png"}]}, "None of the annotations"),
        ({"images": [{"id": False, "file_name": "a.png"}]}, "annotations of the images 0; images with the ids False"),
    ],
)  # fmt: skip
def test_a_file_whose_lists_do_not_fit_is_refused(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    coco(tmp_path / "a.json", ["a.png"], [("a.png", 1, [ROAD])], **changes)
    with pytest.raises(PupilaError, match=f"(?s){words}"):
        pupila.open(tmp_path)


@pytest.mark.parametrize("write", [str, float, int])
def test_ids_of_any_type_match(tmp_path: Path, write: Any) -> None:
    categories = [{"id": "1", "name": "road"}, {"id": 2.0, "name": "water"}]
    objects = [("a.png", write(1), [ROAD]), ("a.png", write(2), [WATER])]
    coco(tmp_path / "a.json", ["a.png"], objects, categories=categories)
    mask = pupila.open(tmp_path).mask(0)
    assert ((mask == 1) == filled(ROAD)).all()
    assert ((mask == 2) == filled(WATER)).all()


def test_a_category_that_the_file_lacks_is_named_by_its_id(tmp_path: Path) -> None:
    coco(tmp_path / "a.json", ["a.png", "b.png"], [("a.png", 7, [ROAD]), ("b.png", 1, [ROAD])])
    assert "its category 7 is not among the classes" in pupila.open(tmp_path).skipped["reason"][0]


def test_without_categories_the_classes_are_called_by_their_ids(tmp_path: Path) -> None:
    coco(tmp_path / "a.json", ["a.png"], [("a.png", 7, [ROAD]), ("a.png", 3, [WATER])], categories=None)
    data = pupila.open(tmp_path)
    assert data.classes == ["background", "7", "3"]
    assert "a.json has no categories: the classes are called by their ids." in str(data)


def test_captions_are_passed_over(tmp_path: Path) -> None:
    coco(tmp_path / "annotations/instances.json", ["a.png"], [("a.png", 1, [ROAD])])
    captions = [{"id": 1, "image_id": 0, "caption": "a road"}]
    coco(tmp_path / "annotations/captions.json", ["a.png"], [], annotations=captions, categories=None)
    assert (pupila.open(tmp_path).mask(0) == filled(ROAD)).all()


@pytest.mark.parametrize("folder", ["a", "."])
def test_panoptic_segments_are_drawn(tmp_path: Path, folder: str) -> None:
    road, water = filled(ROAD), filled(WATER)
    numbers = road * 300 + water * 70_000
    colours = np.stack([numbers % 256, numbers // 256 % 256, numbers // 65536], axis=-1).astype(np.uint8)
    (tmp_path / "json" / folder).mkdir(parents=True)
    Image.fromarray(colours).save(tmp_path / "json" / folder / "0.png")
    write_photo(tmp_path / "images/a.jpg", 1, width=WIDTH, height=HEIGHT)
    segments = [{"id": 300, "category_id": 1, "bbox": [0, 0, 1, 1]}, {"id": 70_000, "category_id": 2}]
    annotations = [{"image_id": 0, "file_name": "0.png", "segments_info": segments}]
    coco(tmp_path / "json/a.json", [], [], annotations=annotations, images=[{"id": 0, "file_name": "a.jpg"}])
    assert (pupila.open(tmp_path).mask(0) == road * 1 + water * 2).all()


def test_images_of_lvis_are_found_by_the_end_of_their_address(tmp_path: Path) -> None:
    images = [
        {
            "id": 0,
            "coco_url": "http://images.cocodataset.org/val2017/000.png",
            "height": HEIGHT,
            "width": WIDTH,
        }
    ]
    write_photo(tmp_path / "val2017/000.png", 1, width=WIDTH, height=HEIGHT)
    write_photo(tmp_path / "train2017/000.png", 2, width=WIDTH, height=HEIGHT)
    annotations = [{"id": 1, "image_id": 0, "category_id": 1, "segmentation": [ROAD]}]
    coco(tmp_path / "lvis.json", [], [], images=images, annotations=annotations)
    data = pupila.open(tmp_path)
    assert data.images["image"].to_list() == ["val2017/000.png"]
    assert (data.mask(0) == filled(ROAD)).all()


@pytest.mark.parametrize("orientation", [6, 8])
@pytest.mark.parametrize("on_upright", [True, False])
def test_sizes_as_the_camera_stored_the_photo(tmp_path: Path, on_upright: bool, orientation: int) -> None:
    shown: list[float] = (
        [4, 3, 20, 3, 20, 30, 4, 30] if on_upright else [3, 4, 30, 4, 30, 20, 3, 20]
    )  # of 24 x 32
    inner: list[float] = [2, 2, 9, 2, 9, 5, 2, 5]
    coco(tmp_path / "a.json", ["a.jpg", "bb.jpg"], [("a.jpg", 1, [shown]), ("bb.jpg", 1, [inner])])
    for name in ("a.jpg", "bb.jpg"):
        photo = Image.open(tmp_path / name)
        exif = Image.Exif()
        exif[0x0112] = orientation
        photo.save(tmp_path / name, exif=exif)
    data = pupila.open(tmp_path)
    for number, ring in enumerate((shown, inner)):
        size = (WIDTH, HEIGHT) if on_upright else (HEIGHT, WIDTH)
        expected = np.asarray(coco_mask.decode(coco_mask.frPyObjects([ring], *size))[..., 0])
        if not on_upright:
            expected = np.rot90(expected, 3 if orientation == 6 else 1)
        assert (data.mask(number) == expected).all()
    assert ("are drawn upright" in str(data)) is on_upright
    assert ("turned with them" in str(data)) is not on_upright


def test_images_in_the_files_of_several_splits_are_counted(tmp_path: Path) -> None:
    coco(tmp_path / "annotations/instances_train.json", ["a.png", "b.png"], [("a.png", 1, [ROAD])])
    coco(tmp_path / "annotations/instances_val.json", ["b.png", "c.png"], [("b.png", 1, [ROAD])])
    data = pupila.open(tmp_path)
    assert data.images["given_split"].to_list() == ["train", "train", "validation"]
    assert data.doubt == "1 image is listed in several splits (train, validation), of which the first counts."
    assert data.doubt in str(data)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            '{"images":[{"id":1,"file_name":"a.png"',
            "a.json looks like annotations, but can't be read: Expecting",
        ),
        ('{"images":' + "[" * 100_000, "a.json looks like annotations, but can't be read: "),
        ('{"images": ["a.png"], "annotations": [7]}', "a.json: annotations of no form that Pupila reads."),
    ],
)
def test_annotations_that_can_not_be_read_are_doubted(tmp_path: Path, content: str, words: str) -> None:
    write_photo(tmp_path / "a.png", 1)
    write_photo(tmp_path / "b.png", 2)
    (tmp_path / "a.json").write_text(content)
    data = pupila.open(tmp_path)
    assert data.task is None
    assert words in data.doubt
    assert data.doubt in str(data)


@pytest.mark.parametrize("wrong", [None, [], "x", 1])
@pytest.mark.parametrize(
    "content",
    [
        {"shapes": [], "imagePath": "a.png", "imageHeight": HEIGHT, "imageWidth": WIDTH, "imageData": None},
        {"objects": [], "size": {"height": HEIGHT, "width": WIDTH}, "description": "", "tags": []},
        {"a.png1": {"filename": "a.png", "size": 1, "regions": [], "file_attributes": {}}},
    ],
)
def test_a_region_that_is_no_record_is_no_background(
    tmp_path: Path, content: dict[str, Any], wrong: Any
) -> None:
    content = json.loads(json.dumps(content))
    regions = content.get("shapes", content.get("objects"))
    (content["a.png1"]["regions"] if regions is None else regions).append(wrong)
    write_photo(tmp_path / "a.png", 1, width=WIDTH, height=HEIGHT)
    (tmp_path / "a.png.json").write_text(json.dumps(content))
    with pytest.raises(PupilaError, match="Can't read a region in"):
        pupila.open(tmp_path)
