"""The versions of an image: the reference side, backgrounds of other groups, the preprocessing of predictions."""

import numpy as np
import pytest
from PIL import Image

import pupila
from pupila.artifacts.bundle.golden import decode_bytes, preprocess_bytes, preprocess_image
from pupila.artifacts.dataset.manifest import Dataset
from pupila.imaging.corruptions.background import GREY
from pupila.imaging.corruptions.catalogue import CORRUPTIONS, LEVELS
from pupila.imaging.images.preprocess import Preprocessing
from pupila.stages.evaluate.stress.versions import (
    Donor,
    background_classes,
    find_background,
    find_donors,
    make_scene,
    make_versions,
    pick_background,
)
from pupila.tasks import TASKS
from tests.pictures import encoded, photo, write_scenes


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PUPILA_CACHE", str(tmp_path_factory.mktemp("cache")))
        return pupila.open(write_scenes(tmp_path_factory.mktemp("scenes") / "data", 4))


def test_a_large_photo_is_reduced_to_twice_the_input_and_a_tile_is_its_own_measure() -> None:
    rgb = photo(1, 200, 120)
    reduced = make_scene(rgb, None, 60)
    assert (reduced.rgb.shape, reduced.side) == ((60, 100, 3), 60)
    tiled = make_scene(rgb, 32, None)
    assert tiled.rgb is rgb
    assert tiled.side == 32
    assert make_scene(rgb, 512, None).side == 120  # no tile is larger than the image


def test_a_small_and_a_large_photo_are_blurred_alike() -> None:
    large = photo(1, 640, 480)
    small = np.asarray(Image.fromarray(large).resize((160, 120), Image.Resampling.BOX))
    sizes = []
    for rgb in (large, small):
        (blurred,) = make_versions(make_scene(rgb, None, 480), "a", ["blur"])
        sizes.append(
            np.asarray(Image.fromarray(blurred[-1]).resize((40, 30), Image.Resampling.BOX)).astype(int)
        )
    assert np.abs(sizes[0] - sizes[1]).mean() < 2


def test_versions_depend_on_the_image_and_on_nothing_else() -> None:
    scene = make_scene(photo(1), None, None)
    first, again, other = (list(make_versions(scene, sha256, ["noise", "shadow"])) for sha256 in "aab")
    assert [len(levels) for levels in first] == [LEVELS, LEVELS]
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    alone = list(make_versions(scene, "a", ["shadow"]))  # whatever else is tried
    assert np.array_equal(first[1], alone[0])


def test_a_background_comes_from_another_group() -> None:
    donors = [Donor(group, np.full((2, 2, 3), group, dtype=np.uint8)) for group in range(5)]
    for group in range(5):
        picked = {int(pick_background(donors, group, f"image {number}")[0, 0, 0]) for number in range(60)}
        assert picked == set(range(5)) - {group}
    assert (pick_background(donors[:1], 0, "a") == GREY).all()
    assert np.array_equal(pick_background(donors, 1, "a"), pick_background(donors, 1, "a"))


def test_donors_have_no_objects_and_one_stands_for_its_group(scenes: Dataset) -> None:
    donors = find_donors(scenes, [0, 1, 2, 3], [7, 7, 8, 9])
    assert [donor.group for donor in donors] == [7, 8, 9]
    water = ~find_background(scenes, 0)
    assert water.any()
    assert len(np.unique(donors[0].rgb[water], axis=0)) == 1  # the mean colour of the land
    assert np.array_equal(donors[0].rgb[~water], scenes.pixels(0)[~water])
    assert background_classes(scenes) == [0]


@pytest.mark.parametrize("task", sorted(TASKS))
def test_an_image_as_it_is_has_the_inputs_of_every_prediction(task: str) -> None:
    spec = Preprocessing(height=32, width=32, fit="corner" if TASKS[task].takes_prompts else "squash")
    for content in (encoded(photo(2, 300, 200), "JPEG"), encoded(photo(2, 40, 50))):
        served = preprocess_bytes(content, TASKS[task], spec)
        image = preprocess_image(decode_bytes(content, TASKS[task], spec), TASKS[task], spec)
        assert np.array_equal(served.inputs, image.inputs)
        assert (served.height, served.width) == (image.height, image.width)


def test_every_amount_has_its_place_in_its_unit() -> None:
    for corruption in CORRUPTIONS.values():
        assert corruption.unit.count("{value}") == 1
        assert len(set(corruption.amounts)) == LEVELS
