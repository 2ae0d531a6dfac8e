"""Every fault of masks: the fault itself, and a harmless look-alike; swapped masks in synthetic and real data."""

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from PIL import Image

import pupila
from pupila.artifacts.report.fingerprint import Fault
from pupila.artifacts.run.plan import COMPLETED, PlanFile, RunPlan, write_plan
from pupila.cli.run import run
from pupila.stages.doctor import mask_fit
from pupila.stages.doctor.examine import has_errors
from tests.pictures import photo, scene, write_classes, write_scenes

Plant = Callable[[Path], object]
Pixels = NDArray[np.uint8]


def faults_of(folder: Path, **options: Any) -> dict[str, Fault]:
    return {fault.code: fault for fault in pupila.doctor(folder, **options)}


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenes(tmp_path_factory.mktemp("scenes") / "data", 24)


@pytest.fixture
def sound(scenes: Path, tmp_path: Path) -> Path:
    """24 sound scenes: enough to check whether masks belong to their images."""
    return shutil.copytree(scenes, tmp_path / "data")


@pytest.fixture
def few(scenes: Path, tmp_path: Path) -> Path:
    """Ten of them: not enough for that."""
    for path in sorted(scenes.glob("*/00?.png")):
        (tmp_path / "few" / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, tmp_path / "few" / path.parent.name)
    return tmp_path / "few"


def mask(name: str, pixels: Any, **options: Any) -> Plant:
    return lambda folder: Image.fromarray(np.asarray(pixels, np.uint8)).save(
        folder / "masks" / name, **options
    )


def image(name: str, pixels: Any, **options: Any) -> Plant:
    return lambda folder: Image.fromarray(pixels).save(folder / "images" / name, **options)


def pair(name: str, shown: Any, drawn: Any, **options: Any) -> Plant:
    return all_of(image(name, shown, **options), mask(name, drawn))


def classes(content: object) -> Plant:
    return lambda folder: (folder / "classes.json").write_text(json.dumps(content))


def all_of(*plants: Plant) -> Plant:
    def plant(folder: Path) -> None:
        for each in plants:
            each(folder)

    return plant


def indices(folder: Path) -> None:
    """The masks hold 0 and 1, and those of three classes 2 in a corner."""
    for path in (folder / "masks").iterdir():
        drawn = np.asarray(Image.open(path)) // 255
        drawn[:9, :9] = 2
        Image.fromarray(drawn).save(path)


def values(old: int, new: int, corner: int | None = None) -> Plant:
    def plant(folder: Path) -> None:
        for path in sorted((folder / "masks").iterdir()):
            drawn = np.array(Image.open(path))
            drawn[drawn == old] = new
            if corner is not None:
                drawn[:3, :4] = corner
            Image.fromarray(drawn).save(path)

    return plant


def swapped(first: str, second: str) -> Plant:
    def plant(folder: Path) -> None:
        mine, other = (folder / "masks" / name for name in (first, second))
        content = mine.read_bytes()
        mine.write_bytes(other.read_bytes())
        other.write_bytes(content)

    return plant


def turned(number: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = number
    return exif


SHOWN, WATER = scene(500)
SOFT = np.asarray(Image.fromarray(WATER * 255).resize((192, 144), Image.Resampling.BILINEAR))
WIDER, ITS_WATER = scene(501, 120, 72)
OTHER = np.roll(WATER, 4, axis=1)  # drawn a second time, by a careless hand
TWO = {"0": "land", "255": "water"}
THREE = {"0": "land", "1": "water", "2": "sky"}

# code -> (the fault, a harmless look-alike); both are planted among ten sound scenes
CASES: dict[str, tuple[Plant, Plant]] = {
    "image-without-mask": (image("x.png", SHOWN), pair("x.png", SHOWN, WATER * 255)),
    "mask-without-image": (mask("x.png", WATER * 255), pair("x.png", SHOWN, WATER * 255)),
    "multiple-masks": (
        all_of(pair("x.png", SHOWN, WATER * 255), mask("x.bmp", WATER * 255)),
        pair("x.png", SHOWN, WATER * 255),
    ),
    "unreadable-mask": (
        all_of(image("x.png", SHOWN), lambda folder: (folder / "masks/x.png").write_bytes(b"\x89PNG\r\n\x1a\n")),
        pair("x.png", SHOWN, WATER * 255),
    ),
    "mask-aspect-mismatch": (pair("x.png", SHOWN, ITS_WATER * 255), pair("x.png", WIDER, ITS_WATER * 255)),
    "mask-size-mismatch": (
        pair("x.png", SHOWN, WATER.repeat(2, axis=0).repeat(2, axis=1) * 255),
        pair("x.png", SHOWN, WATER * 255),
    ),
    # the photo is stored upside down and turned upright by its note; so is the mask that was drawn on the shown photo
    "exif-mismatch": (
        pair("x.png", np.ascontiguousarray(SHOWN[::-1, ::-1]), WATER * 255, exif=turned(3)),
        pair("x.png", SHOWN, WATER * 255, exif=turned(1)),
    ),
    "mask-not-rotated": (
        pair("x.png", np.ascontiguousarray(SHOWN[::-1, ::-1]), WATER[::-1, ::-1] * 255, exif=turned(3)),
        pair("x.png", np.ascontiguousarray(SHOWN[::-1, ::-1]), WATER * 255, exif=turned(3)),
    ),
    "soft-mask": (
        all_of(classes(TWO), pair("x.png", SHOWN, SOFT)),
        all_of(classes(TWO), pair("x.png", SHOWN, WATER * 255)),
    ),
    "jpeg-mask": (
        all_of(image("x.png", SHOWN), mask("x.jpg", WATER * 255)),
        pair("x.png", SHOWN, WATER * 255),
    ),
    "unknown-mask-values": (
        all_of(indices, classes(THREE), pair("x.png", SHOWN, WATER + 7)),
        all_of(indices, classes(THREE), pair("x.png", SHOWN, WATER)),
    ),
    "mask-value-mismatch": (classes({"0": "land", "1": "water"}), classes(TWO)),
    "unlabelled-mask": (
        all_of(indices, classes(THREE), pair("x.png", SHOWN, np.full((72, 96), 255))),
        all_of(indices, classes(THREE), pair("x.png", SHOWN, np.where(WATER, 255, 0))),
    ),
    "empty-mask": (pair("x.png", SHOWN, WATER * 0), pair("x.png", SHOWN, WATER * 255)),
    "full-mask": (pair("x.png", SHOWN, WATER * 0 + 255), pair("x.png", SHOWN, WATER * 255)),
    "single-class-mask": (
        all_of(indices, classes(THREE), pair("x.png", SHOWN, WATER * 0 + 2)),
        all_of(indices, classes(THREE), pair("x.png", SHOWN, WATER * 2)),
    ),
    "unlabelled-pixels": (
        all_of(indices, classes(THREE), pair("x.png", SHOWN, np.where(OTHER, 255, WATER))),
        all_of(indices, classes(THREE), pair("x.png", SHOWN, WATER)),
    ),
    "conflicting-masks": (
        all_of(pair("x.png", SHOWN, WATER * 255), pair("y.png", SHOWN, OTHER * 255)),
        all_of(pair("x.png", SHOWN, WATER * 255), pair("y.png", SHOWN, WATER * 255)),
    ),
    "annotator-agreement": (
        all_of(pair("x.png", SHOWN, WATER * 255), pair("y.png", SHOWN[:, ::-1], OTHER[:, ::-1] * 255)),
        all_of(pair("x.png", SHOWN, WATER * 255), pair("y.png", SHOWN[:, ::-1], WATER[:, ::-1] * 255)),
    ),
}  # fmt: skip
ALL_CODES = {*CASES, "poor-mask-fit", "mismatched-mask", "mask-fit-at-chance", "prediction-fits-another-mask",
             "mask-prediction-disagreement"}  # fmt: skip


def test_sound_scenes_have_no_fault(sound: Path) -> None:
    assert faults_of(sound) == {}


@pytest.mark.parametrize("code", sorted(CASES))
def test_the_fault_is_reported(few: Path, code: str) -> None:
    CASES[code][0](few)
    fault = faults_of(few)[code]
    assert fault.count == 1
    assert len(fault.examples) == 1


@pytest.mark.parametrize("code", sorted(CASES))
def test_the_harmless_look_alike_is_not_reported(few: Path, code: str) -> None:
    CASES[code][1](few)
    assert code not in faults_of(few)


def test_a_soft_mask_is_reported_with_threshold_and_share_of_pixels(few: Path) -> None:
    drawn = WATER * 255
    drawn[0, :10] = 127  # below the middle of 0 and 255
    all_of(classes(TWO), pair("x.png", SHOWN, drawn))(few)
    assert faults_of(few)["soft-mask"].examples == [
        "masks/x.png (0.14 % of the pixels; values from 128 are read as water)"
    ]
    data = pupila.open(few)
    row = data.images["image"].to_list().index("images/x.png")
    assert not data.mask(row)[0, :10].any()


@pytest.mark.parametrize(
    ("plant", "example"),
    [
        (
            classes({"0": "land", "1": "water"}),
            "water has value 1 in the class file but occurs in no mask; the masks contain 0 (",
        ),
        (
            all_of(values(255, 1), classes(TWO)),
            "water has value 255 in the class file but occurs in no mask; the masks contain 0 (",
        ),
    ],
)
def test_class_indices_read_as_0_and_255_or_the_reverse_are_an_error(
    few: Path, plant: Plant, example: str
) -> None:
    plant(few)
    faults = faults_of(few)
    assert faults["mask-value-mismatch"].examples[0].startswith(example)
    assert faults["mask-value-mismatch"].severity == faults["single-class"].severity == "error"


def test_annotator_agreement_is_the_iou_computed_by_hand(few: Path) -> None:
    # x is 40 columns wide; y shares 30 of them, of 50 in all, once flipped and doubled; z shares 20 of 40
    x, y, z = np.zeros((72, 96), np.uint8), np.zeros((36, 48), np.uint8), np.zeros((72, 96), np.uint8)
    x[:, :40] = y[:, 23:43] = z[:, :20] = 255
    pair("x.png", SHOWN, x)(few)
    pair("y.png", np.asarray(Image.fromarray(SHOWN).resize((48, 36)))[:, ::-1], y)(few)
    pair("z.png", SHOWN, z)(few)
    faults = faults_of(few)
    assert faults["annotator-agreement"].examples == ["mean IoU 0.550 in 2 pairs, range 0.500 to 0.600"]
    assert faults["conflicting-masks"].examples == [
        "images/x.png = images/z.png (IoU 0.500)",
        "images/x.png = images/y.png (IoU 0.600)",
    ]


def test_a_crop_is_no_second_annotation(few: Path) -> None:
    wide, water = scene(600, 384, 288)
    pair("x.png", wide, water * 255)(few)
    pair("y.png", wide[14:-14, 18:-18], np.roll(water, 5)[14:-14, 18:-18] * 255)(few)
    faults = faults_of(few)
    assert faults["near-duplicates"].count == 1
    assert "annotator-agreement" not in faults


def test_swapped_masks_name_each_other(sound: Path) -> None:
    swapped("003.png", "017.png")(sound)
    faults = pupila.doctor(sound)
    fault = {item.code: item for item in faults}["mismatched-mask"]
    assert sorted(fault.examples) == [
        "images/003.png (the mask of images/017.png fits it)",
        "images/017.png (the mask of images/003.png fits it)",
    ]
    assert has_errors(faults)


def test_a_mask_whose_image_is_missing_has_a_poor_fit(sound: Path) -> None:
    pair("x.png", photo(900), WATER[::-1] * 255)(sound)
    faults = faults_of(sound)
    assert faults["poor-mask-fit"].examples == ["images/x.png"]
    assert "mismatched-mask" not in faults


def test_swapped_masks_of_other_shapes_are_known_by_their_size(few: Path) -> None:
    pair("x.png", SHOWN, ITS_WATER * 255)(few)
    pair("y.png", WIDER, WATER * 255)(few)
    fault = faults_of(few)["mismatched-mask"]
    assert fault.examples == ["images/x.png (its mask has the size of images/y.png)",
                              "images/y.png (its mask has the size of images/x.png)"]  # fmt: skip
    assert fault.severity == "warning"  # training skips them anyway


def test_shuffled_masks_fit_at_chance(sound: Path) -> None:
    drawn = [path.read_bytes() for path in sorted((sound / "masks").iterdir())]
    for path, data in zip(sorted((sound / "masks").iterdir()), drawn[7:] + drawn[:7], strict=True):
        path.write_bytes(data)
    faults = faults_of(sound)
    assert faults["mask-fit-at-chance"].examples == ["24 images"]
    assert not {"mismatched-mask", "poor-mask-fit"} & set(faults)


def test_few_masks_are_not_checked(tmp_path: Path) -> None:
    write_scenes(tmp_path, mask_fit.MIN_MASKS - 1)
    swapped("003.png", "017.png")(tmp_path)
    assert faults_of(tmp_path) == {}


def test_a_mask_of_the_photo_as_stored_is_turned_with_it(few: Path) -> None:
    pair("x.png", np.ascontiguousarray(np.rot90(SHOWN)), np.rot90(WATER) * 255, exif=turned(6))(few)
    faults = faults_of(few)
    assert not {"mask-not-rotated", "exif-mismatch", "mask-aspect-mismatch"} & set(faults)


def test_a_mask_with_a_rotation_of_its_own_beside_an_upright_photo_is_not_rotated_alike(few: Path) -> None:
    image("x.png", SHOWN)(few)
    Image.fromarray(WATER * 255).save(few / "masks/x.png", exif=turned(6))
    faults = faults_of(few)
    assert faults["mask-not-rotated"].examples == ["images/x.png (EXIF orientation 1, mask 6)"]
    assert faults["mask-aspect-mismatch"].count == 1


def test_standing_takes_out_what_fits_everything() -> None:
    scores = np.random.default_rng(3).normal(size=(6, 6)) + 4 * np.eye(6)
    fits = mask_fit.standardize_scores(scores)
    moved = mask_fit.standardize_scores(scores + np.arange(6)[:, None] - 3 * np.arange(6) ** 2)
    assert fits == pytest.approx(moved)
    assert fits[~np.eye(6, dtype=bool)].std() == pytest.approx(1)
    assert (np.diagonal(fits) > 2).all()
    assert mask_fit.standardize_scores(np.ones((3, 3))) == pytest.approx(0)


@pytest.mark.parametrize(("cells", "most"), [(32, 256), (64_000, 31), (64_000_000, 20)])
def test_blocks_are_smaller_where_classes_are_many(cells: int, most: int) -> None:
    sizes: list[int] = []

    def score(rows: Pixels) -> Any:
        sizes.append(len(rows))
        return 100 * np.eye(len(rows)) + np.random.default_rng(1).normal(size=(len(rows), len(rows)))

    masks = np.zeros((600, 2, 2), np.uint8)
    assert mask_fit.find_misfits(np.arange(600), score, cells, masks) == []
    assert most - 5 <= max(sizes) <= most
    assert sum(sizes) == 600 + most  # each once, and those that stood out again


def test_mutual_information_of_hand_made_images() -> None:
    # two kinds of pixels; the first mask follows them, the second has half of each kind in each class
    kinds = np.array([[[0, 0], [1, 1]], [[0, 0], [1, 1]]])
    masks = np.array([[[0, 0], [1, 1]], [[0, 1], [0, 1]]])
    information = mask_fit.mutual_information(kinds, masks, (2, 2))
    assert information[0] == pytest.approx([np.sqrt(np.log(2)), 0], abs=1e-6)


# with a run


def write_run(folder: Path, data: Path, wrong: float = 0.1, **others: str) -> Path:
    """A run whose predictions are the true masks, shifted, with a share of pixels flipped: synthetic, no model."""
    opened, rng = pupila.open(data), np.random.default_rng(5)
    rows = []
    for name, digest in opened.images.select("image", "sha256").iter_rows():
        stem = name.rpartition("/")[2][:3]
        predicted = np.roll(scene(int(stem))[1], 2, axis=1)
        predicted ^= rng.random(predicted.shape) < wrong
        buffer = io.BytesIO()
        Image.fromarray(predicted, "L").save(buffer, "PNG")
        rows.append({"image": name, "sha256": digest, "split": "validation", "fold": 0, "component": 0,
                     "mask": buffer.getvalue()})  # fmt: skip
    folder.mkdir()
    pl.DataFrame(rows).write_parquet(folder / "oof.parquet")
    return folder


def test_a_run_ranks_the_masks_that_disagree_and_names_swapped_ones(sound: Path, tmp_path: Path) -> None:
    swapped("003.png", "017.png")(sound)
    mask("009.png", (1 - scene(9)[1]) * 255)(sound)  # inverted
    faults = faults_of(sound, run=write_run(tmp_path / "run", sound))
    assert sorted(faults["prediction-fits-another-mask"].examples) == [
        "images/003.png (its prediction fits the mask of images/017.png)",
        "images/017.png (its prediction fits the mask of images/003.png)",
    ]
    ranked = faults["mask-prediction-disagreement"].examples
    assert ranked[0].startswith("images/009.png (IoU 0.1")
    assert {example.split()[0] for example in ranked} == {
        "images/003.png",
        "images/009.png",
        "images/017.png",
    }


def test_a_run_that_agrees_finds_nothing(sound: Path, tmp_path: Path) -> None:
    assert faults_of(sound, run=write_run(tmp_path / "run", sound)) == {}


def test_data_that_cannot_be_compared_with_a_run_are_refused(sound: Path, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", sound)
    with pytest.raises(pupila.PupilaError, match="No run in"):
        pupila.doctor(sound, run=tmp_path)
    with pytest.raises(pupila.PupilaError, match="compares only masks, and several labels"):
        pupila.doctor(write_classes(tmp_path / "classes", {"cat": 2, "dog": 2}), run=folder)
    with pytest.raises(pupila.PupilaError, match="no predictions for these images"):
        pupila.doctor(write_scenes(tmp_path / "more", 3, seed=2), run=folder)
    pl.read_parquet(folder / "oof.parquet").drop("mask").write_parquet(folder / "oof.parquet")
    with pytest.raises(pupila.PupilaError, match="columns mask in"):
        pupila.doctor(sound, run=folder)


def test_a_run_with_another_class_order_is_refused(sound: Path, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", sound)
    plan = RunPlan(
        task="segment", model="unet", classes=["background", "foreground"], data_hash="", splits_hash=""
    )
    write_plan(str(folder), PlanFile[RunPlan](state=COMPLETED, settings={}, plan=plan))
    assert faults_of(sound, run=folder) == {}
    classes({"255": "water", "0": "land"})(sound)
    with pytest.raises(
        pupila.PupilaError, match="other classes: found background, foreground; expected water, land"
    ):
        pupila.doctor(sound, run=folder)


def test_the_command_prints_the_ranking(
    sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(7):
        mask(f"{number:03d}.png", (1 - scene(number)[1]) * 255)(sound)
    assert run(["doctor", str(sound), "--with", str(write_run(tmp_path / "run", sound))]) == 0
    printed = capsys.readouterr().out
    assert "mask-prediction-disagreement" in printed
    assert sum("(IoU 0." in line for line in printed.splitlines()) == 7


# real data


def test_flood_area_raw_pair_by_pair(real_data: Callable[[str], Path]) -> None:
    faults = pupila.doctor(real_data("flood_area_raw"))
    by_code = {fault.code: fault for fault in faults}
    assert not has_errors(faults)  # training skips the wrong masks
    assert by_code["mask-aspect-mismatch"].count == 7  # 1061 1079 3059, and the four that are swapped
    assert by_code["mismatched-mask"].examples == [
        f"Image/{name}.jpg (its mask has the size of Image/{other}.jpg)"
        for name, other in ((14, 15), (15, 14), (2052, 2053), (2053, 2052))
    ]
    assert by_code["exif-mismatch"].examples == ["Image/2018.jpg (EXIF orientation 3, mask 1)"]
    assert by_code["soft-mask"].count == 82
    assert by_code["conflicting-masks"].count == 9
    assert "poor-mask-fit" not in by_code


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("flood_area", {"conflicting-masks": 11, "annotator-agreement": 1}),
        ("dubai_aerial", {"single-class-mask": 1, "unlabelled-pixels": 49, "unnamed-groups": 1}),  # tiles
    ],
)
def test_real_masks_have_no_false_alarm(
    real_data: Callable[[str], Path], name: str, known: dict[str, int]
) -> None:
    faults = {fault.code: fault.count for fault in pupila.doctor(real_data(name))}
    usual = ("other-file", "exact-duplicates", "near-duplicates")
    assert {code: count for code, count in faults.items() if code not in usual} == known


def test_masks_swapped_in_real_data_are_found(real_data: Callable[[str], Path], tmp_path: Path) -> None:
    shutil.copytree(real_data("dubai_aerial"), tmp_path / "data")
    swapped("tile1_002.png", "tile1_007.png")(tmp_path / "data")
    swapped("tile4_001.png", "tile6_005.png")(tmp_path / "data")
    assert faults_of(tmp_path / "data")["mismatched-mask"].examples == [
        "images/tile1_002.jpg (the mask of images/tile1_007.jpg fits it)",
        "images/tile1_007.jpg (the mask of images/tile1_002.jpg fits it)",
        "images/tile4_001.jpg (its mask has the size of images/tile6_005.jpg)",
        "images/tile6_005.jpg (its mask has the size of images/tile4_001.jpg)",
    ]
