"""The reference of a bundle: the same values come back, and damage is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pupila.artifacts.bundle.folder import write_bundle
from pupila.artifacts.bundle.reference import (
    REFERENCE_FILE,
    Reference,
    encode_reference,
    find_reference,
    project,
    read_reference,
)
from pupila.core.errors import PupilaError
from pupila.statistics.drift.observations import Observations, to_digits
from tests.colours import colour_model, info, write_colours


def reference(groups: int = 5, classes: int = 3, embedding: int = 3) -> Reference:
    rng = np.random.default_rng(0)
    confidence, brightness, sharpness = rng.random((3, groups))
    own = Observations(
        confidence, brightness, sharpness, rng.standard_normal((groups, 2)), rng.random((groups, classes))
    )
    return Reference(own, rng.standard_normal((embedding, 2)).astype(np.float32))


def encode_spoiled(name: str, value: float, rows: slice = slice(None)) -> bytes:
    """A reference with the value in some rows of an array."""
    own = reference()
    getattr(own.observations, name)[rows] = value
    return encode_reference(own)


def write(folder: Path, content: bytes) -> Any:
    parts = {"model.onnx": colour_model(), "card.md": b"# By hand\n", REFERENCE_FILE: content}
    return write_bundle(folder, info(), parts)


def test_the_values_come_back_with_six_digits(tmp_path: Path) -> None:
    given = reference()
    stored = read_reference(write(tmp_path / "b", encode_reference(given)))
    for name in Observations.__slots__:
        values, expected = getattr(stored.observations, name), getattr(given.observations, name)
        assert values.tolist() == np.vectorize(to_digits)(expected).tolist()
    np.testing.assert_array_equal(stored.projection, given.projection)
    assert project(np.array([1, 2, 3], np.float32), stored) == pytest.approx(
        ([1, 2, 3] @ given.projection).tolist(), rel=1e-5
    )
    assert project(np.zeros(4, np.float32), stored) == project(np.zeros(3, np.float32), None) == []


def test_a_bundle_without_one_says_how_to_get_it(tmp_path: Path) -> None:
    bundle = write_colours(tmp_path / "b")
    assert find_reference(bundle) is None
    with pytest.raises(PupilaError, match=r"(?s)no reference to monitor against.*--reference-share"):
        read_reference(bundle)


@pytest.mark.parametrize("content", [
    b"", b"no tensors", encode_reference(reference(groups=0)), encode_reference(reference(classes=2)),
    encode_spoiled("brightness", np.nan), encode_spoiled("sharpness", np.nan),
    encode_spoiled("embedding", np.inf, slice(1)), encode_spoiled("outputs", -np.inf, slice(1)),
    encode_spoiled("sharpness", 1e300, slice(1)),
])  # fmt: skip
def test_a_file_that_is_none_is_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match=r"Can't read .*reference"):
        find_reference(write(tmp_path / "b", content))
