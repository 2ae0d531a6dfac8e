"""A real Label Studio: what it exports of our tasks is what we exported, pixel for pixel.

It is no dependency of ours: it brings a hundred packages. Install it into an environment of its own, and name its
program:

    uv venv /tmp/studio && uv pip install --python /tmp/studio/bin/python label-studio
    PUPILA_LABEL_STUDIO=/tmp/studio/bin/label-studio pytest -m slow tests/stages/label/studio/test_server.py
"""

import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

import pupila
from pupila.api.label import export_labels, import_labels
from pupila.artifacts.dataset.formats.upload_names import UploadNames
from pupila.imaging.images.decode import Array
from tests.pictures import encoded, photo
from tests.stages.label.review.reviews import label
from tests.stages.label.studio.server import PROGRAM, Studio, find_program, start_studio
from tests.stages.label.studio.test_studio import choice

pytestmark = pytest.mark.slow

CLASSES = ["background", "road", "water"]
# Names of files that are hard to hand on: blanks, accents in both Unicode forms, and what addresses and shells escape.
NAMES = [
    "my photo (1).png", "naño.png", "nan\u0303a.png", "100%.png", "50%25.png", "a#b.png", "what?.png", "c+d&e.png",
    "[x] {y}.png", "cat\U0001f600.png", "x" * 120 + ".png", " lead.png", "two..dots.png", "日本.png", "o'clock;.png",
]  # fmt: skip


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    program = find_program()
    if program is None:
        pytest.skip(
            f"Label Studio is not installed; {PROGRAM} names its program, see the docstring of this file"
        )
    with start_studio(program, tmp_path_factory.mktemp("studio")) as running:
        yield running


def draw_masks(count: int, height: int = 24, width: int = 33) -> list[Array]:
    """(height, width) class indices: blocks of road and water with single pixels and holes."""
    draw, masks = np.random.default_rng(5), []
    for _ in range(count):
        mask = np.zeros((height, width), np.uint8)
        mask[3:15, 2:20], mask[10:22, 12:30] = 1, 2
        noise = draw.random(mask.shape) < 0.05
        mask[noise] = draw.integers(0, 3, mask.shape)[noise]
        masks.append(mask)
    return masks


def write_images(folder: Path, names: list[str], height: int = 24, width: int = 33) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        (folder / name).write_bytes(encoded(photo(number, width, height)))
    return folder


def write_masks(folder: Path, names: list[str], masks: list[Array]) -> Path:
    write_images(folder / "images", names)
    (folder / "masks").mkdir()
    for name, mask in zip(names, masks, strict=True):
        (folder / "masks" / name).write_bytes(encoded(mask))
    (folder / "masks" / "classes.json").write_text(json.dumps(CLASSES))
    return folder


def export_tasks(folder: Path, out: Path) -> tuple[list[Any], str]:
    """The tasks and the labelling configuration that Pupila writes."""
    result = export_labels(folder, out=out)
    return json.loads(Path(result.file).read_text()), Path(result.config).read_text()


def hand_over(studio: Studio, folder: Path, out: Path) -> int:
    """The project whose annotators accepted every label that we exported."""
    tasks, config = export_tasks(folder, out)
    project = studio.create_project(config)
    studio.accept_predictions(studio.import_tasks(project, tasks))
    return project


def count_differences(folder: Path, masks: dict[str, Array], **how: Any) -> int:
    """Pixels of all images in which the masks that are read differ from those that were exported."""
    data = pupila.open(folder, **how)
    assert data.images["target"].null_count() == 0, str(data)
    order = [CLASSES.index(name) for name in data.classes]
    rows = dict(zip(data.images["image"], range(len(data)), strict=True))
    assert len(rows) == len(masks)
    return sum(int((np.asarray(order)[data.mask(rows[name])] != mask).sum()) for name, mask in masks.items())


FORMS = {"JSON": "x.json", "JSON_MIN": "x.json", "CSV": "x.csv"}


def test_masks_come_back_in_every_form(studio: Studio, tmp_path: Path) -> None:
    masks = draw_masks(len(NAMES))
    project = hand_over(studio, write_masks(tmp_path / "data", NAMES, masks), tmp_path / "out.json")
    expected = {f"images/{name}": mask for name, mask in zip(NAMES, masks, strict=True)}
    for form, name in FORMS.items():
        content = studio.export(project, form)
        opened = write_images(tmp_path / form / "opened" / "images", NAMES).parent
        (opened / name).write_bytes(content)
        assert count_differences(opened, expected) == 0, form
        imported = write_images(tmp_path / form / "imported" / "images", NAMES).parent
        (tmp_path / form / name).write_bytes(content)
        result = import_labels(imported, tmp_path / form / name)
        assert (result.labels, result.masks, result.skipped.total()) == (len(NAMES), len(NAMES), 0), form
        assert count_differences(imported, expected) == 0, form


def test_brushes_come_back_as_pictures(studio: Studio, tmp_path: Path) -> None:
    masks = draw_masks(2)
    project = hand_over(studio, write_masks(tmp_path / "data", NAMES[:2], masks), tmp_path / "out.json")
    archive = zipfile.ZipFile(io.BytesIO(studio.export(project, "BRUSH_TO_PNG")))
    pictures = {
        name: np.asarray(Image.open(io.BytesIO(archive.read(name)))) for name in sorted(archive.namelist())
    }
    assert len(pictures) == 4
    for (name, picture), (mask, index) in zip(
        pictures.items(), [(mask, index) for mask in masks for index in (1, 2)], strict=True
    ):
        assert CLASSES[index] in name and np.array_equal(picture == 255, mask == index)


@pytest.mark.parametrize("task", ["classify", "multilabel"])
def test_labels_come_back_in_every_form(
    studio: Studio, tmp_path: Path, task: Literal["classify", "multilabel"]
) -> None:
    several = ['{"fat": 1, "sugar": 0}', '{"fat": 0, "sugar": 0}', '{"fat": 1, "sugar": 1}']
    labels = several if task == "multilabel" else ["fat", "sugar & salt", "<none>"]
    targets = [labels[number % 3] for number in range(len(NAMES))]
    folder = write_images(tmp_path / "data", NAMES)
    label(pupila.open(folder), targets)
    before = dict(pupila.open(folder).images.select("image", "target").rows())
    project = hand_over(studio, folder, tmp_path / "out.json")
    for form, name in FORMS.items():
        imported = write_images(tmp_path / form / "imported", NAMES)
        (tmp_path / form / name).write_bytes(studio.export(project, form))
        import_labels(imported, tmp_path / form / name, task=task)
        after = pupila.open(imported)
        assert dict(after.images.select("image", "target").rows()) == before, form
        if task == "classify":
            opened = write_images(tmp_path / form / "opened", NAMES)
            shutil.copy(tmp_path / form / name, opened)
            assert dict(pupila.open(opened).images.select("image", "target").rows()) == before, form


POLYGONS = """<View><Image name="image" value="$image"/><PolygonLabels name="label" toName="image">
<Label value="road"/><Label value="water"/></PolygonLabels></View>"""


def polygon(name: str, points: Any, height: int, width: int) -> dict[str, Any]:
    return {
        "type": "polygonlabels", "from_name": "label", "to_name": "image", "image_rotation": 0,
        "original_width": width, "original_height": height, "value": {"points": points, "polygonlabels": [name]},
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # of pycocotools
def test_polygons_on_uploads_come_back_in_every_form(studio: Studio, tmp_path: Path) -> None:
    height, width = 24, 33
    names, files = NAMES, write_images(tmp_path / "files", NAMES)
    project, draw, masks = studio.create_project(POLYGONS), np.random.default_rng(6), {}
    for name in names:
        drawn, results = np.zeros((height, width), np.uint8), []
        for index in (1, 2):
            turns = (np.arange(7) + draw.uniform(0, 0.5, 7)) * 2 * np.pi / 7
            ring = np.stack([np.cos(turns), np.sin(turns)], 1) * draw.uniform(15, 30, (7, 1)) + (50, 50)
            results.append(polygon(CLASSES[index], ring.round(4).tolist(), height, width))
            flat = (ring.round(4) / 100 * (width, height)).ravel().tolist()
            drawn[coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects([flat], height, width))) > 0] = index
        masks[f"images/{name}"] = drawn
        studio.annotate(studio.upload(project, name, (files / name).read_bytes()), results)
    for form in ("JSON", "JSON_MIN", "CSV", "COCO"):
        content, folder = studio.export(project, form), tmp_path / form
        write_images(folder / "images", names)
        if form == "COCO":
            content = zipfile.ZipFile(io.BytesIO(content)).read("result.json")
        (folder / ("x.csv" if form == "CSV" else "x.json")).write_bytes(content)
        assert count_differences(folder, masks) == 0, form
        assert "found by the names that Label Studio gave to their uploads" in str(pupila.open(folder))
    with zipfile.ZipFile(io.BytesIO(studio.export(project, "YOLO"))) as archive:
        archive.extractall(tmp_path / "labels alone")
    write_images(tmp_path / "labels alone" / "images", names)
    assert count_differences(tmp_path / "labels alone", masks) <= 1  # as below
    with zipfile.ZipFile(io.BytesIO(studio.export(project, "YOLO_WITH_IMAGES"))) as archive:
        archive.extractall(tmp_path / "YOLO")
    data, uploads = pupila.open(tmp_path / "YOLO"), UploadNames(masks)
    shown = [uploads.find(image) for image in data.images["image"]]
    assert len(shown) == len(names) - 2  # Label Studio adds no picture whose name it has to escape
    differences = sum(int((data.mask(row) != masks[name]).sum()) for row, (name,) in enumerate(shown))
    assert differences <= 1  # a tie: YOLO's coordinates are read in thousandths of a pixel


def test_uploads_of_two_files_of_one_name_are_listed_and_not_guessed(studio: Studio, tmp_path: Path) -> None:
    names = ["a#b.png", "a+b.png", "c.png"]  # both become ab.png
    folder = write_images(tmp_path / "data", names)
    config = """<View><Image name="image" value="$image"/><Choices name="label" toName="image">
    <Choice value="cat"/><Choice value="dog"/></Choices></View>"""
    project = studio.create_project(config)
    for name, chosen in zip(names, ("cat", "dog", "dog"), strict=True):
        studio.annotate(studio.upload(project, name, (folder / name).read_bytes()), choice(chosen))
    (tmp_path / "x.json").write_bytes(studio.export(project, "JSON"))
    result = import_labels(folder, tmp_path / "x.json")
    assert (result.labels, sum(result.skipped.values())) == (1, 2)
    assert list(result.skipped) == ["no image of the data set (several files fit: a#b.png, a+b.png)"]
    assert pupila.open(folder).images["target"].to_list() == [None, None, "dog"]


def test_turned_photos_and_single_pixels_come_back(studio: Studio, tmp_path: Path) -> None:
    folder, masks = (
        tmp_path / "data",
        {"turned.jpg": draw_masks(1, 33, 24)[0], "pixel.png": np.array([[2]], np.uint8)},
    )
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera stored 33 x 24, which lies upright as 24 x 33
    content = io.BytesIO()
    Image.fromarray(photo(1, 33, 24)).save(content, "JPEG", exif=exif)
    contents = {"turned.jpg": content.getvalue(), "pixel.png": encoded(photo(2, 1, 1))}
    for place in (folder, *(tmp_path / form for form in FORMS)):
        (place / "images").mkdir(parents=True)
        for name, data in contents.items():
            (place / "images" / name).write_bytes(data)
    (folder / "masks").mkdir()
    for name, mask in masks.items():
        (folder / "masks" / name).with_suffix(".png").write_bytes(encoded(mask))
    (folder / "masks" / "classes.json").write_text(json.dumps(CLASSES))
    project = hand_over(studio, folder, tmp_path / "out.json")
    for form, name in FORMS.items():
        (tmp_path / form / name).write_bytes(studio.export(project, form))
        expected = {f"images/{name}": mask for name, mask in masks.items()}
        assert count_differences(tmp_path / form, expected) == 0, form


def test_the_ground_truth_counts_or_else_the_last_annotation(studio: Studio, tmp_path: Path) -> None:
    masks, names = draw_masks(2), NAMES[:2]
    folder = write_masks(tmp_path / "data", names, masks)
    tasks, config = export_tasks(folder, tmp_path / "out.json")
    project = studio.create_project(config)
    for ground_truth, task in zip((True, False), studio.import_tasks(project, tasks), strict=True):
        studio.annotate(task, task["predictions"][0]["result"], ground_truth=ground_truth)
        studio.annotate(task, [])
    opened = write_images(tmp_path / "opened" / "images", names).parent
    (opened / "x.json").write_bytes(studio.export(project, "JSON"))
    shown = dict(zip(pupila.open(opened).images["image"], range(2), strict=True))
    data = pupila.open(opened)
    assert np.array_equal(data.mask(shown[f"images/{names[0]}"]) > 0, masks[0] > 0)
    assert not data.mask(shown[f"images/{names[1]}"]).any()
    assert "2 further annotations of images are not used: the ground truth counts, or else the last" in str(
        data
    )
