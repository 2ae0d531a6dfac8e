"""Masks that are not called as their images are: in a folder for each image, or with other zeros before a number."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pupila
from pupila.core.errors import PupilaError
from tests.pictures import write_photo

HEIGHT, WIDTH = 24, 32


def _mask(path: Path, top: int) -> None:
    values = np.zeros((HEIGHT, WIDTH), np.uint8)
    values[top : top + 6, 4:20] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


@pytest.mark.parametrize("images", ["images", "train/images"])
def test_a_folder_of_masks_belongs_to_the_image_of_its_name(tmp_path: Path, images: str) -> None:
    masks = images.replace("images", "masks")
    for n in range(4):
        write_photo(tmp_path / images / f"case{n}.png", n, width=WIDTH, height=HEIGHT)
        for top, part in ((1, "liver"), (12, "tumour")):
            _mask(tmp_path / masks / f"case{n}/{part}.png", top + n)
    data = pupila.open(tmp_path)
    assert set(data.classes) == {"background", "liver", "tumour"}
    for image, target in data.images.select("image", "target").iter_rows():
        assert target.count(f"masks/{Path(image).stem}/") == 2


@pytest.mark.parametrize(("width", "mask"), [(3, "{}"), (2, "{:04d}"), (1, "{:03d}")])
def test_numbers_match_whatever_zeros_lie_before_them(tmp_path: Path, width: int, mask: str) -> None:
    for n in range(8, 13):
        write_photo(tmp_path / f"images/{n:0{width}d}.png", n, width=WIDTH, height=HEIGHT)
        _mask(tmp_path / "masks" / f"{mask.format(n)}.png", n)
    data = pupila.open(tmp_path)
    for image, target in data.images.select("image", "target").iter_rows():
        assert int(Path(image).stem) == int(Path(target).stem)
    assert any("matched by their numbers" in note for note in data.notes)


def test_numbers_that_are_not_unique_are_not_matched(tmp_path: Path) -> None:
    for n, name in enumerate(("001", "01", "002")):
        write_photo(tmp_path / f"images/{name}.png", n, width=WIDTH, height=HEIGHT)
    for n in (1, 2):
        _mask(tmp_path / f"masks/{n}.png", n)
    with pytest.raises(PupilaError, match="mask of the same name"):
        pupila.open(tmp_path)


def test_yolo_labels_lie_in_label_beside_image(tmp_path: Path) -> None:
    for n in range(3):
        write_photo(tmp_path / f"image/train/{n}.png", n, width=WIDTH, height=HEIGHT)
        (tmp_path / "label/train").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"label/train/{n}.txt").write_text("0 0.1 0.1 0.5 0.1 0.5 0.5\n")
    (tmp_path / "data.yaml").write_text("train: image/train\nnames: [cat]\n")
    assert pupila.open(tmp_path).images["target"].to_list() == [f"label/train/{n}.txt" for n in range(3)]
