"""Shortcuts: reported where a property leaks the label, and not where it only differs."""

import os
from pathlib import Path

import numpy as np
import pytest

import pupila
from pupila.artifacts.report.fingerprint import Fault
from pupila.stages.doctor.shortcuts import label_rows, measure_skill
from tests.pictures import write_photo

EACH = 30


def data(
    folder: Path, name: str = "{label}/{i}.jpg", side: str = "same", column: str = ""
) -> dict[str, Fault]:
    """30 photos of each of 2 classes, listed in a table; `side` and `column` say what goes with the label."""
    rows = [f"image,label{',shop' if column else ''}"]
    for number in range(2 * EACH):
        label = "cat" if number % 2 else "dog"
        fields = {"label": label, "i": number, "tens": number // 20, "product": f"{label}{number // 6}"}
        path = name.format(**fields)
        larger = label == "cat" if side == "label" else number % 4 < 2
        write_photo(folder / path, 5000 + number, 120 if larger and side != "same" else 96)
        os.utime(folder / path, ns=(10**18, 10**18))
        rows.append(f"{path},{label}{',' + column.format(**fields) if column else ''}")
    (folder / "t.csv").write_text("\n".join(rows))
    return {fault.code: fault for fault in pupila.doctor(folder / "t.csv")}


def test_a_folder_that_goes_with_the_label_is_found_and_one_that_does_not_is_not(tmp_path: Path) -> None:
    assert data(tmp_path / "a", name="camera_{label}_x/{i}.jpg")["folder-predicts-label"].severity == "error"
    assert "folder-predicts-label" not in data(tmp_path / "b", name="day_{tens}/{i}.jpg")


def test_folders_called_like_the_classes_are_no_shortcut(tmp_path: Path) -> None:
    assert "folder-predicts-label" not in data(tmp_path)


def test_a_column_that_goes_with_the_label_is_found_and_one_that_does_not_is_not(tmp_path: Path) -> None:
    assert "shop" in data(tmp_path / "a", column="north_{label}")["column-predicts-label"].examples[0]
    assert "column-predicts-label" not in data(tmp_path / "b", column="shop_{tens}")


def test_a_size_that_goes_with_the_label_is_found_and_one_that_does_not_is_not(tmp_path: Path) -> None:
    assert "width" in " ".join(data(tmp_path / "a", side="label")["property-predicts-label"].examples)
    assert "property-predicts-label" not in data(tmp_path / "b", side="mixed")


def test_the_file_date_can_leak_the_label(tmp_path: Path) -> None:
    data(tmp_path)
    for path in tmp_path.glob("cat/*.jpg"):
        os.utime(path, ns=(2 * 10**18, 2 * 10**18))
    leak = {fault.code: fault for fault in pupila.doctor(tmp_path / "t.csv")}["property-predicts-label"]
    assert leak.examples == ["file date (skill 1.00; 0 is chance, 1 is perfect)"]


def test_products_look_like_groups_and_are_no_shortcut(tmp_path: Path) -> None:
    faults = data(tmp_path / "a", column="{product}")
    assert "possible-groups" in faults
    assert "column-predicts-label" not in faults
    assert "possible-groups" not in data(tmp_path / "b", column="shop_{tens}")


def samples(seed: int, leak: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    targets = np.array(["a", "b"] * 100)
    noise = rng.normal(size=200)
    return np.where(targets == "a", leak, 0.0) + noise, targets


def skill(values: np.ndarray, targets: np.ndarray, together: np.ndarray) -> tuple[float, float]:
    return measure_skill(values, label_rows(np.ones(len(values), dtype=bool), targets, together))


def test_skill_is_about_0_for_noise_and_1_for_a_leak() -> None:
    together = np.arange(200)
    lows = [skill(*samples(seed, 0.0), together)[1] for seed in range(20)]
    assert max(lows) < 0.25  # never worth a warning
    assert skill(*samples(1, 20.0), together)[0] == pytest.approx(1)


def test_skill_is_never_measured_on_copies_of_training_images() -> None:
    # each value belongs to one component: a tree could memorize it, and must not be scored on it
    together = np.arange(200) // 4
    rng = np.random.default_rng(5)
    targets = np.array(["a", "b"])[rng.integers(0, 2, 50)][together]
    values = together.astype(float) * 7 % 50
    assert skill(values, targets, together)[1] < 0.25
    assert skill(values, targets, np.arange(200))[0] > 0.5
