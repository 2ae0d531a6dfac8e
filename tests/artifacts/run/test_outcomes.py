"""`outcomes.npz`: what is written is read back, without pickle, and damage is found."""

import random
from pathlib import Path

import numpy as np
import pytest

from pupila.artifacts.run.folder import Run
from pupila.artifacts.run.outcomes import Outcomes, compact_indices, read_outcomes, write_outcomes
from pupila.core.errors import PupilaError


def draw(epochs: int, seed: int) -> Outcomes:
    rng = np.random.default_rng(seed)
    rows = rng.permutation(50)[:7].tolist()
    each = [
        Outcomes.of_epoch(rows, np.arange(7, dtype=np.uint8), rng.integers(0, 9, (7, 2), dtype=np.int32))
        for _ in range(epochs)
    ]
    whole = each[0]
    for later in each[1:]:
        whole = whole.then(later)
    return whole


def test_what_is_written_is_read_back_in_order(tmp_path: Path) -> None:
    parts = {f"fold{fold}-head": draw(3, fold) for fold in (0, 1, 10, 2)}
    assert Run(str(tmp_path)).outcomes == {}
    write_outcomes(str(tmp_path), {})
    assert not list(tmp_path.iterdir())
    write_outcomes(str(tmp_path), parts)
    stored = Run(str(tmp_path)).outcomes
    assert list(stored) == list(parts)
    for name, own in parts.items():
        assert stored[name].values.shape == (3, 7, 2)
        for ours, theirs in zip(own.to_arrays("").values(), stored[name].to_arrays("").values(), strict=True):
            assert ours.dtype == theirs.dtype and (ours == theirs).all()


def test_every_damage_is_reported(tmp_path: Path) -> None:
    write_outcomes(str(tmp_path), {"head": draw(4, 0)})
    path, rng = tmp_path / "outcomes.npz", random.Random(0)
    whole = path.read_bytes()
    expected = read_outcomes(str(tmp_path))["head"].to_arrays("")
    for _ in range(60):
        place = rng.randrange(8 * len(whole))
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(bytes(damaged))
        try:
            stored = read_outcomes(str(tmp_path))
        except PupilaError as fault:
            assert "outcomes.npz" in str(fault)
        else:  # a bit without meaning, such as one of a time stamp
            own = stored["head"].to_arrays("")
            assert all((own[name] == expected[name]).all() for name in expected)
    for content in (b"", b"x" * 300, whole[:-30]):
        path.write_bytes(content)
        with pytest.raises(PupilaError, match=r"Can't read .*outcomes\.npz"):
            read_outcomes(str(tmp_path))


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "outcomes.npz", rows=np.array([{}], dtype=object))
    with pytest.raises(PupilaError, match="Can't read"):
        read_outcomes(str(tmp_path))


@pytest.mark.parametrize(
    ("largest", "dtype"), [(0, np.uint8), (255, np.uint8), (256, np.uint16), (65_535, np.uint16)]
)
def test_indices_take_as_few_bytes_as_they_need(largest: int, dtype: type) -> None:
    assert compact_indices(np.array([0, largest])).dtype == dtype
    assert compact_indices(np.array([0, largest])).tolist() == [0, largest]
    assert compact_indices(np.array([], dtype=np.int64)).dtype == np.uint8
