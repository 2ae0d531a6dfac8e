"""Growth: what the search for duplicates does per image, whatever the number of images that look alike."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from pupila.imaging.duplicates import compare, search
from pupila.imaging.duplicates.align import refine_alignment
from pupila.imaging.duplicates.glance import HOPEFUL, glance, make_aims
from pupila.imaging.duplicates.pairs import Pair, components, find_pairs
from pupila.imaging.duplicates.search import NEIGHBOURS, Candidates
from pupila.imaging.duplicates.signature import hashes, shrink
from tests.pictures import photo

Copies = NDArray[np.uint8]


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The windows that were fitted in detail, in one number that grows."""
    count = [0]

    def counting(copies: Any, wholes: Any, margins: Any) -> Any:
        count[0] += len(margins)
        return refine_alignment(copies, wholes, margins)

    monkeypatch.setattr(compare, "refine_alignment", counting)
    return count


def frames(count: int, noise: float, seed: int = 1) -> Copies:
    """One scene under the noise of a sensor, as a fixed camera sees it."""
    rng = np.random.default_rng(seed)
    scene = shrink(photo(seed)).astype(np.float32)
    return np.clip(scene + rng.normal(0, noise, (count, *scene.shape)), 0, 255).astype(np.uint8)


def look_alikes(count: int) -> Copies:
    """Images of one smooth shape, each with its own detail, as X-rays of many patients."""
    rng = np.random.default_rng(3)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8), dtype=np.uint8))
    shape = 0.85 * np.asarray(coarse.resize((64, 64), Image.Resampling.BICUBIC), dtype=np.float32) + 15
    noise = [Image.fromarray(rng.integers(0, 256, (64, 64), dtype=np.uint8)) for _ in range(count)]
    own = np.stack(
        [np.asarray(some.filter(ImageFilter.GaussianBlur(1.5)), dtype=np.float32) for some in noise]
    )
    alike: Copies = np.clip(shape + own - 127, 0, 255).astype(np.uint8)
    return alike


def pairs_of(copies: Copies) -> list[Pair]:
    return find_pairs([str(row) for row in range(len(copies))], hashes(copies), lambda rows: copies[rows])


@pytest.mark.parametrize("count", [500, 1000])
def test_frames_of_a_fixed_camera_are_one_group_with_hardly_a_window_searched(
    count: int, windows: list[int]
) -> None:
    pairs = pairs_of(frames(count, noise=5))
    assert np.median([pair.similarity for pair in pairs]) < compare.CERTAIN  # so none is settled as a whole
    assert components(count, [(pair.first, pair.second) for pair in pairs]).max() == 0
    assert windows[0] <= 2 * count  # 24 a frame where every candidate is aligned
    assert len(pairs) <= NEIGHBOURS * count


@pytest.mark.parametrize("count", [200, 400])
def test_hardly_a_window_of_look_alikes_is_searched(count: int, windows: list[int]) -> None:
    assert pairs_of(look_alikes(count)) == []
    assert windows[0] <= 2 * count  # about 25 an image where every candidate is aligned


@pytest.mark.parametrize(
    ("top", "bottom", "left", "right"), [(0, 0, 0, 0), (3, 2, 4, 1), (0, 5, 5, 0), (5, 5, 5, 5)]
)
def test_a_glance_keeps_a_crop_and_drops_look_alikes(top: int, bottom: int, left: int, right: int) -> None:
    whole = photo(4, 320, 320)
    crop = whole[top * 4 : 320 - bottom * 4, left * 4 : 320 - right * 4]
    others = look_alikes(20).astype(np.float32)
    aims = make_aims(np.concatenate([shrink(np.ascontiguousarray(crop))[None].astype(np.float32), others]))
    fits = glance(shrink(whole).astype(np.float32), aims)
    assert fits[0] > 2 * HOPEFUL  # 4 pixels of 320 are one unit of the grid's, which has a knot every three
    assert (fits[1:] < HOPEFUL).all()


def test_a_copy_among_look_alikes_is_found_and_nothing_else() -> None:
    copies = look_alikes(200)
    copies[150] = np.clip(copies[20].astype(np.int16) + 9, 0, 255)
    copies[170] = copies[30][:, ::-1]
    assert [(pair.first, pair.second, pair.kind) for pair in pairs_of(copies)] == [
        (20, 150, "near"), (30, 170, "mirrored")]  # fmt: skip


def peak(count: int) -> int:
    """Bytes that the search takes at most among so many hashes that are all within the radius."""
    rng = np.random.default_rng(5)
    bits = np.uint64(1) << rng.integers(0, 64, (2, count)).astype(np.uint64)
    alike = np.uint64(0x0123456789ABCDEF) ^ bits[0] ^ bits[1]
    tracemalloc.start()
    assert NEIGHBOURS * count // 2 <= len(Candidates(alike).of(alike)) <= NEIGHBOURS * count
    highest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return highest


def test_of_any_number_of_look_alikes_only_some_are_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "CORES", 2)
    # all hits of a block of 256 hashes took 30 kB a hash, and most of the time
    assert peak(4000) <= 4000 * 10_000
