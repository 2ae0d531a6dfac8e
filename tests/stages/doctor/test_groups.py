"""Groups that nobody named: the doctor proposes them, and says that none are known where the names tell nothing."""

from pathlib import Path

import numpy as np
import pytest

import pupila
from pupila.cli.run import run
from tests.pictures import encoded, photo, write_classes

PRODUCTS, PHOTOS = 10, 5


def shelf(folder: Path) -> Path:
    """Two classes of products; each is photographed from several sides, so that its photos share colours alone."""
    rng = np.random.default_rng(5)
    for product in range(2 * PRODUCTS):
        colour = rng.integers(30, 226, 3)
        name = "salty" if product < PRODUCTS else "sweet"
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(PHOTOS):
            shot = photo(100 * product + number).astype(np.float32) / 4 + 0.75 * colour
            (folder / name / f"item{product:02d}_{number}.png").write_bytes(encoded(shot.astype(np.uint8)))
    return folder


def test_groups_in_the_names_are_a_warning_until_a_split_names_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = shelf(tmp_path)
    (fault,) = [fault for fault in pupila.doctor(data) if fault.code == "unnamed-groups"]
    assert (fault.severity, fault.count) == ("warning", 1)
    assert "20 groups of 5 images" in fault.examples[0]
    assert "--by auto" in fault.fix
    pupila.split(data, by=r"item(\d+)")
    assert run(["doctor", str(data)]) == 0
    output = capsys.readouterr().out
    assert "unnamed-groups" not in output
    assert "No groups are known" not in output


def test_no_known_groups_are_reported_as_such(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", str(write_classes(tmp_path, {"cat": 12, "dog": 12}))]) == 0
    output = capsys.readouterr().out
    assert "No problems found." in output
    assert "No groups are known" in output
