"""Matching stems: what is skipped because nothing can match is what a full search finds nothing in."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pupila.artifacts.dataset.formats.masks.stems import ImageStems, Item, match_stems

_PART = st.sampled_from(["a", "b", "img", "mask", "1", "07", "_", "-", "#", "é"])
_STEM = st.lists(_PART, min_size=1, max_size=5).map("".join)
_ADDED = st.sampled_from(["", "_mask", "m_", "_2", "#"])


def _items(name: str, stems: list[tuple[str, str]]) -> list[Item]:
    return [Item(f"{name}{number}", folder, stem) for number, (folder, stem) in enumerate(stems)]


@settings(max_examples=150, deadline=None)
@given(
    cores=st.lists(st.tuples(st.sampled_from(["", "p"]), _STEM), min_size=1, max_size=5),
    others=st.lists(st.tuples(st.sampled_from(["", "p"]), _STEM), max_size=2),
    ends=st.tuples(_ADDED, _ADDED, _ADDED, _ADDED),
)
def test_a_pair_is_skipped_only_where_nothing_matches(
    cores: list[tuple[str, str]], others: list[tuple[str, str]], ends: tuple[str, str, str, str]
) -> None:
    images = _items("i", [(folder, ends[0] + core + ends[1]) for folder, core in cores])
    masks = _items("m", [*((folder, ends[2] + core + ends[3]) for folder, core in cores), *others])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ImageStems, "may_match", lambda *_: True)
        thorough = match_stems(ImageStems(images), masks)
    assert match_stems(ImageStems(images), masks) == thorough


@pytest.mark.parametrize(
    ("stems", "cuts"),
    [
        (["ab1", "ab12"], ["", "ab"]),
        (["a_1", "a_1_2"], ["", "a", "a_"]),
        (["img_1", "img_2"], ["", "img", "img_"]),
        (["x", "y"], [""]),
        (["a_1", "b_1"], ["", "1", "_1"]),
        (["same", "same"], [""]),
    ],
)
def test_what_all_stems_share_is_cut_at_the_borders_of_words_and_numbers(
    stems: list[str], cuts: list[str]
) -> None:
    images = ImageStems(_items("i", [("", stem) for stem in stems]))
    assert [begin + end for begin, end in images.affixes] == cuts


def test_unlike_stems_are_not_searched() -> None:
    images = ImageStems(_items("i", [("", f"cat_{n:03d}") for n in range(40)]))
    assert not images.may_match(_items("m", [("", f"dog_{n:03d}") for n in range(50, 90)]))
    assert images.may_match(_items("m", [("", "dog_007_mask")]))
