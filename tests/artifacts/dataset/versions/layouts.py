"""Data sets of every task and shape, written into a folder; what each returns is what a user would open."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

import pupila
from tests.bands import write_banded
from tests.pictures import encoded, photo, write_classes, write_photo, write_scenes


def write_folders(folder: Path) -> Path:
    """A class per folder, with a name that is no UTF-8, a file that is no image, and system files."""
    write_classes(folder, {"cat": 7, "dög": 6})
    (folder / "cat" / "notes.txt").write_text("by hand")
    (folder / "cat" / ".DS_Store").write_bytes(b"x")
    shutil.copy(folder / "cat/000.jpg", os.fsdecode(os.fsencode(folder / "cat") + b"/\xe9t\xe9.jpg"))
    return folder


def write_masks(folder: Path) -> Path:
    """Images beside masks, with names of the classes."""
    write_scenes(folder, 8)
    (folder / "classes.txt").write_text("land\nwater\n")
    return folder


def write_table(folder: Path) -> Path:
    """A table with groups and splits that came with the data, beside another table of no use."""
    rows = ["image,label,group,split"]
    for number in range(12):
        write_photo(folder / f"photos/{number:02d}.png", number)
        part = "test" if number > 8 else "train"
        rows.append(f"photos/{number:02d}.png,{'ab'[number % 2]},g{number // 2},{part}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    (folder / "prices.csv").write_text("product,price\n1,2\n")
    return folder / "labels.csv"


def write_several(folder: Path) -> Path:
    """Several labels for each image, in columns."""
    rows = ["image,cat,dog,bird"]
    for number in range(12):
        write_photo(folder / f"{number:02d}.png", number)
        rows.append(
            f"{number:02d}.png,{number % 2},{number // 2 % 2},{'' if number == 5 else number % 3 // 2}"
        )
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder


def write_embedded(folder: Path) -> Path:
    """Images inside one Parquet file, as Hugging Face stores them."""
    folder.mkdir(parents=True)
    images = [{"bytes": encoded(photo(number)), "path": f"{number:02d}.png"} for number in range(10)]
    frame = pl.DataFrame({"image": images, "label": ["cat", "dog"] * 5})
    (folder / "data").mkdir()
    frame.write_parquet(folder / "data/train-00000-of-00001.parquet")
    return folder


def write_absolute(folder: Path) -> Path:
    """A table whose images lie elsewhere, at absolute paths."""
    elsewhere = folder.parent / "elsewhere"
    rows = ["image,label"]
    for number in range(8):
        path = write_photo(elsewhere / f"{number}.png", number)
        rows.append(f"{path},{'ab'[number % 2]}")
    folder.mkdir(parents=True)
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder


def write_satellite(folder: Path) -> Path:
    """TIFFs of several bands; how they become colours is in the saved manifest."""
    write_banded(folder, 6)
    data = pupila.open(folder, bands=[3, 2, 1])
    data.save(data.home)
    return folder


def write_labelled(folder: Path) -> Path:
    """Unlabelled images with a label history."""
    from pupila.artifacts.dataset.labels import Label, append_labels

    for number in range(9):
        write_photo(folder / f"{number}.png", number)
    images = pupila.open(folder).images.select("image", "sha256").iter_rows()
    labels = [Label(image, digest, "annotator:me", True, "ab"[row % 2], "2026-01-01T00:00:00")
              for row, (image, digest) in enumerate(images)]  # fmt: skip
    append_labels(str(folder), labels)
    return folder


def write_annotations(folder: Path) -> Path:
    """COCO annotations, as outlines."""
    import json

    boxes = []
    for number in range(6):
        write_photo(folder / f"images/{number}.png", number)
        outline = [5, 5, 40, 5, 40, 30, 5, 30]
        boxes.append({"id": number, "image_id": number, "category_id": number % 2 + 1, "segmentation": [outline],
                      "bbox": [5, 5, 35, 25], "area": 875, "iscrowd": 0})  # fmt: skip
    images = [{"id": n, "file_name": f"{n}.png", "width": 96, "height": 72} for n in range(6)]
    content = {"images": images, "annotations": boxes,
               "categories": [{"id": 1, "name": "roof"}, {"id": 2, "name": "road"}]}  # fmt: skip
    (folder / "annotations").mkdir()
    (folder / "annotations/instances.json").write_text(json.dumps(content))
    return folder


LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "folders": write_folders, "masks": write_masks, "table": write_table, "several": write_several,
    "embedded": write_embedded, "absolute": write_absolute, "bands": write_satellite, "labelled": write_labelled,
    "annotations": write_annotations,
}  # fmt: skip


def change_pixels(path: Path) -> None:
    """Write another photo in its place."""
    path.write_bytes(encoded(photo(4242).astype(np.uint8)))
