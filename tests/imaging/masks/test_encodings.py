"""Masks of random shapes in every usual encoding are read right, or refused with a question; never silently wrong.

`python -m tests.imaging.masks.test_encodings 1000` draws more.
"""

import sys
import tempfile
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pupila.artifacts.dataset.masks import MaskRow, read_mask, read_masks
from pupila.core.errors import PupilaError
from pupila.imaging.images.decode import ImageLimits
from tests.imaging.masks.encodings import ENCODINGS, SIZE, agrees, draw

LIMITS = ImageLimits()


def outcome(encoding: str, seed: int, folder: Path) -> str:
    """ "right", "question" or "wrong"."""
    drawn = draw(encoding, seed)
    names = [f"{encoding}-{seed}-{number}{suffix}" for number, (_, suffix) in enumerate(drawn.files)]
    for name, (content, _) in zip(names, drawn.files, strict=True):
        (folder / name).write_bytes(content)
    rows = pl.DataFrame({"image": names, "target": names, "width": SIZE, "height": SIZE, "orientation": 1})
    try:
        table = read_masks(str(folder), rows, None, LIMITS)
    except PupilaError:
        return "question"
    digests = table.images["mask_sha256"]
    read = [read_mask(str(folder), MaskRow(name, digest, SIZE, SIZE, 1), table.label_map, LIMITS)
            for name, digest in zip(names, digests, strict=True)]  # fmt: skip
    return "right" if agrees(drawn, read) else "wrong"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_each_encoding_is_read_right_without_a_question(tmp_path: Path, encoding: str) -> None:
    # small pictures in JPEG have borders everywhere: their colours may be a question
    assert outcome(encoding, 0, tmp_path) in (
        ("right", "question") if encoding == "jpeg-colours" else ("right",)
    )


@settings(
    max_examples=18,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.sampled_from(ENCODINGS), st.integers(1, 10_000))
def test_no_drawn_masks_are_silently_wrong(tmp_path: Path, encoding: str, seed: int) -> None:
    assert outcome(encoding, seed, tmp_path) != "wrong"


if __name__ == "__main__":
    outcomes: Counter[tuple[str, str]] = Counter()
    kinds = sys.argv[2:] or ENCODINGS
    with tempfile.TemporaryDirectory() as place:
        for draw_number in range(int(sys.argv[1])):
            kind = kinds[draw_number % len(kinds)]
            outcomes[kind, result := outcome(kind, draw_number, Path(place))] += 1
            if result != "right":
                print(result, kind, draw_number)
    for kind in ENCODINGS:
        print(kind, {name: outcomes[kind, name] for name in ("right", "question", "wrong")})
    print(
        {
            name: sum(n for (_, verdict), n in outcomes.items() if verdict == name)
            for name in ("right", "question", "wrong")
        }
    )
