"""One place that decides a class is reported; objects, scattered evidence and idle places are not."""

from dataclasses import replace

import numpy as np
import pytest

from pupila.imaging.images.decode import Array
from pupila.stages.explain.explanation import Explanation, HeatMap
from pupila.stages.explain.sentences import describe_shortcut
from pupila.stages.explain.shortcuts import ClassImages, collect_classes, find_shortcut

SIDE, COUNT = 64, 12
RNG = np.random.default_rng(0)
CORNER = np.s_[48:64, 48:64]  # two of eight cells along each side
MIDDLE = np.s_[24:40, 24:40]
STICKER = RNG.integers(0, 256, (16, 16, 3), dtype=np.uint8)


def photos(sticker: tuple[slice, slice] | None = None) -> list[Array]:
    views = [RNG.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8) for _ in range(COUNT)]
    for view in views if sticker else []:
        view[sticker] = STICKER
    return views


def heat_at(place: tuple[slice, slice], share: float = 0.8) -> Array:
    """That share of the evidence in the place, the rest everywhere."""
    heat = np.full((SIDE, SIDE), (1 - share) / SIDE**2)
    heat[place] += share / heat[place].size
    return heat


def reads(place: tuple[slice, slice]) -> "object":
    """A model whose logit is how much of the place can be seen."""
    return lambda inputs: (inputs[:, 0][:, *place] != 0).mean(axis=(1, 2))


def images(heats: list[Array], views: list[Array], place: tuple[slice, slice]) -> ClassImages:
    inputs = [np.ones((3, SIDE, SIDE), np.float32)] * len(views)
    logits = [reads(place)] * len(views)
    return ClassImages("ant", inputs, heats, views, logits, np.arange(len(views)), photos())  # type: ignore[arg-type]


@pytest.mark.parametrize(("place", "words"), [(CORNER, "lower right corner"), (MIDDLE, "middle")])
def test_a_sticker_that_decides_the_class_is_reported(place: tuple[slice, slice], words: str) -> None:
    shortcut = find_shortcut(images([heat_at(place)] * COUNT, photos(place), place))
    assert shortcut is not None and shortcut.place == words and shortcut.label == "ant"
    left, top, right, bottom = (round(edge * SIDE) for edge in shortcut.box)
    assert (slice(top, bottom), slice(left, right)) == place
    assert shortcut.taken.value == pytest.approx(1.0) and shortcut.elsewhere.other == pytest.approx(0.0)
    assert shortcut.evidence > 0.8 and shortcut.likeness > 0.95 and shortcut.area == 1 / 16
    sentence = describe_shortcut(shortcut)
    assert (
        f"ant is decided by the {words} (6.2 % of the image)" in sentence
        and "100.0 % of the evidence" in sentence
    )


def test_evidence_that_lies_elsewhere_in_each_image_is_none() -> None:
    places = [np.s_[t : t + 16, s : s + 16] for t in (0, 16, 32, 48) for s in (0, 24, 48)]
    assert find_shortcut(images([heat_at(place) for place in places], photos(), MIDDLE)) is None


def test_objects_in_the_middle_are_none() -> None:
    assert (
        find_shortcut(images([heat_at(MIDDLE)] * COUNT, photos(), MIDDLE)) is None
    )  # each shows another object


def test_what_lies_alike_in_every_class_is_none() -> None:
    aligned = images([heat_at(MIDDLE)] * COUNT, photos(MIDDLE), MIDDLE)
    assert find_shortcut(aligned) is not None
    assert (
        find_shortcut(replace(aligned, others=photos(MIDDLE))) is None
    )  # heads that are scanned in one pose


def test_a_place_that_the_model_does_not_need_is_none() -> None:
    assert find_shortcut(images([heat_at(CORNER)] * COUNT, photos(CORNER), MIDDLE)) is None
    everywhere = np.s_[0:SIDE, 0:SIDE]
    assert find_shortcut(images([heat_at(CORNER)] * COUNT, photos(CORNER), everywhere)) is None


def test_a_place_that_the_maps_miss_is_reported_where_hiding_it_decides() -> None:
    shortcut = find_shortcut(images([heat_at(CORNER, 0.1)] * COUNT, photos(CORNER), CORNER))
    assert shortcut is not None and shortcut.place == "lower right corner" and shortcut.evidence < 0.2


def test_few_groups_are_none() -> None:
    whole = images([heat_at(CORNER)] * COUNT, photos(CORNER), CORNER)
    assert find_shortcut(replace(whole, groups=np.zeros(COUNT, int))) is None


def test_classes_need_enough_images_of_one_size() -> None:
    heat = heat_at(CORNER)
    explained = [Explanation("a", None, label, view, [HeatMap("", heat[None], heat)])
                 for label, view in zip(["ant"] * 9 + ["bee"] * 3, photos(), strict=True)]  # fmt: skip
    inputs, logits = [np.ones((3, SIDE, SIDE), np.float32)] * COUNT, [reads(CORNER)] * COUNT
    classes = collect_classes(explained, inputs, logits, np.arange(COUNT))  # type: ignore[arg-type]
    assert [each.label for each in classes] == ["ant"] and len(classes[0].inputs) == 9
    assert len(classes[0].others) == 3
    odd = [*explained[:-1], replace(explained[-1], view=np.zeros((8, 8, 3), np.uint8))]
    assert collect_classes(odd, inputs, logits, np.arange(COUNT)) == []  # type: ignore[arg-type]
