"""Image-level labels from the masks of real data."""

from collections.abc import Callable
from pathlib import Path

import pytest

import pupila
from tests.real_labels import write_real_labels


@pytest.mark.parametrize(("name", "counts", "unknown"), [
    ("dubai_aerial", {"building": 45, "land (unpaved)": 72, "road": 57, "vegetation": 42, "water": 52}, 12),
    ("dsb2018_nuclei", {"dense": 30, "large nuclei": 20, "many nuclei": 24}, 0),
])  # fmt: skip
def test_labels_of_real_images(
    name: str, counts: dict[str, int], unknown: int, real_data: Callable[[str], Path], tmp_path: Path
) -> None:
    data = pupila.open(write_real_labels(real_data(name), tmp_path / name, count=72))
    assert data.class_counts() == counts
    assert (data.label_matrix == -1).sum() == unknown
