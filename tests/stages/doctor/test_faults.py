"""Every fault of the catalogue: the fault itself, and a harmless look-alike that must not be reported."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import pupila
from pupila.artifacts.report.fingerprint import Fault
from pupila.stages.doctor.examine import has_errors
from pupila.stages.doctor.faults import catalogue
from tests.pictures import encoded, photo, write_classes, write_photo
from tests.stages.doctor.test_masks import ALL_CODES
from tests.stages.doctor.test_multilabel import LABEL_CODES

Plant = Callable[[Path], object]
WHOLE = encoded(photo(9000), "JPEG", quality=92)


def put(name: str, data: bytes) -> Plant:
    def plant(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)

    return plant


def picture(name: str, pixels: NDArray[Any] | Image.Image, **options: object) -> Plant:
    def plant(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shown = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
        shown.save(folder / name, **options)  # type: ignore[arg-type]

    return plant


def oriented(number: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = number
    return exif


def link(to: str) -> Plant:
    return lambda folder: (folder / "cat/link.jpg").symlink_to(to)


def classes(**counts: int) -> Plant:
    return lambda folder: write_classes(folder, counts, seed=3)


def table(*rows: str, header: str = "image,label") -> Plant:
    return lambda folder: (folder / "t.csv").write_text("\n".join([header, *rows]) + "\n")


def all_of(*plants: Plant) -> Plant:
    def plant(folder: Path) -> None:
        for each in plants:
            each(folder)

    return plant


LISTED = tuple(f"cat/{n:03d}.jpg,cat" for n in range(12)) + tuple(f"dog/{n:03d}.jpg,dog" for n in range(12))
SPLIT = "image,label,split"
IN_TRAIN = tuple(f"{row},train" for row in LISTED)
BIG = photo(700, 400, 300)
DARK = (photo(701) // 16).astype(np.uint8)  # 0..15 of 255
PALE = np.full((72, 96, 3), 250, np.uint8)
PALE[30:40, 30:60] = photo(702)[30:40, 30:60]  # a small object before a white wall
FILM = [Image.fromarray(np.clip(BIG + np.random.default_rng(n).normal(0, 40, BIG.shape), 0, 255).astype(np.uint8))
        for n in range(5)]  # fmt: skip
FRAMES = [Image.fromarray(photo(n)) for n in (710, 711)]

# code -> (the fault, a harmless look-alike); both are planted among 12 sound photos of cats and 12 of dogs
CASES: dict[str, tuple[Plant, Plant]] = {
    # files
    "unreadable": (put("cat/x.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 90), put("cat/x.png", encoded(photo(1)))),
    "truncated": (put("cat/x.jpg", WHOLE[:-900]), put("cat/x.jpg", WHOLE + b"\0" * 50)),
    "empty-file": (put("cat/x.jpg", b""), put("cat/note.txt", b"")),
    "not-an-image": (put("cat/x.jpg", b"<html>404</html>"), put("cat/x.html", b"<html>404</html>")),
    "unsupported-format": (put("cat/x.psd", b"8BPS\0\x01"), put("cat/x.jfif", WHOLE)),
    "oversized": (
        picture("cat/x.png", Image.new("1", (9_500, 9_500))),
        picture("cat/x.png", photo(2, 2_000, 90)),
    ),
    "broken-link": (link("nowhere.jpg"), link("000.jpg")),
    "unread-labels": (
        put("cat/x.json", b'{"imgHeight": 9, "objects": []}'),
        put("cat/x.json", b'{"a": 1}'),
    ),
    "other-file": (put("cat/note.txt", b"label these"), put("cat/without_ending", encoded(photo(3)))),
    "hidden-file": (put("cat/._001.jpg", b"\0\5\x16\7"), put("cat/_001.jpg", encoded(photo(4), "JPEG"))),
    "wrong-extension": (
        put("cat/x.jpg", encoded(photo(5), "PNG")),
        put("cat/x.JPEG", encoded(photo(5), "JPEG")),
    ),
    # pictures
    "exif-rotated": (
        picture("cat/x.jpg", photo(6), exif=oriented(6)),
        picture("cat/x.jpg", photo(6), exif=oriented(1)),
    ),
    "single-colour": (
        picture("cat/x.png", np.full((72, 96, 3), 9, np.uint8)),
        all_of(picture("cat/x.png", DARK), picture("cat/y.png", PALE)),
    ),
    "extreme-aspect-ratio": (
        picture("cat/x.png", photo(7, 405, 100)),
        picture("cat/x.png", photo(7, 400, 100)),
    ),
    "tiny": (picture("cat/x.png", photo(8, 60, 31)), picture("cat/x.png", photo(8, 60, 32))),
    "multi-frame": (
        picture("cat/x.gif", FRAMES[0], save_all=True, append_images=FRAMES[1:]),
        picture("cat/x.gif", FRAMES[0]),
    ),
    "sixteen-bit": (
        picture("cat/x.png", photo(9)[..., 0].astype(np.uint16) * 257),
        picture("cat/x.png", photo(9)[..., 0]),
    ),
    "narrow-range": (
        picture("cat/x.png", photo(9)[..., 0].astype(np.uint16) * 16),
        picture("cat/x.png", photo(9)[..., 0].astype(np.uint16) * 257),
    ),
    "transparent": (
        picture("cat/x.png", Image.fromarray(photo(10)).convert("RGBA")),
        picture("cat/x.png", Image.fromarray(photo(10)).convert("P")),
    ),
    "mixed-colour-modes": (
        picture("cat/x.png", photo(11)[..., 0]),
        picture("cat/x.png", np.repeat(photo(11)[..., :1], 3, axis=2)),
    ),
    # copies
    "exact-duplicates": (all_of(put("cat/x.jpg", WHOLE), put("cat/y.jpg", WHOLE)), put("cat/x.jpg", WHOLE)),
    "near-duplicates": (
        all_of(picture("cat/x.png", BIG), picture("cat/y.png", Image.fromarray(BIG).resize((200, 150)))),
        all_of(picture("cat/x.png", BIG), picture("cat/y.png", photo(703, 400, 300))),
    ),
    "mirrored-duplicates": (
        all_of(picture("cat/x.png", BIG), picture("cat/y.png", BIG[:, ::-1])),
        all_of(picture("cat/x.png", BIG), picture("cat/y.png", BIG[::-1])),
    ),
    "conflicting-labels": (
        all_of(put("cat/x.jpg", WHOLE), put("dog/x.jpg", WHOLE)),
        all_of(put("cat/x.jpg", WHOLE), put("cat/y.jpg", WHOLE)),
    ),
    "image-sequences": (
        all_of(*(picture(f"cat/film_{number}.png", frame) for number, frame in enumerate(FILM))),
        all_of(*(picture(f"cat/film_{number}.png", frame) for number, frame in enumerate(FILM[:2]))),
    ),
    # labels
    "single-class": (table(*LISTED[:12]), table(*LISTED)),
    "small-class": (classes(cow=9), classes(cow=10)),
    "class-name-variants": (classes(**{"Cat ": 12}), classes(cats=12)),
    "empty-class": (lambda folder: (folder / "cow").mkdir(), classes(cow=1)),
    "unlabelled": (table(*LISTED[:-1], "dog/011.jpg,"), lambda folder: None),
    # tables
    "row-without-image": (table(*LISTED, "cat/none.jpg,cat"), table(*LISTED)),
    "image-url": (table(*LISTED, "https://shop.invalid/1.jpg,cat"), table(*LISTED)),
    "image-without-row": (table(*LISTED[:-1]), table(*LISTED)),
    "unreadable-label": (
        table(*LISTED[:-2], "dog/010.jpg,['dog']", "dog/011.jpg,['dog'"),
        table(*LISTED[:-2], "dog/010.jpg,['dog']", "dog/011.jpg,['dog']"),
    ),
    "duplicate-row": (table(*LISTED, LISTED[0]), table(*LISTED)),
    "conflicting-rows": (table(*LISTED, "cat/000.jpg,dog"), table(*LISTED, LISTED[0])),
    # splits and shortcuts
    "unknown-split": (
        table(*IN_TRAIN[:-1], "dog/011.jpg,dog,exam", header=SPLIT),
        table(*IN_TRAIN[:-1], "dog/011.jpg,dog,Valid", header=SPLIT),
    ),
    "class-missing-from-split": (
        table(*IN_TRAIN[:-1], "dog/011.jpg,dog,test", header=SPLIT),
        table(*IN_TRAIN[1:-1], "cat/000.jpg,cat,test", "dog/011.jpg,dog,test", header=SPLIT),
    ),
    "leaking-split": (
        all_of(
            put("cat/000.jpg", WHOLE),
            put("cat/001.jpg", WHOLE),
            table("cat/000.jpg,cat,test", *IN_TRAIN[1:], header=SPLIT),
        ),
        all_of(
            put("cat/000.jpg", WHOLE),
            put("cat/001.jpg", WHOLE),
            table("cat/002.jpg,cat,test", *(IN_TRAIN[:2] + IN_TRAIN[3:]), header=SPLIT),
        ),
    ),
}
ELSEWHERE = {
    "unnamed-groups",
    "changed-file",
    "short-outline",
    "missing-extra",
    "folder-predicts-label",
    "column-predicts-label",
    "property-predicts-label",
    "possible-groups",
}


def faults_of(folder: Path) -> dict[str, Fault]:
    return {fault.code: fault for fault in pupila.doctor(folder)}


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    return write_classes(tmp_path, {"cat": 12, "dog": 12})


def test_a_sound_folder_has_no_fault(sound: Path) -> None:
    assert faults_of(sound) == {}


@pytest.mark.parametrize("code", sorted(CASES))
def test_the_fault_is_reported(sound: Path, code: str) -> None:
    CASES[code][0](sound)
    fault = faults_of(sound)[code]
    assert fault.count == 1
    assert len(fault.examples) == 1


@pytest.mark.parametrize("code", sorted(CASES))
def test_the_harmless_look_alike_is_not_reported(sound: Path, code: str) -> None:
    CASES[code][1](sound)
    assert code not in faults_of(sound)


def test_every_code_has_a_case_and_a_fix_of_one_line() -> None:
    assert set(catalogue()) == set(CASES) | ELSEWHERE | ALL_CODES | LABEL_CODES
    for severity, title, fix in catalogue().values():
        assert severity in ("error", "warning", "info")
        for text in (title, fix):
            assert text
            assert "\n" not in text
            assert not text.endswith(".")
    print(f"doctor: checked {len(catalogue())} codes")


def test_a_class_too_small_for_every_split_is_an_error(sound: Path) -> None:
    classes(cow=3)(sound)
    assert faults_of(sound)["small-class"].severity == "warning"
    for path in sorted((sound / "cow").iterdir())[:1]:
        path.unlink()
    faults = pupila.doctor(sound)
    assert faults_of(sound)["small-class"].severity == "error"
    assert has_errors(faults)
    assert faults[0].code == "small-class"  # errors come first


def test_the_count_is_complete_and_the_examples_are_few(sound: Path) -> None:
    for number in range(8):
        put(f"cat/empty{number}.jpg", b"")(sound)
    fault = faults_of(sound)["empty-file"]
    assert (fault.count, len(fault.examples)) == (8, 5)


def test_a_changed_image_is_reported_and_an_unchanged_one_is_not(sound: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    pupila.open(sound).save(str(out))
    assert "changed-file" not in faults_of(out)
    write_photo(sound / "cat/000.jpg", 12345)
    assert faults_of(out)["changed-file"].examples[0].startswith("cat/000.jpg")


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("brain_mri", {"exact-duplicates": 25, "near-duplicates": 30, "mixed-colour-modes": 30}),
        ("ants_bees", {"other-file": 2}),
        ("grocery_packages", {"other-file": 2, "unnamed-groups": 1}),  # products, in the file names
        (
            "flood_area_raw/Image",
            {"exact-duplicates": 6, "near-duplicates": 7, "wrong-extension": 43, "exif-rotated": 1},
        ),
    ],
)
def test_real_data(real_data: Callable[[str], Path], name: str, counts: dict[str, int]) -> None:
    faults = pupila.doctor(real_data(name))
    assert not has_errors(faults)
    assert {fault.code: fault.count for fault in faults if fault.code in counts} == counts
    if name in ("ants_bees", "grocery_packages"):
        assert len(faults) == len(counts)
