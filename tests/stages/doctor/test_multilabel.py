"""Checks of several labels per image: each fault, and a harmless look-alike that must not be reported."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import pupila
from pupila.artifacts.report.fingerprint import Fault
from tests.pictures import write_photo

NAMES = ("a", "b", "c")
PHOTOS, COPIES = 40, 4
Labels = list[dict[str, str]]  # of each image: class -> cell


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 photos, of which the last four are copies of the first four."""
    folder = tmp_path_factory.mktemp("labels")
    for number in range(PHOTOS - COPIES):
        write_photo(folder / f"{number:02d}.jpg", 800 + number)
    for number in range(COPIES):
        shutil.copy(folder / f"{number:02d}.jpg", folder / f"{PHOTOS - COPIES + number}.jpg")
    return folder


def sound() -> Labels:
    """Every class in 20 of 40 images, every pair in 10 of them; copies have the labels of their originals."""
    rows = [
        {name: str(number // 2**place % 2) for place, name in enumerate(NAMES)}
        for number in range(PHOTOS - COPIES)
    ]
    return rows + [dict(row) for row in rows[:COPIES]]


def faults_of(photos: Path, labels: Labels, name: str) -> dict[str, Fault]:
    with (photos / f"{name}.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", *NAMES])
        writer.writerows([f"{number:02d}.jpg", *row.values()] for number, row in enumerate(labels))
    return {fault.code: fault for fault in pupila.doctor(photos / f"{name}.csv")}


Change = Callable[[Labels], object]


def put(name: str, cell: Callable[[int, dict[str, str]], str]) -> Change:
    """Set the cells of a class, from the number of the image and its labels."""

    def change(labels: Labels) -> None:
        for number, row in enumerate(labels):
            row[name] = cell(number, row)

    return change


def cells(number: int, **values: str) -> Change:
    return lambda labels: labels[number].update(values)


def both(*changes: Change) -> Change:
    def change(labels: Labels) -> None:
        for each in changes:
            each(labels)

    return change


ALIKE = put("b", lambda n, row: row["a"])  # b where a is
WITHIN = put("b", lambda n, row: str(int(row["a"] == row["c"] == "1")))  # b only where a is, but not always
UNKNOWN = dict.fromkeys(NAMES, "")
# code -> (the fault, a harmless look-alike, the first example)
CASES: dict[str, tuple[Change, Change, str]] = {
    "constant-class": (
        put("c", lambda n, row: "0"), put("c", lambda n, row: str(int(n > 25))),
        "c: absent from all 40 images where it is known",
    ),
    "few-positives": (
        put("c", lambda n, row: str(int(20 <= n < 29))), put("c", lambda n, row: str(int(20 <= n < 30))), "c: 9 images",
    ),
    "few-negatives": (
        put("c", lambda n, row: str(int(not 20 <= n < 29))), put("c", lambda n, row: str(int(not 20 <= n < 30))),
        "c: 9 images",
    ),
    "inseparable-classes": (ALIKE, both(ALIKE, cells(20, b="1", a="0")), "a and b: always together, in 20 images"),
    "class-only-with-another": (
        WITHIN, both(WITHIN, cells(20, a="0", b="1", c="0")), "b: all 8 images that show it also show a",
    ),
    "mostly-unknown": (
        put("c", lambda n, row: "" if n % 20 < 11 else row["c"]), put("c", lambda n, row: "" if n % 2 else row["c"]),
        "c: unknown in 55.0 % of the labelled images",
    ),
    "partly-unknown": (cells(20, c=""), cells(20, c="1"), "c: unknown in 2.5 % of the labelled images"),
    "all-known": (cells(20, c="1"), cells(20, c=""), "a, b, c"),
    "no-class-present": (
        cells(20, a="0", b="0", c="0"),
        put("a", lambda n, row: "1" if row["b"] == row["c"] == "0" else row["a"]), "00.jpg",
    ),
    "one-class-per-image": (
        both(put("a", lambda n, row: str(int(n % 4 % 3 == 0))), put("b", lambda n, row: str(int(n % 4 == 1))),
             put("c", lambda n, row: str(int(n % 4 == 2))), cells(20, b="")),
        cells(20, a="1", b="1"), "40 labelled images",
    ),
    "contradicting-labels": (
        cells(0, a="1", b="1", c=""), cells(0, c=""), "00.jpg = 36.jpg (a: present, absent, b: present, absent)",
    ),
    "unknown-in-duplicate": (cells(37, c=""), cells(35, c=""), "01.jpg = 37.jpg (unknown in the second: c)"),
    "unlabelled": (cells(35, **UNKNOWN), cells(35, a=""), "35.jpg"),
}  # fmt: skip
LABEL_CODES = {*CASES, "label-prediction-disagreement"}


def test_sound_labels_have_no_fault_but_a_note_that_all_are_known(photos: Path) -> None:
    labels = sound()
    labels[0].update(a="1")
    labels[36].update(a="1")
    faults = faults_of(photos, labels, "sound")
    assert set(faults) - {"no-class-present", "exact-duplicates", "other-file"} == {"all-known"}
    assert faults["all-known"].severity == "info"


@pytest.mark.parametrize("code", sorted(CASES))
def test_the_fault_is_reported_with_its_example_and_the_look_alike_is_not(photos: Path, code: str) -> None:
    plant, look_alike, example = CASES[code]
    broken, harmless = sound(), sound()
    plant(broken)
    look_alike(harmless)
    assert faults_of(photos, broken, f"{code}-1")[code].examples[0] == example
    assert code not in faults_of(photos, harmless, f"{code}-0")


def test_a_class_in_two_groups_is_an_error_and_in_three_a_warning(photos: Path) -> None:
    labels = sound()
    put("c", lambda n, row: str(int(n in (0, 36, 20))))(labels)  # 00 and 36 are one image
    assert faults_of(photos, labels, "two")["few-positives"].severity == "error"
    labels[21]["c"] = "1"
    assert faults_of(photos, labels, "three")["few-positives"].severity == "warning"


def test_a_class_beside_a_frequent_one_is_no_fault_where_chance_explains_it(photos: Path) -> None:
    # a in all images but one: that b always occurs beside it says nothing
    labels = sound()
    put("a", lambda n, row: str(int(n != 4)))(labels)
    labels[4]["b"] = "0"
    assert "class-only-with-another" not in faults_of(photos, labels, "chance")


def test_a_folder_that_goes_with_one_class_is_found_and_named(tmp_path: Path) -> None:
    rows = [["image", *NAMES]]
    for number in range(60):
        cells = [str(number % 2), str(number // 2 % 2), str(number // 4 % 2)]
        name = f"{'shop' if number % 2 else 'home'}/{number:02d}.jpg"
        write_photo(tmp_path / name, 900 + number)
        rows.append([name, *cells])
    (tmp_path / "t.csv").write_text("\n".join(map(",".join, rows)))
    faults = {fault.code: fault for fault in pupila.doctor(tmp_path / "t.csv")}
    assert faults["folder-predicts-label"].examples == ["folder -> a (skill 1.00; 0 is chance, 1 is perfect)"]
    assert faults["folder-predicts-label"].severity == "error"
