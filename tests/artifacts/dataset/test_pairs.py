"""Images and masks in folders of any name: what pairs, what is passed over, and what stays classes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.open import open as open_data
from pupila.artifacts.dataset.reading import ReadSettings
from pupila.core.errors import PupilaError
from tests.pictures import Pixels, photo, scene, write_photo

LAYOUTS = {
    "nnU-Net": ("imagesTr/case_{n}_0000.png", "labelsTr/case_{n}.png"),
    "ISIC": ("ISIC_Input/ISIC_{n}.jpg", "ISIC_GroundTruth/ISIC_{n}_segmentation.png"),
    "Carvana": ("train/car_{n}.jpg", "train_masks/car_{n}_mask.gif"),
    "LiTS": ("scans/volume-{n}.png", "truths/segmentation-{n}.png"),
    "mmsegmentation": ("img_dir/train/{n}.png", "ann_dir/train/{n}.png"),
    "SegNet": ("CamVid/train/{n}.png", "CamVid/trainannot/{n}.png"),
    "x and y": ("x/{n}.png", "y/{n}.png"),
    "DRIVE": ("training/images/{n}_training.tif", "training/1st_manual/{n}_manual1.gif"),
    "Cityscapes": ("leftImg8bit/train/ulm/ulm_{n}_leftImg8bit.png", "gtFine/train/ulm/ulm_{n}_gtFine_labelIds.png"),
    "glued": ("pictures/im{n}.png", "marked/gt{n}.png"),
    "beside": ("all/{n}.jpg", "all/drawn/{n}.png"),
}  # fmt: skip


def save(path: Path, pixels: Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write_pairs(root: Path, image: str, mask: str, count: int = 6, high: int = 255) -> None:
    for n in range(count):
        pixels, water = scene(n)
        save(root / image.format(n=f"{n:02}"), pixels)
        save(root / mask.format(n=f"{n:02}"), water * np.uint8(high))


def targets(data: Dataset) -> dict[str, str | None]:
    return dict(data.images.select("image", "target").iter_rows())


def read_notes(data: Dataset) -> str:
    return "\n".join(data.notes)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_equal_stems_and_few_values_are_images_and_masks(tmp_path: Path, layout: str) -> None:
    image, mask = LAYOUTS[layout]
    write_pairs(tmp_path, image, mask)
    data = pupila.open(tmp_path)
    root = Path(data.root).relative_to(tmp_path)
    assert {str(root / a): str(root / str(b)) for a, b in targets(data).items()} == {
        image.format(n=f"{n:02}"): mask.format(n=f"{n:02}") for n in range(6)
    }
    assert data.classes == ["background", "foreground"]
    assert not data.doubt and data.skipped.is_empty()


def test_masks_that_are_all_alike_are_passed_over_with_a_note(tmp_path: Path) -> None:
    write_pairs(tmp_path, "training/images/{n}.png", "training/1st_manual/{n}.png")
    disc = np.zeros((72, 96), np.uint8)
    disc[8:64, 12:84] = 255
    for n in range(6):
        save(tmp_path / f"training/mask/{n:02}.png", disc)
    data = pupila.open(tmp_path)
    assert targets(data)["training/images/00.png"] == "training/1st_manual/00.png"
    assert "Masks from 1st_manual; mask also matches and is not used: --masks mask" in read_notes(data)


def test_another_picture_of_the_labels_is_passed_over(tmp_path: Path) -> None:
    write_pairs(tmp_path, "JPEGImages/{n}.jpg", "SegmentationClass/{n}.png")
    write_pairs(tmp_path, "JPEGImages/{n}.jpg", "SegmentationObject/{n}.png", high=100)
    data = pupila.open(tmp_path)
    assert targets(data)["JPEGImages/00.jpg"] == "SegmentationClass/00.png"
    assert "SegmentationObject also matches" in read_notes(data)


def test_two_annotators_are_a_question(tmp_path: Path) -> None:
    write_pairs(tmp_path, "images/{n}.png", "manual1/{n}.png")
    write_pairs(tmp_path, "images/{n}.png", "manual2/{n}.png")
    with pytest.raises(PupilaError, match=r"manual1, manual2[\s\S]*--masks manual1"):
        pupila.open(tmp_path)


def test_a_test_folder_without_masks_is_a_test_split(tmp_path: Path) -> None:
    write_pairs(tmp_path, "imagesTr/a_{n}_0000.png", "labelsTr/a_{n}.png")
    write_photo(tmp_path / "imagesTs/b_07_0000.png", 77)
    write_photo(tmp_path / "docs/screenshot.png", 78)
    data = pupila.open(tmp_path)
    rows = data.images.select("image", "given_split").sort("image").rows()
    assert rows[-1] == ("imagesTs/b_07_0000.png", "test") and rows[0][1] == "train" and len(rows) == 7
    assert "1 image of the test split has no mask." in data.notes
    assert "Other images are not read: docs/screenshot.png." in data.notes


def binary(seed: int) -> Pixels:
    return (photo(seed)[..., 0] > 128).astype(np.uint8) * np.uint8(255)


@pytest.mark.parametrize(
    "names", [("0", "1"), ("cats", "dogs", "birds"), ("before", "after"), ("rgb", "depth")]
)
@pytest.mark.parametrize("kind", ["photos", "drawings", "depth"])
def test_equal_stems_alone_are_no_masks(tmp_path: Path, names: tuple[str, ...], kind: str) -> None:
    for k, name in enumerate(names):
        for n in range(4):
            pixels = photo(10 * k + n) if kind != "drawings" else binary(10 * k + n)
            if kind == "depth" and k:  # smooth, 16 bits
                ramp = np.add.outer(np.arange(72), np.arange(96)) * (n + 40)
                pixels = ramp.astype(np.uint16)
            save(tmp_path / name / f"{n}.png", pixels)
    data = pupila.open(tmp_path)
    assert data.classes == sorted(names)
    assert data.task is not None and data.task.name == "classify"


def test_photographs_and_drawings_of_equal_stems_are_a_question(tmp_path: Path) -> None:
    for n in range(8):
        save(tmp_path / f"street/{n}.png", photo(n))
        save(tmp_path / f"comic/{n}.png", binary(100 + n))
    with pytest.raises(PupilaError, match=r"--layout masks, --layout folders"):
        pupila.open(tmp_path)


def opened(root: Path, **settings: str) -> dict[str, str | None]:
    return targets(open_data(root, ReadSettings.parse(dict(settings), "read")))


def test_named_folders_decide(tmp_path: Path) -> None:
    write_pairs(tmp_path, "images/{n}.png", "manual1/{n}.png")
    write_pairs(tmp_path, "photos/{n}.png", "manual2/{n}.png")
    assert opened(tmp_path, images="images", masks="manual1")["images/00.png"] == "manual1/00.png"
    assert opened(tmp_path, images="photos", masks="manual1")["photos/00.png"] == "manual1/00.png"
    assert (
        opened(tmp_path, images="images", masks=str(tmp_path / "manual2"))["images/00.png"]
        == "manual2/00.png"
    )
    with pytest.raises(PupilaError, match=r"--masks[\s\S]*masqs[\s\S]*manual1, manual2"):
        opened(tmp_path, images="images", masks="masqs")
    with pytest.raises(PupilaError, match="manual1, manual2"):
        opened(tmp_path, images="images")


def test_one_named_folder_finds_the_other(tmp_path: Path) -> None:
    write_pairs(tmp_path, "a/train/im_{n}.png", "b/train/{n}_l.png")
    for n in range(6):
        write_photo(tmp_path / f"c/train/x{n}.png", n)
    for settings in ({"masks": "b"}, {"images": "a"}, {"images": "a", "masks": "b"}):
        rows = opened(tmp_path, **settings)
        assert len(rows) == 6 and rows["a/train/im_00.png"] == "b/train/00_l.png"


def test_a_saved_manifest_keeps_the_named_folders(tmp_path: Path) -> None:
    write_pairs(tmp_path, "images/{n}.png", "manual1/{n}.png")
    write_pairs(tmp_path, "images/{n}.png", "manual2/{n}.png")
    open_data(tmp_path, ReadSettings(masks="manual2")).save(str(tmp_path))
    assert targets(pupila.open(tmp_path))["images/00.png"] == "manual2/00.png"


@pytest.mark.parametrize(
    ("image", "mask"), [("{n}.jpg", "{n}.png"), ("{n}_image.png", "{n}_label.png"), ("{n}.png", "{n}_mask.png"),
                        ("case {n}/image.png", "case {n}/mask.png"), ("s{n}-in.png", "s{n}-out.png")],
)  # fmt: skip
@pytest.mark.parametrize("folder", ["", "kind/"])
def test_masks_beside_their_images_in_one_folder(tmp_path: Path, image: str, mask: str, folder: str) -> None:
    write_pairs(tmp_path, folder + image, folder + mask)
    write_photo(tmp_path / "docs/screen.png", 5)
    (tmp_path / "docs/readme.md").write_text("x")
    rows = targets(pupila.open(tmp_path))
    assert rows[(folder + image).format(n="03")] == (folder + mask).format(n="03")


def test_masks_among_the_images_of_classes_are_no_classes(tmp_path: Path) -> None:
    for name in ("benign", "malignant"):
        write_pairs(tmp_path, f"{name}/{name} ({{n}}).png", f"{name}/{name} ({{n}})_mask.png")
    assert len(targets(pupila.open(tmp_path))) == 12
    for n in range(40):
        write_photo(tmp_path / f"normal/normal ({n}).png", 100 + n)
    with pytest.raises(PupilaError, match=r"masks of others[\s\S]*--layout masks, --layout folders"):
        pupila.open(tmp_path)
    assert len(opened(tmp_path, layout="masks")) == 52


@pytest.mark.parametrize(
    "mask", ["masks/{n}_{part}.png", "masks/{part}/{n}.png", "mask_{part}/{n}.png", "{part}/{n}.png"]
)
def test_a_mask_file_for_each_class(tmp_path: Path, mask: str) -> None:
    for n in range(6):
        pixels, water = scene(n)
        save(tmp_path / f"images/{n:02}.png", pixels)
        top = np.zeros_like(water)
        top[: 20 + n] = 1
        for part, marked in (("lake", water & (1 - top)), ("sky", top)):
            save(tmp_path / mask.format(n=f"{n:02}", part=part), marked * np.uint8(255))
    if mask.startswith("{part}"):
        with pytest.raises(PupilaError, match="--masks lake"):
            pupila.open(tmp_path)
        return
    data = pupila.open(tmp_path)
    assert data.classes == ["background", "lake", "sky"]
    assert (data.mask(0)[:20] == 2).all() and (data.mask(0)[20:] < 2).all()
    assert "lake, sky" in read_notes(data)


def test_a_mask_file_for_each_object(tmp_path: Path) -> None:
    for n in range(4):
        pixels, water = scene(n)
        save(tmp_path / f"stage1/{n}ab/images/{n}ab.png", pixels)
        for k in range(3):
            part = np.zeros_like(water)
            part[k * 20 : k * 20 + 20] = water[k * 20 : k * 20 + 20]
            save(tmp_path / f"stage1/{n}ab/masks/{n * 7 + k:05x}.png", part * np.uint8(255))
    data = pupila.open(tmp_path)
    assert data.classes == ["background", "foreground"]
    assert (data.mask(0)[:60] == scene(0)[1][:60]).all()
    assert "up to 3 mask files" in read_notes(data)


def test_channels_of_one_image_are_named(tmp_path: Path) -> None:
    for channel in ("0000", "0001"):
        write_pairs(tmp_path, f"imagesTr/a_{{n}}_{channel}.png", "labelsTr/a_{n}.png")
    with pytest.raises(PupilaError, match=r"_0000, _0001[\s\S]*--images '\*_0000\.\*'"):
        pupila.open(tmp_path)
    rows = opened(tmp_path, images="*_0000.*")
    assert len(rows) == 6 and rows["imagesTr/a_00_0000.png"] == "labelsTr/a_00.png"


def test_stems_that_recur_in_other_splits_keep_their_own_masks(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        write_pairs(tmp_path, f"data/{split}/{{n}}.png", f"data/{split}annot/{{n}}.png", count=3)
    data = pupila.open(tmp_path)
    assert targets(data) == {
        f"{s}/{n:02}.png": f"{s}annot/{n:02}.png" for s in ("train", "val", "test") for n in range(3)
    }
    assert set(data.images["given_split"]) == {"train", "validation", "test"}


def test_two_annotators_in_one_folder_are_a_question(tmp_path: Path) -> None:
    for who in ("1stHO", "2ndHO"):
        write_pairs(tmp_path, "Image_{n}L.jpg", f"Image_{{n}}L_{who}.png")
    with pytest.raises(PupilaError, match=r"--masks '\*_1stHO\.png'"):
        pupila.open(tmp_path)
    rows = opened(tmp_path, masks="*_1stHO.png")
    assert len(rows) == 6 and rows["Image_00L.jpg"] == "Image_00L_1stHO.png"


def test_masks_without_the_folders_of_splits_pair_by_unique_stems(tmp_path: Path) -> None:
    write_pairs(tmp_path, "images/train/{n}.png", "masks/{n}.png")
    assert targets(pupila.open(tmp_path))["images/train/00.png"] == "masks/00.png"


def test_splits_whose_stems_end_differently_are_matched_apart(tmp_path: Path) -> None:
    for split, numbers in (("training", range(21, 25)), ("test", range(1, 4))):
        for number in numbers:
            pixels, mask = scene(number, 40, 30)
            shown = tmp_path / split / "images" / f"{number:02d}_{split}.png"
            shown.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(shown)
            for annotator in ("1st", "2nd")[: 1 if split == "training" else 2]:
                marked = tmp_path / split / f"{annotator}_manual" / f"{number:02d}_manual{annotator[0]}.png"
                marked.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(mask * 255).save(marked)
    data = pupila.open(tmp_path)  # the second person annotated a few images alone
    assert "2nd_manual also matches and is not used" in " ".join(data.notes)
    assert targets(data) == targets(pupila.open(tmp_path, masks="1st_manual"))
    assert data.images["target"].null_count() == 0 and len(data) == 7
    assert set(data.images["given_split"]) == {"train", "test"}
