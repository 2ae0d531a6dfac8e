"""An image of a data set in words: its labels as people say them, never as the manifest stores them."""

from pathlib import Path

import numpy as np
from PIL import Image

import pupila


def test_the_labels_of_an_image_are_named_and_so_are_unknown_classes(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d"):
        Image.fromarray(np.full((8, 8, 3), ord(name), np.uint8)).save(tmp_path / f"{name}.png")
    table = ["image,fat,sugar", "a.png,1,1", "b.png,0,0", "c.png,,1", "d.png,1,0"]
    (tmp_path / "labels.csv").write_text("\n".join(table) + "\n")
    data = pupila.open(tmp_path)
    assert [each.describe() for each in data] == [
        "fat, sugar", "none of the classes", "sugar; unknown: fat", "fat",
    ]  # fmt: skip
    assert repr(data[0]) == "<Sample: a.png: fat, sugar>"
    assert "&quot;fat&quot;" not in data[0]._repr_html_()
