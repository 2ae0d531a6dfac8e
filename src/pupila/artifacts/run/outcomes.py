"""`outcomes.npz` of a run: what the model of each epoch made of each validation image, compact and without pickle.

The arrays of a part, such as `head` or `fold0-finetune`, by task; V are validation images, E epochs, C classes:

| task | rows | targets | values |
|---|---|---|---|
| classify | (V,) | (V,) class index | (E, V) predicted class index |
| multilabel | (V,) | (V, C) int8: 1 present, 0 absent, -1 unknown | (E, V, C) float32 logits |
| segment | (V,) | (V, C) int32 labelled pixels | (E, V, C, 2) int32 pixels: shared with the target, predicted |
| prompt | (T,), once for each target | (T,) class index | (E, T, S) float32 IoU for each prompt strategy |
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say

Array = NDArray[Any]
OUTCOMES_FILE = "outcomes.npz"
_FIELDS = ("rows", "targets", "values")
# What numpy and zipfile raise for a damaged file; RuntimeError is for one that seems to be encrypted.
_UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    RuntimeError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The outcomes of the epochs of one part, in the form of its task."""

    rows: Array  # (V,) int64 of the data set
    targets: Array  # (V, ...)
    values: Array  # (E, V, ...)

    @classmethod
    def of_epoch(cls, rows: list[int], targets: Array, values: Array) -> Self:
        """Those of one epoch, from (V, ...) values."""
        return cls(np.asarray(rows, dtype=np.int64), targets, values[None])

    def then(self, later: "Outcomes") -> "Outcomes":
        """With the epochs that came later, on the same images."""
        return Outcomes(self.rows, self.targets, np.concatenate([self.values, later.values]))

    def to_arrays(self, prefix: str) -> dict[str, Array]:
        """The three arrays, with names that begin with `prefix` and a slash."""
        return {f"{prefix}/{name}": getattr(self, name) for name in _FIELDS}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array], prefix: str) -> Self | None:
        """What `to_arrays` gave; None where it is not among the arrays."""
        names = [f"{prefix}/{name}" for name in _FIELDS]
        return cls(*(arrays[name] for name in names)) if all(name in arrays for name in names) else None


def compact_indices(indices: Array) -> Array:
    """Class indices as uint8, or as uint16 where one is 256 or more."""
    return indices.astype(np.uint8 if indices.max(initial=0) < 2**8 else np.uint16)


def write_outcomes(run: str, parts: Mapping[str, Outcomes]) -> None:
    """Write the outcomes of all parts of a run; nothing where there are none."""
    if not parts:
        return
    content = io.BytesIO()
    arrays = {name: array for part, own in parts.items() for name, array in own.to_arrays(part).items()}
    np.savez_compressed(content, allow_pickle=False, **arrays)
    files.write_bytes(files.join(run, OUTCOMES_FILE), content.getvalue())


def has_outcomes(run: str) -> bool:
    """Whether a run has outcomes; one without training or validation, or of an earlier Pupila, has none."""
    return files.exists(files.join(run, OUTCOMES_FILE))


def read_outcomes(run: str) -> dict[str, Outcomes]:
    """The outcomes of a run, by part in the order of training; none where it has no such file.

    Raises:
        PupilaError: the file is damaged.
    """
    if not has_outcomes(run):
        return {}
    uri = files.join(run, OUTCOMES_FILE)
    try:
        with np.load(io.BytesIO(files.read_bytes(uri)), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except _UNREADABLE as fault:
        raise PupilaError(
            say("Can't read {path}", path=uri), actual=str(fault),
            expected=say("the outcomes as training wrote them"), remedy="pupila train DATA --out FOLDER",
        ) from fault  # fmt: skip
    parts = dict.fromkeys(name.rpartition("/")[0] for name in arrays)
    return {part: own for part in parts if (own := Outcomes.from_arrays(arrays, part)) is not None}
