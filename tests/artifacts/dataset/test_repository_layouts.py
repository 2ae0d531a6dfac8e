"""Whole repositories as they lie: several levels, examples and documents beside the data, copies of masks, lines."""

import random
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from PIL import Image, ImageDraw

import pupila
from pupila.core.errors import PupilaError
from tests.pictures import Pixels, scene, write_photo

_WORDS = [
    "apple",
    "pear",
    "oak",
    "spiral",
    "wave",
    "north",
    "rust",
    "scab",
    "mold",
    "healthy",
    "nail",
    "palm",
    "kite",
]


def write(path: Path, pixels: Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write_classes(root: Path, *folders: str, count: int = 3, stem: str = "{folder}_{n}") -> None:
    for folder in folders:
        for n in range(count):
            name = stem.format(folder=folder.replace("/", "-"), n=n)
            write_photo(root / folder / f"{name}.png", crc32(f"{folder} {n}".encode()) % 100_000, 24, 20)


def write_pair(image: Path, *masks: Path, seed: int) -> None:
    shown, water = scene(seed, 40, 30)
    write(image, shown)
    for mask in masks:
        write(mask, water * np.uint8(255))


def draw_words(seed: int, count: int) -> list[str]:
    return random.Random(seed).sample(_WORDS, count)


@pytest.mark.parametrize("seed", range(4))
def test_classes_of_two_levels_are_a_question_that_two_flags_answer(tmp_path: Path, seed: int) -> None:
    first, second, *inner = draw_words(seed, 4)
    write_classes(tmp_path, *(f"{top}/{name}" for top in (first, second) for name in inner))
    with pytest.raises(PupilaError, match="It is open which folders are the classes") as question:
        pupila.open(tmp_path)
    assert "--layout folders" in question.value.remedy and "--task classify" in question.value.remedy
    assert pupila.open(tmp_path, layout="folders").classes == sorted((first, second))
    assert pupila.open(tmp_path, task="classify").classes == sorted(inner)


@pytest.mark.parametrize("tops", [("site_A", "site_B"), ("set1", "set2"), ("2019", "2020")])
def test_folders_that_are_counted_are_parts_and_no_question(tmp_path: Path, tops: tuple[str, str]) -> None:
    write_classes(tmp_path, *(f"{top}/{name}" for top in tops for name in ("rust", "scab")))
    data = pupila.open(tmp_path)
    assert data.classes == ["rust", "scab"] and sorted({*data.images["part"]}) == sorted(tops)


@pytest.mark.parametrize("inner", [[str(n) for n in range(10)], ["healthy", "rust"], ["A", "B", "C"]])
def test_a_folder_of_folders_beside_one_of_images_is_a_question(tmp_path: Path, inner: list[str]) -> None:
    write_classes(tmp_path, *(f"Dataset/{name}" for name in inner), "Examples")
    with pytest.raises(PupilaError, match="It is open which folders are the classes") as question:
        pupila.open(tmp_path)
    assert "name the folder Dataset" in question.value.remedy
    assert pupila.open(tmp_path / "Dataset").classes == sorted(inner)
    assert pupila.open(tmp_path, layout="folders").classes == ["Dataset", "Examples"]


@pytest.mark.parametrize(
    "beside",
    [{"examples": 1, "images": 1}, {"yes": 3, "no": 3}, {"report/figures": 4}, {"a": 1, "b": 1, "c": 1}],
)
def test_folders_that_hold_less_or_are_called_the_same_are_no_classes(
    tmp_path: Path, beside: dict[str, int]
) -> None:
    write_classes(tmp_path, "tumours/yes", "tumours/no", count=5)
    for folder, count in beside.items():
        write_classes(tmp_path, folder, count=count)
    with pytest.raises(PupilaError, match="name the folder tumours"):
        pupila.open(tmp_path)


@pytest.mark.parametrize("inner", ["visit_1 visit_2", "2019-03 2020-04"])
def test_a_class_with_folders_of_days_beside_one_without_is_a_class(tmp_path: Path, inner: str) -> None:
    write_classes(tmp_path, *(f"cat/{name}" for name in inner.split()), "dog")
    assert pupila.open(tmp_path).classes == ["cat", "dog"]


def test_photos_beside_pictures_of_the_documentation_are_no_classes(tmp_path: Path) -> None:
    write_classes(tmp_path, "photos", "docs", count=1)
    write_classes(tmp_path, "photos", count=8)
    write_photo(tmp_path / "logo.png", 1, 24, 20)
    (tmp_path / "README.md").write_text("# Data\n")
    data = pupila.open(tmp_path)
    assert data.task is None and len(data) == 8 and "docs is left out" in " ".join(data.notes)


@pytest.mark.parametrize("folder", ["images", "unknown"])
def test_a_split_without_class_folders_has_no_labels(tmp_path: Path, folder: str) -> None:
    write_classes(tmp_path, "train/cat", "train/dog", f"val/{folder}", f"test/{folder}")
    data = pupila.open(tmp_path)
    assert data.classes == ["cat", "dog"] and data.images["target"].null_count() == 6
    assert {*data.images["given_split"]} == {"train", "validation", "test"}
    assert f"test/{folder} is none of the class folders" in " ".join(data.notes)


def test_a_folder_that_holds_the_word_of_a_split_that_is_there_is_no_split(tmp_path: Path) -> None:
    write_classes(tmp_path, *(f"{split}/{name}" for split in ("Training", "Test") for name in ("cat", "dog")))
    write_classes(tmp_path, "test-multiple", count=2)
    data = pupila.open(tmp_path)
    assert data.images["given_split"].null_count() == 2
    assert "test-multiple lies beside the splits" in " ".join(data.notes)


@pytest.mark.parametrize("views", [False, True])
def test_equal_names_in_many_folders_are_classes_unless_they_show_the_same(
    tmp_path: Path, views: bool
) -> None:
    stems = ["ab12", "cd90", "e3f1", "k77x", "zz04"]
    for folder, name in enumerate(["a", "b", "c", "d"]):
        for n, stem in enumerate(stems):
            seed = n if views else 10 * folder + n
            write_photo(tmp_path / f"class {name}" / f"{stem}.png", seed, 24 + folder, 20 + folder)
    if views:
        with pytest.raises(PupilaError, match="views of the same scenes"):
            pupila.open(tmp_path)
    else:
        assert len(pupila.open(tmp_path).classes) == 4


def test_masks_of_each_slide_are_matched_with_that_slide_alone(tmp_path: Path) -> None:
    for slide in range(1, 4):
        for n in range(4):
            name = f"{slide:02d}_{n}.png"
            write_pair(
                tmp_path / f"Slide_{slide}/{name}", tmp_path / f"GT_{slide}/{name}", seed=10 * slide + n
            )
    data = pupila.open(tmp_path)
    pairs = dict(data.images.select("image", "target").iter_rows())
    assert len(pairs) == 12
    assert all(image.replace("Slide", "GT") == mask for image, mask in pairs.items())


@pytest.mark.parametrize("other", ["masks_eroded", "labels_coarse", "gt_color"])
@pytest.mark.parametrize("split", [False, True])
def test_other_masks_beside_the_usual_folder_are_named_and_are_no_images(
    tmp_path: Path, other: str, split: bool
) -> None:
    for top, count in (("train", 5), ("test", 3)):
        for n in range(count):
            folder = tmp_path / ("" if split else top)
            images, masks, rest = (f"{top}_{part}" if split else part for part in ("images", "masks", other))
            write_pair(folder / images / f"p{n}.png", folder / masks / f"p{n}.png", seed=n)
            if not split or top == "test":
                _, water = scene(n, 40, 30)
                write(folder / rest / f"p{n}.png", np.roll(water, 4, 1) * np.uint8(200))
    data = pupila.open(tmp_path)
    assert len(data) == 8 and all("masks/" in target for target in data.images["target"])
    assert f"{other} also matches and is not used" in " ".join(data.notes)


def test_masks_in_two_folders_below_one_of_labels_are_chosen_by_name_with_a_note(tmp_path: Path) -> None:
    for split in ("train", "val"):
        for n in range(4):
            below = tmp_path / "labels/sem"
            copies = [below / kind / split / f"{split}{n}.png" for kind in ("colormaps", "masks")]
            write_pair(tmp_path / f"images/10k/{split}/{split}{n}.png", *copies, seed=n)
    data = pupila.open(tmp_path)
    assert all("/masks/" in target for target in data.images["target"])
    assert "colormaps also matches and is not used" in " ".join(data.notes)
    for path in [*(tmp_path / "labels/sem").glob("masks")]:
        path.rename(path.with_name("v2"))
    with pytest.raises(PupilaError, match="Several folders may hold the masks"):
        pupila.open(tmp_path)


@pytest.mark.parametrize("names", [("TrainDataset", "TestDataset"), ("my_train_data", "my_val_data")])
def test_words_of_splits_in_the_folders_around_images_and_masks_are_splits(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    for top in names:
        for n in range(4):
            write_pair(tmp_path / top / f"Imgs/{n}.png", tmp_path / top / f"GT/{n}.png", seed=n)
    data = pupila.open(tmp_path)
    assert data.images["given_split"].value_counts()["count"].to_list() == [4, 4]


def test_a_split_that_is_not_read_for_want_of_masks_makes_the_reading_doubtful(tmp_path: Path) -> None:
    for n in range(4):
        write_pair(
            tmp_path / f"test/scratch/{n}.png", tmp_path / f"ground_truth/scratch/{n}_mask.png", seed=n
        )
    write_classes(tmp_path, "train/good")
    assert "a split are not read" in pupila.open(tmp_path).doubt


def test_folders_that_are_called_images_are_not_offered_as_classes(tmp_path: Path) -> None:
    for n in range(4):
        write_pair(tmp_path / f"imagesTr/c_{n}_0000.png", tmp_path / f"labelsTr/c_{n}.png", seed=n)
    write_classes(tmp_path, "imagesTs", stem="t_{n}_0000")
    data = pupila.open(tmp_path)
    assert len(data) == 7 and "as classes" not in " ".join(data.notes)


@pytest.mark.parametrize("width", [1, 2])
def test_numbered_lines_are_a_question(tmp_path: Path, width: int) -> None:
    rng = np.random.default_rng(width)
    for n in range(6):
        mask = Image.new("L", (64, 64))
        for number in range(1, int(rng.integers(9, 15))):
            ends = [tuple(map(int, rng.integers(0, 63, 2))) for _ in range(2)]
            ImageDraw.Draw(mask).line(ends, fill=number, width=width)
        write_photo(tmp_path / f"images/{n}.png", n, 64, 64)
        write(tmp_path / f"masks/{n}.png", np.asarray(mask))
    with pytest.raises(PupilaError, match="classes or numbered objects"):
        pupila.open(tmp_path)
    assert pupila.open(tmp_path, instances="merge").classes == ["background", "foreground"]


@pytest.mark.parametrize("names", ["train val", "train_set7 test_set7"])
def test_lists_may_leave_out_what_all_stems_end_with_and_add_a_word_to_the_split(
    tmp_path: Path, names: str
) -> None:
    for n in range(8):
        write_pair(tmp_path / f"imgs/{n:04d}_img.png", tmp_path / f"gts/{n:04d}_gt.png", seed=n)
    (tmp_path / "splits").mkdir()
    for name, numbers in zip(names.split(), (range(5), range(5, 8)), strict=True):
        (tmp_path / f"splits/{name}.txt").write_text("".join(f"{n:04d}\n" for n in numbers))
    (tmp_path / "splits/all.txt").write_text("".join(f"{n:04d}\n" for n in range(8)))
    splits = pupila.open(tmp_path).images["given_split"]
    assert sorted(splits.value_counts()["count"]) == [3, 5] and splits.null_count() == 0


def test_masks_beside_outlines_are_not_passed_over_silently(tmp_path: Path) -> None:
    for n in range(4):
        write_pair(tmp_path / f"images/{n}.png", tmp_path / f"masks/{n}.png", seed=n)
        (tmp_path / "labels").mkdir(exist_ok=True)
        (tmp_path / f"labels/{n}.txt").write_text("0 0.1 0.1 0.5 0.1 0.5 0.5 0.1 0.6 0.2 0.7\n")
    assert "Masks in masks are not read" in " ".join(pupila.open(tmp_path).notes)
