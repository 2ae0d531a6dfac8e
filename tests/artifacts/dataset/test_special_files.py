"""Pipes, devices and links among images, labels and the files of a bundle: listed with the reason, never opened."""

import os
from pathlib import Path

import pytest

import pupila
from pupila.artifacts.bundle.folder import read_bundle
from pupila.core.errors import PupilaError
from tests.colours import write_colours
from tests.core.test_special_files import make_special
from tests.pictures import write_classes

pytestmark = pytest.mark.skipif(os.name == "nt", reason="pipes and devices have no paths on Windows")
NAMES = ("a/x.jpg", "a/x.tif", "labels.csv", "classes.json", "data.yaml", "README.md", "a/000.txt", "a/000.xml",
         "a/none", "a/rest.parquet", "_annotations.coco.json", "pupila.parquet", "a/m.npy", "ImageSets/Main/train.txt",
         "val.txt", "labels/000.txt", "masks/000.png", "annotations.zip")  # fmt: skip


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_is_no_regular_file_is_skipped_with_its_reason(kind: str, tmp_path: Path) -> None:
    write_classes(tmp_path, {"a": 3, "b": 3})
    for name in NAMES:
        make_special(tmp_path / name, kind)
    data = pupila.open(tmp_path, layout="folders")
    skipped = {subject: (code, reason) for subject, code, reason in data.skipped.rows()}
    assert {name: skipped.get(name) for name in NAMES} == dict.fromkeys(
        NAMES, ("unreadable", "not a regular file")
    )
    assert data.classes == ["a", "b"]
    assert len(data) == 6
    assert len(pupila.open(tmp_path)) == 6


def test_a_link_to_a_class_leaves_its_images_in_their_class(tmp_path: Path) -> None:
    write_classes(tmp_path, {"a": 2, "b": 2})
    (tmp_path / "a/bb").symlink_to("../b")
    data = pupila.open(tmp_path)
    assert data.images.group_by("target").len().sort("target").rows() == [("a", 2), ("b", 2)]


@pytest.mark.parametrize("name", ["card.md", "bundle.json", "model.onnx"])
def test_a_bundle_with_a_pipe_for_a_file_is_refused(name: str, tmp_path: Path) -> None:
    write_colours(tmp_path / "bundle")
    (tmp_path / "bundle" / name).unlink()
    make_special(tmp_path / "bundle" / name, "pipe")
    with pytest.raises(PupilaError, match=rf"{name} is missing|no {name}"):
        read_bundle(tmp_path / "bundle")
