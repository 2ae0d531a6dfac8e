"""From signatures to candidates, to pairs, to groups."""

import io
from collections.abc import Callable
from pathlib import Path

import imagehash
import numpy as np
import pytest
from PIL import Image, ImageEnhance

import pupila
from pupila.imaging.duplicates import search
from pupila.imaging.duplicates.pairs import ENOUGH, Pair, components, find_pairs, some_unlisted
from pupila.imaging.duplicates.search import NEIGHBOURS, Candidates
from pupila.imaging.duplicates.signature import SIDE, as_numbers, hashes, shrink
from tests.pictures import photo


def test_the_hashes_are_those_of_imagehash_for_the_picture_and_its_mirror_image() -> None:
    copies = np.stack([shrink(photo(seed, 300, 200)) for seed in range(40)])
    straight, mirrored = hashes(copies)
    known = [str(imagehash.phash(Image.fromarray(copy))) for copy in copies]
    assert sum(ours != other for ours, other in zip(straight, known, strict=True)) <= 1
    theirs = [imagehash.phash(Image.fromarray(copy[:, ::-1].copy())) for copy in copies]
    # the library rounds the mirrored picture's pixels once more: a bit on the border may fall to the other side
    assert max(imagehash.hex_to_hash(ours) - other for ours, other in zip(mirrored, theirs, strict=True)) <= 2
    assert as_numbers(["00000000000000ff", "8000000000000000"]).tolist() == [255, 2**63]


def test_no_images_give_no_hashes() -> None:
    assert hashes(np.empty((0, SIDE, SIDE), np.uint8)) == ([], [])


def planted(count: int, seed: int) -> np.ndarray:
    """Random hashes of which every tenth has a neighbour 6 bits away."""
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 2**64, count, dtype=np.uint64)
    for row in range(0, count - 1, 10):
        bits = rng.choice(64, 6, replace=False).astype(np.uint64)
        hashes[row + 1] = hashes[row] ^ np.bitwise_or.reduce(np.uint64(1) << bits)
    return hashes


def test_brute_force_finds_what_a_double_loop_finds() -> None:
    hashes = planted(300, seed=1)
    want = {
        (i, j)
        for i in range(300)
        for j in range(i + 1, 300)
        if bin(int(hashes[i]) ^ int(hashes[j])).count("1") <= 18
    }
    assert set(map(tuple, Candidates(hashes, 18).of(hashes).tolist())) == want
    assert len(want) > 30


def test_the_index_finds_the_planted_neighbours_and_joins_equal_hashes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search, "BRUTE_FORCE_BELOW", 0)
    hashes = planted(3000, seed=2)
    hashes[[5, 95, 995]] = hashes[5]
    matches = set(map(tuple, Candidates(hashes).of(hashes).tolist()))
    expected = {(row, row + 1) for row in range(0, 2999, 10)}
    assert len(matches & expected) >= 0.98 * len(expected)
    assert {(5, 95), (95, 995)} <= matches
    assert all(first < second for first, second in matches)


def test_only_the_nearest_of_many_equal_neighbours_are_compared() -> None:
    hashes = np.zeros(200, dtype=np.uint64)
    assert len(Candidates(hashes).of(hashes)) <= 200 * NEIGHBOURS


@pytest.mark.parametrize("count", [0, 1])
def test_few_pictures_have_no_candidates(count: int) -> None:
    assert Candidates(np.zeros(count, np.uint64)).of(np.zeros(count, np.uint64)).shape == (0, 2)


def test_kinds_of_pairs() -> None:
    whole = Image.fromarray(photo(3, 300, 200))
    shown = [whole, whole, whole.resize((150, 100)), whole.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
             whole.transpose(Image.Transpose.FLIP_TOP_BOTTOM), Image.fromarray(photo(4, 300, 200))]  # fmt: skip
    copies = np.stack([shrink(np.asarray(picture)) for picture in shown])
    digests = ["a", "a", "c", "d", "e", "f"]
    pairs = find_pairs(digests, hashes(copies), lambda rows: copies[rows])
    assert {(p.first, p.second, p.kind) for p in pairs} == {
        (0, 1, "exact"), (0, 2, "near"), (0, 3, "mirrored"), (2, 3, "mirrored"),
    }  # fmt: skip


def test_pairs_may_be_unlisted_where_an_image_has_enough_of_them() -> None:
    star = [Pair(0, row, "near", 0.95) for row in range(1, ENOUGH + 1)]
    assert some_unlisted(star)
    assert not some_unlisted(star[1:])
    assert not some_unlisted([Pair(0, row, "exact", 1.0) for row in range(1, 50)])
    assert not some_unlisted([])


@pytest.mark.parametrize("below", [10**9, 0])  # brute force, and the index
def test_progress_is_shown_from_the_search_for_candidates_to_the_end(
    below: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "BRUTE_FORCE_BELOW", below)
    copies = np.stack([shrink(photo(seed)) for seed in range(150)] * 2)
    copies[150:] += 1
    shares: list[float] = []
    before: list[int] = []  # calls before the first copies are compared

    def thumbnails(rows: list[int]) -> np.ndarray:
        before.append(len(shares))
        return copies[rows]

    find_pairs([str(row) for row in range(300)], hashes(copies), thumbnails, shares.append)
    assert before[0] >= 3
    assert shares == sorted(shares)
    assert 0 < shares[0] < 0.4
    assert shares[-1] <= 1


def test_components_join_through_others() -> None:
    # 0-2-4 hang together through 2; 1-3 are a pair; 5 is alone
    assert components(6, [(0, 2), (2, 4), (1, 3)]).tolist() == [0, 1, 0, 1, 0, 2]
    assert components(2, []).tolist() == [0, 1]


def test_the_equal_files_of_brain_mri_are_found_and_stay_together(real_data: Callable[[str], Path]) -> None:
    data = pupila.open(real_data("brain_mri"))
    exact = [pair for pair in data.pairs if pair.kind == "exact"]
    digests = data.images["sha256"].to_list()
    groups = [
        [row for row, own in enumerate(digests) if own == d] for d in set(digests) if digests.count(d) > 1
    ]
    assert len(exact) == sum(len(group) - 1 for group in groups) == 25
    assert len(groups) == 22
    together = data.components()
    assert all(len(set(together[group].tolist())) == 1 for group in groups)


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "quality": lambda p: _again(p, 50),
    "half": lambda p: p.resize((p.width // 2, p.height // 2)),
    "flipped": lambda p: p.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "cropped": lambda p: p.crop((p.width // 20, p.height // 20, p.width * 19 // 20, p.height * 19 // 20)),
    "brighter": lambda p: ImageEnhance.Brightness(p).enhance(1.1),
}


def _again(picture: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def test_planted_copies_of_real_photos_are_found_and_nothing_else(
    real_data: Callable[[str], Path], tmp_path: Path
) -> None:
    photos = sorted(real_data("ants_bees").glob("*/*.jpg"))[::13]
    planted_pairs = set()
    for number, path in enumerate(photos):
        whole = Image.open(path).convert("RGB")
        kind = list(COPIES)[number % len(COPIES)]
        whole.save(tmp_path / f"{number:03d}.png")
        COPIES[kind](whole).save(tmp_path / f"{number:03d}_{kind}.png")
        planted_pairs.add((f"{number:03d}.png", f"{number:03d}_{kind}.png"))
    data = pupila.open(tmp_path)
    images = data.images["image"]
    matches = {(images[p.first], images[p.second]) for p in data.pairs}
    assert len(planted_pairs) == 31
    assert matches <= planted_pairs  # no two real photos are glued together
    assert len(matches) >= 30
