"""What the folders themselves tell: splits, wrappers, systems' folders, and when it takes a person to decide."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.understood import describe
from pupila.cli.run import run
from pupila.core.errors import PupilaError
from tests.pictures import scene, write_classes, write_photo


def test_every_class_and_split_is_named(tmp_path: Path) -> None:
    names = [f"plant {letter}" for letter in "abcdefghijkl"]
    write_classes(tmp_path / "train", dict.fromkeys(names, 2))
    write_photo(tmp_path / "test/1.jpg", 99)
    data = pupila.open(tmp_path)
    report = describe(data)
    assert report == [
        f"25 images in {tmp_path}: a folder per class below train/val/test.",
        f"Task: classify, 12 classes ({', '.join(f'{name} 2' for name in names)}).",
        "1 image has no label.",
        "Splits as they came, in images: train 24, test 1 (without labels).",
        "Confidence in this reading: certain.",
    ]
    assert str(replace(data, doubt="Two of them match.")).endswith(": likely. Two of them match.")


def test_what_is_not_used_is_counted(tmp_path: Path) -> None:
    write_names(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    (tmp_path / "t.csv").write_text("image,label\na.jpg,cat\nb.jpg,dog\nb.jpg,cat\nnone.jpg,cat\n")
    assert describe(pupila.open(tmp_path))[-2] == (
        "Passed over: 1 image that no label names; 1 label whose image is missing; labels of 1 image that contradict "
        "each other; pupila doctor lists them."
    )


@pytest.mark.parametrize("command", ["doctor", "split", "explore", "train --dry-run"])
def test_it_is_printed_before_the_search_for_duplicates(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_classes(tmp_path, {"cat": 2, "dog": 2})

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pupila.artifacts.dataset.manifest.find_pairs", stop)
    name, *rest = command.split()
    run([name, str(tmp_path), *rest])
    printed = capsys.readouterr()
    assert "2 classes (cat 2, dog 2)" in (printed.err if rest else printed.out)


def write_names(folder: Path, *names: str) -> Path:
    """Drawn pictures under these names; returns the folder."""
    for number, name in enumerate(names):
        write_photo(folder / name, number, 24, 18)
    return folder


def write_folders(folder: Path, *names: str, count: int = 3) -> Path:
    """Folders with so many pictures each, named by words that no two folders share; returns the folder."""
    return write_names(
        folder, *(f"{name}/{name.replace('/', '_')}_{n}.png" for name in names for n in range(count))
    )


def splits(data: Dataset) -> dict[str, tuple[str | None, str | None]]:
    """Folder of each image to its class and split."""
    columns = data.images.select("image", "target", "given_split").iter_rows()
    return {image.rpartition("/")[0]: (target, split) for image, target, split in columns}


def test_an_unlabelled_folder_beside_the_splits_is_neither_class_nor_split(tmp_path: Path) -> None:
    write_folders(
        tmp_path, "seg_train/sea", "seg_train/ice", "seg_test/sea", "seg_test/ice", "seg_pred/seg_pred"
    )
    data = pupila.open(tmp_path)
    assert splits(data) == {
        "seg_train/sea": ("sea", "train"), "seg_train/ice": ("ice", "train"), "seg_test/sea": ("sea", "test"),
        "seg_test/ice": ("ice", "test"), "seg_pred/seg_pred": (None, None),
    }  # fmt: skip
    assert (
        "seg_pred lies beside the splits and holds no class folders: 3 images without a label." in data.notes
    )


@pytest.mark.parametrize("tops", [("fold_a", "fold_b"), ("Dataset", "Examples")])
def test_folders_that_hold_the_same_classes_are_parts_and_no_split(
    tmp_path: Path, tops: tuple[str, str]
) -> None:
    write_folders(tmp_path, *(f"{top}/{digit}" for top in tops for digit in range(10)), count=1)
    data = pupila.open(tmp_path)
    assert data.classes == [str(digit) for digit in range(10)]
    assert data.images["given_split"].null_count() == len(data)
    assert sorted(set(data.images["part"])) == sorted(tops)
    assert "--layout folders" in data.doubt and "likely" in str(data)
    assert pupila.open(tmp_path, layout="folders").classes == sorted(tops)


def test_splits_below_the_classes(tmp_path: Path) -> None:
    write_folders(tmp_path / "archive", "cat/train", "cat/test", "dog/train", "dog/test")
    assert splits(pupila.open(tmp_path)) == {
        "cat/train": ("cat", "train"), "cat/test": ("cat", "test"), "dog/train": ("dog", "train"),
        "dog/test": ("dog", "test"),
    }  # fmt: skip


@pytest.mark.parametrize("wrappers", ["train", "archive/animals/animals", "data", "v2/train/Images"])
def test_wrappers_are_stepped_through_beside_what_shows_the_data(tmp_path: Path, wrappers: str) -> None:
    write_folders(tmp_path / wrappers, "cat", "dog")
    write_names(tmp_path, "logo.png", "docs/figure.png")
    for name in ("README.md", "LICENSE", "docs/index.html"):
        (tmp_path / name).write_text("text")
    data = pupila.open(tmp_path)
    assert data.class_counts() == {"cat": 3, "dog": 3}
    assert len(data) == 6
    assert f"Read from the inner folder {wrappers}." in data.notes
    assert "1 image beside the README is not data and is left out." in data.notes


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([f"patient_{n:03d}" for n in range(1, 6)], "patients, videos, days or places"),
        ([f"Seq{n:02d}" for n in range(3)], "patients, videos, days or places"),
        (["100CANON", "101CANON", "102_PANA"], "patients, videos, days or places"),
        ([f"2021-03-{n:02d}" for n in range(1, 5)], "patients, videos, days or places"),
        (["images", "labels_road"], "images and their masks"),
        (["shots"], "One folder of images"),
    ],
)
def test_folders_that_are_hardly_classes_are_a_question(tmp_path: Path, names: list[str], words: str) -> None:
    write_folders(tmp_path, *names)
    with pytest.raises(PupilaError, match=words) as fault:
        pupila.open(tmp_path)
    assert "--layout folders" in fault.value.remedy
    assert pupila.open(tmp_path, layout="folders").classes == sorted(names)


def test_equal_names_in_two_folders_that_skip_numbers_are_a_question(tmp_path: Path) -> None:
    write_names(tmp_path, *(f"{top}/IMG_{n}.png" for top in ("day", "night") for n in (3, 17, 20, 44)))
    with pytest.raises(PupilaError, match="images and their masks"):
        pupila.open(tmp_path)
    assert pupila.open(tmp_path, task="classify").classes == ["day", "night"]


@pytest.mark.parametrize(
    "names",
    [[f"class_{n}" for n in range(4)], [f"digit_{n}" for n in range(3)], [str(n) for n in range(10)],
     ["n01440764", "n01443537", "n01484850"], ["with_mask", "without_mask"], ["train_station", "test_tube"]],
)  # fmt: skip
def test_ordinary_class_folders_need_no_question(tmp_path: Path, names: list[str]) -> None:
    write_folders(tmp_path, *names, count=2)
    data = pupila.open(tmp_path)
    assert data.classes == sorted(names)
    assert not data.doubt


def test_system_folders_are_left_out_and_counted_once(tmp_path: Path) -> None:
    write_folders(
        tmp_path, "cat", "dog", "@eaDir/cat", "#recycle", "$RECYCLE.BIN", "cat/@eaDir", "lost+found", count=2
    )
    data = pupila.open(tmp_path)
    assert data.class_counts() == {"cat": 2, "dog": 2}
    assert [note for note in data.notes if note.startswith("Left out")] == [
        "Left out: 10 hidden or system files (@eaDir 4, #recycle 2, $RECYCLE.BIN 2, lost+found 2)."
    ]
    assert data.skipped.filter(data.skipped["subject"] == "@eaDir").rows() == [
        ("@eaDir", "hidden-file", "4 hidden files")
    ]


def test_patients_below_the_classes_are_subfolders(tmp_path: Path) -> None:
    write_folders(tmp_path, *(f"{name}/patient{n}" for name in ("ill", "well") for n in range(3)))
    data = pupila.open(tmp_path)
    assert data.classes == ["ill", "well"]
    assert set(data.images["subfolder"]) == {"patient0", "patient1", "patient2"}


def test_thumbnails_of_the_other_images_are_left_out(tmp_path: Path) -> None:
    write_folders(tmp_path, "cat", "dog", count=2)
    write_names(tmp_path / "thumbnails", *(f"{name}_{n}.png" for name in ("cat", "dog") for n in range(2)))
    data = pupila.open(tmp_path)
    assert data.classes == ["cat", "dog"]
    assert "thumbnails is left out (4 images): thumbnails of the other images." in data.notes
    write_names(tmp_path / "thumbnails", "bird.png")
    assert pupila.open(tmp_path).classes == ["cat", "dog", "thumbnails"]


def test_classes_that_differ_only_in_capitals_are_doubted(tmp_path: Path) -> None:
    write_folders(tmp_path, "train/Cat", "train/Dog", "test/cat", "test/dog")
    assert "Cat, Dog, cat, dog" in pupila.open(tmp_path).doubt


@pytest.mark.parametrize(
    ("train", "test"),
    [("train_images", "test_images"), ("train", "test1"), ("stage1_train", "stage1_test"), ("TrainSet", "TestSet")],
)  # fmt: skip
def test_flat_folders_named_by_splits_are_no_classes(train: str, test: str, tmp_path: Path) -> None:
    write_folders(tmp_path, train, test)
    data = pupila.open(tmp_path)
    assert data.task is None
    assert dict(data.images["given_split"].value_counts().iter_rows()) == {"train": 3, "test": 3}
    assert any(f"{test} is test" in note for note in data.notes)
    named = pupila.open(tmp_path, layout="folders")
    assert named.classes == sorted([train, test])


def test_several_flat_folders_for_each_split_are_asked_about(tmp_path: Path) -> None:
    write_folders(tmp_path, "trainA", "trainB", "testA", "testB")
    with pytest.raises(PupilaError, match=r"splits or classes.*trainA, trainB") as caught:
        pupila.open(tmp_path)
    assert "--layout folders" in str(caught.value)
    assert len(pupila.open(tmp_path, layout="folders").classes) == 4


def test_a_form_for_predictions_is_no_table_of_labels(tmp_path: Path) -> None:
    write_folders(tmp_path, "train", "test1")
    (tmp_path / "sample.csv").write_text("id,label\n" + "".join(f"test1_{n},0\n" for n in range(3)))
    data = pupila.open(tmp_path)
    assert len(data) == 6
    assert data.task is None
    assert any("--labels sample.csv" in note for note in data.notes)


@pytest.mark.parametrize("shift", [0, 2])
def test_views_of_the_same_scenes_are_asked_about(shift: int, tmp_path: Path) -> None:
    for number in range(5):
        pixels, _ = scene(number)
        for folder, view in (("left", pixels), ("right", np.roll(pixels, shift, axis=1) // 2)):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(view).save(tmp_path / folder / f"{number:04d}.png")
    with pytest.raises(PupilaError, match="views of the same scenes") as caught:
        pupila.open(tmp_path)
    assert "--layout folders" in str(caught.value)
    assert pupila.open(tmp_path, layout="folders").classes == ["left", "right"]


def test_photographs_of_equal_names_are_classes_in_doubt_and_drawings_are_not(tmp_path: Path) -> None:
    for number in range(5):
        for order, folder in enumerate(("cat", "dog")):
            write_photo(tmp_path / f"photos/{folder}/{number}.png", 10 * order + number)
            (tmp_path / f"drawings/{folder}").mkdir(parents=True, exist_ok=True)
            drawing = np.zeros((20, 20), np.uint8)
            drawing[3 + number : 12, 4 : 10 + order] = 255
            Image.fromarray(drawing).save(tmp_path / f"drawings/{folder}/{number}.png")
    photos, drawings = pupila.open(tmp_path / "photos"), pupila.open(tmp_path / "drawings")
    assert photos.classes == drawings.classes == ["cat", "dog"]
    assert "views of the same scenes" in photos.doubt
    assert not drawings.doubt


def test_a_list_with_the_line_of_a_folder_is_read(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": 6, "dog": 6})
    names = [f"{name}/{number:03d}.jpg" for name in ("cat", "dog") for number in range(6)]
    (tmp_path / "train.txt").write_text("\n".join([*names[:4], *names[6:10], "cat/", "."]))
    (tmp_path / "val.txt").write_text("\n".join([*names[4:6], *names[10:]]))
    given = pupila.open(tmp_path).images["given_split"].to_list()
    assert (given.count("train"), given.count("validation")) == (8, 4)


def test_a_log_of_times_beside_images_is_no_table_of_run_lengths(tmp_path: Path) -> None:
    for number in range(3):
        write_photo(tmp_path / f"{number}.jpg", number)
    (tmp_path / "log.csv").write_text("time,event\n2024-01-01 10:01,start 5 6\n2024-01-02 11:02,end 7 8\n")
    assert not pupila.open(tmp_path).doubt
