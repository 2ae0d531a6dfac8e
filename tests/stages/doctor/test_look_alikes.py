"""The report of look-alikes, where not every pair of duplicates is counted."""

from pathlib import Path

import numpy as np
import pytest

import pupila
from tests.pictures import encoded, photo


@pytest.mark.parametrize(("frames", "cut"), [(5, False), (12, True)])
def test_the_doctor_and_the_page_say_that_some_pairs_are_not_counted(
    tmp_path: Path, frames: int, cut: bool
) -> None:
    rng = np.random.default_rng(1)
    (tmp_path / "data/a").mkdir(parents=True)
    for number in range(frames):
        frame = np.clip(photo(1) + rng.normal(0, 3, (72, 96, 3)), 0, 255).astype(np.uint8)
        name = "x" * (number + 1)  # no numbers that run on: those would be frames
        (tmp_path / f"data/a/{name}.png").write_bytes(encoded(frame))
    data = pupila.open(tmp_path / "data/a")
    (fault,) = [fault for fault in pupila.doctor(data) if fault.code == "near-duplicates"]
    assert fault.count == frames * (frames - 1) / 2
    assert ("n image in 8 pairs or more" in fault.fix) == cut
    page = Path(pupila.explore(data, out=tmp_path / "page").page).read_text("utf-8")
    assert ("n image in 8 pairs or more" in page) == cut
