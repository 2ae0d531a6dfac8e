"""Masks that NumPy saved, beside images: `.npy` and `.npz`."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pupila
from pupila.imaging.images.decode import ImageFault, ImageLimits
from pupila.imaging.masks.codec import read_stored_mask
from pupila.imaging.masks.label_map import NO_DATA
from tests.artifacts.dataset.test_masks import HEIGHT, THREE, WIDTH
from tests.pictures import write_photo

ONE_HOT = np.stack([value == THREE for value in np.unique(THREE)])


def stored(array: Any, **arrays: Any) -> bytes:
    buffer = io.BytesIO()
    if arrays:
        np.savez_compressed(buffer, **arrays)
    else:
        np.save(buffer, array)
    return buffer.getvalue()


def fill(folder: Path, masks: str, suffix: str = ".npy") -> Path:
    """Images, and arrays that mark dark, middle and bright pixels of each."""
    for number in range(1, 5):
        photo = write_photo(folder / f"images/{number:03d}.png", number, WIDTH, HEIGHT)
        array = np.digitize(np.asarray(Image.open(photo).convert("L")), [90, 140])
        path = folder / masks / f"{number:03d}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(stored(array) if suffix == ".npy" else stored(None, arr_0=array > 1))
    return folder


@pytest.mark.parametrize(
    "array",
    [THREE, THREE.astype(np.int64), np.asfortranarray(THREE), THREE[None], THREE[..., None].astype(np.float32), ONE_HOT,
     np.moveaxis(ONE_HOT, 0, -1).astype(np.int32), THREE.astype(">u2")],
)  # fmt: skip
def test_values_are_read_whatever_the_layout(array: Any) -> None:
    expected = np.searchsorted(np.unique(THREE), THREE) if array.shape.count(len(ONE_HOT)) else THREE
    for content in (stored(array), stored(None, x=array), stored(None, other=array[:1], mask=array)):
        assert (read_stored_mask(content).values == expected).all()


def test_negative_numbers_have_no_label_and_bool_is_0_and_1() -> None:
    assert read_stored_mask(stored(np.array([[0, -1], [3, 2]]))).values.tolist() == [[0, NO_DATA], [3, 2]]
    assert read_stored_mask(stored(np.array([[False, True]]))).values.tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("content", "reason"),
    [(stored(THREE)[:-9], "bytes"), (b"\x93NUMPY" + b"x" * 90, "version"), (b"PK\x03\x04 nothing", "zip"),
     (stored(np.array([[{}]], dtype=object)), "object"), (stored(np.zeros((2, 9, 9))), r"\(2, 9, 9\)"),
     (stored(np.zeros(9)), r"\(9,\)"), (stored(np.full((9, 9), 0.5)), "fractions"),
     (stored(np.full((9, 9), np.nan)), "fractions"), (stored(np.full((9, 9), 70_000)), "70000"),
     (stored(None, a=THREE, b=THREE), "a, b"), (stored(np.indices((3, 3, 3)).sum(axis=0) % 3 == 0), "shape")],
)  # fmt: skip
def test_anything_else_is_refused_with_the_reason(content: bytes, reason: str) -> None:
    with pytest.raises(ImageFault, match=reason):
        read_stored_mask(content)


def test_a_header_above_the_limit_is_refused_before_it_is_allocated() -> None:
    header = stored(np.zeros((1, 1), np.uint8)).replace(b"(1, 1)", b"(99999, 99999)")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("mask.npy", header)
    for content in (header, buffer.getvalue()):
        with pytest.raises(ImageFault, match="limit"):
            read_stored_mask(content, limits=ImageLimits())


@pytest.mark.parametrize("masks", ["masks", "drawn", "images"])
@pytest.mark.parametrize(("suffix", "classes"), [(".npy", 3), (".npz", 2)])
def test_arrays_beside_images_are_their_masks(tmp_path: Path, masks: str, suffix: str, classes: int) -> None:
    data = pupila.open(fill(tmp_path, masks, suffix))
    assert (data.task.name if data.task else "", len(data), len(data.classes)) == ("segment", 4, classes)
    assert data.images["target"].to_list() == [f"{masks}/00{n}{suffix}" for n in range(1, 5)]
    assert not data.skipped.height


def test_a_named_folder_of_arrays_is_read(tmp_path: Path) -> None:
    data = pupila.open(fill(tmp_path, "drawn"), masks="drawn")
    assert data.images["target"].to_list() == [f"drawn/00{n}.npy" for n in range(1, 5)]


def test_a_damaged_array_is_listed_with_its_reason(tmp_path: Path) -> None:
    broken = fill(tmp_path, "masks") / "masks/002.npy"
    broken.write_bytes(broken.read_bytes()[:-20])
    skipped = pupila.open(tmp_path).skipped
    assert skipped["code"].to_list() == ["unreadable-mask"]
    assert "bytes" in skipped["reason"][0]


def test_features_are_no_masks(tmp_path: Path) -> None:
    fill(tmp_path, "images")
    for path in tmp_path.glob("images/*.npy"):
        path.write_bytes(stored(np.random.default_rng(0).normal(size=512)))
    assert pupila.open(tmp_path).images["target"].null_count() == 4
