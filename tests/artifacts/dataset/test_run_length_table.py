"""Tables of run lengths against a decoder written by hand, as Kaggle explains it."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

import pupila
from pupila.artifacts.dataset.formats.tools.run_length_table import decode_runs
from tests.pictures import write_photo

HEIGHT, WIDTH = 6, 9


def encode(mask: NDArray[np.bool_]) -> str:
    """Kaggle's run lengths: pixels are numbered from 1, down the columns, then to the right."""
    runs: list[list[int]] = []
    for column in range(mask.shape[1]):
        for row in range(mask.shape[0]):
            number = column * mask.shape[0] + row + 1
            if mask[row, column] and runs and sum(runs[-1]) == number:
                runs[-1][1] += 1
            elif mask[row, column]:
                runs.append([number, 1])
    return " ".join(f"{start} {length}" for start, length in runs)


def block(left: int, top: int, right: int, bottom: int) -> NDArray[np.bool_]:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top:bottom, left:right] = True
    return mask


A, B = block(1, 1, 4, 3), block(5, 2, 8, 5)


def write(folder: Path, text: str, *images: str, name: str = "labels.csv") -> Path:
    for number, image in enumerate(images):
        (folder / image).parent.mkdir(parents=True, exist_ok=True)
        write_photo(folder / image, number, width=WIDTH, height=HEIGHT)
    (folder / name).write_text(text)
    return folder


@settings(max_examples=40)
@given(arrays(bool, (HEIGHT, WIDTH)).filter(lambda mask: bool(mask.any())))
def test_runs_are_decoded_as_they_were_encoded_by_hand(mask: NDArray[np.bool_]) -> None:
    assert (decode_runs(encode(mask), HEIGHT, WIDTH) == mask).all()


@pytest.mark.parametrize(
    ("header", "name", "nothing"),
    [
        ("ImageId,EncodedPixels", "a.jpg", ""),
        ("image_id,rle", "a", "-1"),
        ("id,annotation", "shots/a.jpg", "nan"),
    ],
)
def test_rows_of_an_image_are_united(tmp_path: Path, header: str, name: str, nothing: str) -> None:
    other = name.replace("a", "b")
    text = f"{header}\n{name},{encode(A)}\n{name},{encode(B)}\n{other},{nothing}\n"
    data = pupila.open(write(tmp_path, text, "shots/a.jpg", "shots/b.jpg"))
    assert data.classes == ["background", "foreground"]
    assert (data.mask(0) == (A | B)).all()
    assert not data.mask(1).any()


def test_classes_in_a_column(tmp_path: Path) -> None:
    text = f"ImageId,ClassId,EncodedPixels\na.jpg,10,{encode(A)}\na.jpg,2,{encode(B)}\nb.jpg,2,\n"
    data = pupila.open(write(tmp_path, text, "a.jpg", "b.jpg"))
    assert data.classes == ["background", "2", "10"]
    assert (data.mask(0) == A * 2 + B * 1).all()


def test_classes_in_the_names_of_images(tmp_path: Path) -> None:
    text = f"Image_Label,EncodedPixels\na.jpg_Fish,{encode(A)}\na.jpg_Flower,{encode(B)}\nb.jpg_Fish,\n"
    data = pupila.open(write(tmp_path, text, "train/a.jpg", "train/b.jpg"))
    assert data.classes == ["background", "Fish", "Flower"]
    assert (data.mask(0) == A * 1 + B * 2).all()


@pytest.mark.parametrize(
    ("runs", "reason"),
    [
        ("1 3 2 2", "its run lengths overlap"),
        ("50 9", "its run lengths reach pixel 58 of 54"),
        ("0 3", "its run lengths begin at 1, and none is empty"),
        ("-5 20", "its run lengths begin at 1, and none is empty"),
        ("10 20 5", "its run lengths are 3 numbers, and no pairs of start and length"),
        ("10.0 20.0", "its run lengths are not whole numbers: '10.0 20.0'"),
        ("abc def", "its run lengths are not whole numbers: 'abc def'"),
    ],
)
def test_runs_that_can_not_be_drawn_leave_their_image_without_a_mask(
    tmp_path: Path, runs: str, reason: str
) -> None:
    text = f"ImageId,EncodedPixels\na.jpg,{encode(A)}\nb.jpg,{runs}\n"
    data = pupila.open(write(tmp_path, text, "a.jpg", "b.jpg"))
    assert data.skipped.rows() == [("b.jpg", "unreadable-mask", f"labels.csv#b.jpg: {reason}")]


def test_a_sample_of_a_submission_is_no_label(tmp_path: Path) -> None:
    write(tmp_path, f"ImageId,EncodedPixels\na.jpg,{encode(A)}\nb.jpg,{encode(B)}\n", "a.jpg", "b.jpg")
    write(tmp_path, "ImageId,EncodedPixels\nc.jpg,1 1\nd.jpg,1 1\n", "c.jpg", "d.jpg", name="sample.csv")
    data = pupila.open(tmp_path)
    assert data.images["target"].to_list() == ["labels.csv#a.jpg", "labels.csv#b.jpg", None, None]
    assert "all rows have the same run lengths" in str(data)


@pytest.mark.parametrize("column", ["size", "bbox"])
def test_sizes_and_boxes_are_no_runs(tmp_path: Path, column: str) -> None:
    cell = "640 480" if column == "size" else "10 20 100 200"
    text = f"image,label,{column}\na.jpg,cat,{cell}\nb.jpg,dog,{cell}\n"
    data = pupila.open(write(tmp_path, text, "a.jpg", "b.jpg"))
    assert data.classes == ["cat", "dog"]


def test_a_saved_manifest_draws_them_again(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", f"ImageId,EncodedPixels\na.jpg,{encode(A)}\n", "a.jpg")
    data = pupila.open(folder / "labels.csv")
    data.save(str(folder / "saved"))
    assert (pupila.open(folder / "saved").mask(0) == A).all()
    shutil.rmtree(folder / "saved")


@pytest.mark.parametrize("runs", [f"{10**30} 3", f"1 {2**63 - 1}", f"{2**63 - 1} {2**63 - 1}"])
def test_numbers_beyond_all_images_are_refused(runs: str) -> None:
    with pytest.raises(ValueError, match="far beyond the image"):
        decode_runs(runs, 4, 5)
