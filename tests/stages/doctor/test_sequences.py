"""Frames of a video are a group: no duplicates, never annotated twice, and no limit of what labels allow."""

from pathlib import Path

import numpy as np
from PIL import Image

import pupila
from pupila.artifacts.dataset.double_annotations import find_double_annotations
from pupila.artifacts.report.fingerprint import Fault
from tests.pictures import Pixels, photo, write_classes

FRAMES = 6


def film(seed: int) -> list[tuple[Pixels, Pixels]]:
    """Frames of a drawn scene with a square that moves through it, and the masks of the square."""
    images = []
    for number in range(FRAMES):
        frame, mask = photo(seed, 128, 96), np.zeros((96, 128), np.uint8)
        place = np.s_[40:54, 10 + 12 * number : 24 + 12 * number]
        frame[place], mask[place] = frame[place] // 2 + 75, 255
        images.append((frame, mask))
    return images


def save(path: Path, pixels: Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def faults_of(folder: Path) -> dict[str, Fault]:
    return {fault.code: fault for fault in pupila.doctor(folder)}


def test_frames_with_two_labels_are_a_sequence_and_no_conflict(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": 12, "dog": 12})
    for number, (frame, _) in enumerate(film(1)):
        save(tmp_path / ("cat" if number < FRAMES // 2 else "dog") / f"walk_{number}.png", frame)
    faults = faults_of(tmp_path)
    assert not {"near-duplicates", "conflicting-labels"} & set(faults)
    assert faults["image-sequences"].examples == [
        "6 images: cat/walk_0.png, cat/walk_1.png, cat/walk_2.png and 3 more"
    ]
    explored = pupila.explore(tmp_path, out=tmp_path / "page")
    assert any(line.startswith("6 images are alike in 1 sequence") for line in explored.sentences())
    assert not [line for line in explored.sentences() if "duplicates (" in line]
    page = Path(explored.page).read_text("utf-8")
    assert "1 sequence of images" in page
    assert "6 images, the first and the last are shown" in page


def test_a_copy_with_another_label_is_still_a_conflict(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": 12, "dog": 12})
    Image.open(tmp_path / "cat/003.jpg").save(tmp_path / "dog/again.png")
    faults = faults_of(tmp_path)
    assert faults["conflicting-labels"].count == faults["near-duplicates"].count == 1
    assert "image-sequences" not in faults


def test_masks_of_frames_are_no_double_annotation_and_masks_of_copies_are(tmp_path: Path) -> None:
    for number, (frame, mask) in enumerate(film(1)):
        save(tmp_path / f"images/walk_{number}.png", frame)
        save(tmp_path / f"masks/walk_{number}.png", mask)
    for seed in range(2, 8):
        frame, mask = film(seed)[0]
        save(tmp_path / f"images/other_{seed}.png", frame)
        save(tmp_path / f"masks/other_{seed}.png", mask)
    save(tmp_path / "images/again.png", np.asarray(Image.fromarray(frame).resize((256, 192))))
    save(tmp_path / "masks/again.png", np.roll(mask, 2, axis=1))
    data = pupila.open(tmp_path)
    (double,) = find_double_annotations(data)
    assert {data[double.pair.first].image, data[double.pair.second].image} == {
        "images/again.png", "images/other_7.png",
    }  # fmt: skip
    faults = faults_of(tmp_path)
    assert faults["annotator-agreement"].examples == ["IoU 0.750 in 1 pair"]  # 12 of 16 columns
    assert faults["conflicting-masks"].count == faults["image-sequences"].count == 1
