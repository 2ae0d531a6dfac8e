"""Class folders beside other labels are named, with the flag that reads them."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pupila
from pupila.core.errors import PupilaError
from tests.pictures import scene, write_classes, write_photo


def _write_table(folder: Path, labels: dict[str, str]) -> None:
    lines = [f"{path},{label}\n" for path, label in labels.items()]
    (folder / "labels.csv").write_text("image,label\n" + "".join(lines))


def _notes(folder: Path) -> list[str]:
    return [note for note in pupila.open(folder).notes if "--layout folders" in note]


def test_folders_that_a_table_disagrees_with_are_named(tmp_path: Path) -> None:
    write_classes(tmp_path, {"good": 4, "bad": 3})
    paths = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.jpg"))
    _write_table(tmp_path, {path: "pq"[n % 2] for n, path in enumerate(paths)})
    assert pupila.open(tmp_path).classes == ["p", "q"]
    (note,) = _notes(tmp_path)
    assert "bad, good" in note
    assert pupila.open(tmp_path, layout="folders").classes == ["bad", "good"]
    _write_table(tmp_path, {path: path[0].upper() for path in paths})  # the folders under other names
    assert not _notes(tmp_path)


def test_folders_that_annotations_pass_over_are_named(tmp_path: Path) -> None:
    write_classes(tmp_path, {"good": 4, "bad": 3})
    content = {
        "images": [{"id": 1, "file_name": "good/000.jpg"}, {"id": 2, "file_name": "bad/000.jpg"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 9, 1, 9, 9]]}],
        "categories": [{"id": 1, "name": "road"}],
    }
    (tmp_path / "annotations.json").write_text(json.dumps(content))
    assert len(_notes(tmp_path)) == 1


@pytest.mark.parametrize(("names", "named"), [(("COVID", "Normal"), True), (("case_1", "case_2"), False)])
def test_folders_around_masks_are_named_unless_they_are_cases(
    names: tuple[str, str], named: bool, tmp_path: Path
) -> None:
    for order, name in enumerate(names):
        for number in range(3):
            pixels, mask = scene(3 * order + number, 32, 24)
            for kind, values in (("images", pixels), ("masks", (mask * 255).astype(np.uint8))):
                (tmp_path / name / kind).mkdir(parents=True, exist_ok=True)
                Image.fromarray(values).save(tmp_path / name / kind / f"{name}-{number}.png")
    assert pupila.open(tmp_path).layout == "images beside masks"
    assert bool(_notes(tmp_path)) == named


@pytest.mark.parametrize("covered", [("a", "b"), ("a",)])
def test_annotations_that_leave_out_whole_folders_are_a_question(
    tmp_path: Path, covered: tuple[str, ...]
) -> None:
    names = [f"{folder}/{folder}{n}.jpg" for folder in ("a", "b") for n in range(4)]
    for number, name in enumerate(names):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_photo(tmp_path / name, number, 16, 12)
    listed = [name for name in names if name[0] in covered]
    images = [{"id": n, "file_name": name, "width": 16, "height": 12} for n, name in enumerate(listed)]
    annotations = [
        {"image_id": n, "category_id": 1, "segmentation": [[1, 1, 9, 1, 9, 9]]} for n, _ in enumerate(listed)
    ]
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "q"}]}
    (tmp_path / "coco.json").write_text(json.dumps(content))
    if len(covered) > 1:
        assert "The folders a, b are not read as classes" in str(pupila.open(tmp_path))
        return
    with pytest.raises(PupilaError, match="which leaves out the folders b") as caught:
        pupila.open(tmp_path)
    assert caught.value.remedy.startswith("--layout coco if")
    assert len(pupila.open(tmp_path, layout="coco")) == 4
    assert pupila.open(tmp_path, layout="folders").classes == ["a", "b"]
