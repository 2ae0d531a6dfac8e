"""Names of pixels and images without a label, and names that only look alike."""

import pytest

from pupila.imaging.masks.no_label import find_unlabelled, means_no_label, means_unlabelled

UNLABELLED = [
    "unlabelled", "Unlabeled", "un-labelled", "not labelled", "ignore", "IGNORED", "__ignore__", "Don't care",
    "DontCare", "ignored regions", "ignore_label", "background (ignored)", "other [ignore]", "sin etiquetar",
    "no etiquetado", "ignorar", "zona ignorada", "unlabelled (outside the tile)", "region (void)",
]  # fmt: skip
PIXELS_ALONE = [
    "void", "void (ignore)", "Void/Ignore", "void class", "unlabeled_void", "no label", "NoLabel", "sin etiqueta",
    "unknown",
]  # fmt: skip
CLASSES = [
    "background", "other", "otro", "voids", "avoid", "solder void", "void in the weld", "unknown road", "labelled",
    "mushroom (unknown)", "background (unlabelled)", "label", "class label", "regions", "ignorance", "255", "no", "",
]  # fmt: skip


@pytest.mark.parametrize("name", UNLABELLED)
def test_a_name_of_what_is_not_labelled_is_no_class_anywhere(name: str) -> None:
    assert means_unlabelled(name)
    assert means_no_label(name)
    assert find_unlabelled(["cat", name]) == [name]


@pytest.mark.parametrize("name", PIXELS_ALONE)
def test_a_name_that_may_be_a_class_of_images_has_no_label_in_masks(name: str) -> None:
    assert means_no_label(name)
    assert not means_unlabelled(name) or name == "void (ignore)"


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_stays_one(name: str) -> None:
    assert not means_no_label(name)
    assert find_unlabelled(["cat", name]) == []


def test_the_absence_of_a_label_is_a_class_beside_its_presence() -> None:
    assert find_unlabelled(["torn label", "no_label"]) == []
    assert find_unlabelled(["con etiqueta", "sin etiqueta"]) == []
    assert find_unlabelled(["cat", "no label"]) == ["no label"]
