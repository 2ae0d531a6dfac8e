"""Every sentence of the explore page: a fingerprint where it must appear, and one where it must not."""

from copy import deepcopy
from typing import Any

import pytest
from scipy.stats import binomtest

from pupila.artifacts.report.fingerprint import Fingerprint
from pupila.stages.explore.sentences import applicable, sentences
from pupila.stages.explore.views import TARGET_VIEWS


def split_row(images: int, classes: dict[str, int], groups: dict[str, int] | None = None) -> dict[str, Any]:
    return {"images": images, "groups": images, "classes": classes, "class_groups": groups or classes}


def size_counts(*sizes: tuple[int, int, int]) -> list[dict[str, int]]:
    return [{"width": width, "height": height, "images": n} for width, height, n in sizes]


def colours(brightness: float, saturation: float) -> dict[str, float]:
    return {"brightness": brightness, "saturation": saturation, "red": 0, "green": 0, "blue": 0}


HISTOGRAM = {"edges": [0, 1], "counts": [700], "mean": 0.5, "std": 0.1}
COUNTS = {"brightness_counts": [350], "saturation_counts": [350]}
# 700 images, 1 : 1, of many sizes, split without a leak, without a fault or duplicate: nothing to report
_SOUND: dict[str, Any] = {
    "data_hash": "ab", "layout": "a folder", "task": "classify", "target": "class", "groups": 700, "grouped": False,
    "images": 700, "skipped": 0, "unlabelled": 0, "faults": [],
    "classes": {"a": {"images": 350, "share": 0.5, "groups": 350}, "b": {"images": 350, "share": 0.5, "groups": 350}},
    "width": {"min": 100, "median": 400, "max": 900}, "height": {"min": 90, "median": 300, "max": 800},
    "aspect": {"min": 1, "median": 1, "max": 2}, "brightness": HISTOGRAM, "aspect_histogram": HISTOGRAM,
    "sizes": size_counts((400, 300, 200), (500, 300, 100)), "modes": {}, "formats": {},
    "duplicates": {"exact": 0, "near": 0, "mirrored": 0},
    "colour": {"grey": 0, "dark": 0, "bright": 0, "explained_variance": {"brightness": 0.1, "saturation": None},
               "edges": [], "channels": {"red": [], "green": [], "blue": []}, "mean": colours(125, 50),
               "saturation": [], "classes": {"a": {**colours(90, 40), **COUNTS}, "b": {**colours(160, 60), **COUNTS}}},
    "map": None, "bundle": "", "labels": None, "columns": {},
    "splits": {
        "hash": "cd", "origin": "drawn", "verdict": "clean", "leaks": 0, "by": r"(p\d+)_", "shares": {}, "folds": {},
        "table": {"train": split_row(490, {"a": 245, "b": 245}), "validation": split_row(0, {}),
                  "test": split_row(210, {"a": 105, "b": 105})},
        "largest_deviation": {"share": 0, "class": "", "split": ""},
    },
}  # fmt: skip


def having(**changes: Any) -> Fingerprint:
    fingerprint = deepcopy(_SOUND)
    for path, value in changes.items():
        place = fingerprint
        *above, last = path.split("__")
        for key in above:
            place = place[key]
        place[last] = value
    return Fingerprint.model_validate(fingerprint)


SOUND = having()


def classes(**counts: int) -> dict[str, dict[str, Any]]:
    return {name: {"images": n, "share": n / sum(counts.values()), "groups": n} for name, n in counts.items()}


def of_test(n: int, groups: int | None = None) -> Fingerprint:
    row = split_row(120, {"a": 120 - n, "b": n}, {"a": 120 - n, "b": groups or n})
    return having(splits__table__test=row)


def labelled(**changes: Any) -> Fingerprint:
    """700 images that show 'a' in half of them and 'b' in a fifth, of which nine in ten show both."""
    facts = {
        "classes": {"a": {"present": 350, "absent": 350, "unknown": 0},
                    "b": {"present": 140, "absent": 560, "unknown": 0}},
        "labels_per_image": [300, 300, 100], "together": [[350, 126], [126, 140]], "known": [[350, 350], [140, 140]],
        "phi": [[1, 0.4], [0.4, 1]], "explained": [],
    }  # fmt: skip
    shares = {
        "a": {"images": 350, "share": 0.5, "groups": 350},
        "b": {"images": 140, "share": 0.2, "groups": 140},
    }
    return having(target="classes", task="multilabel", classes=shares, several_labels={**facts, **changes})


COPIES = {"exact": 2, "near": 3, "mirrored": 1}
FAULT = {"code": "conflicting-labels", "severity": "error", "count": 1, "examples": [], "fix": ""}
HARMLESS = {**FAULT, "severity": "warning"}
FOUR_TO_ONE = having(classes=classes(a=560, b=140))
GROUPS = {**HARMLESS, "code": "unnamed-groups", "examples": [r"--by '(p\d+)_': 9 groups of 4 to 8 images"]}
AGREEMENT = {
    **HARMLESS,
    "code": "annotator-agreement",
    "examples": ["mean IoU 0.824 in 9 pairs, range 0.639 to 0.903"],
}
ROADS = having(  # synthetic masks: land everywhere, a road of 0.4 % of the area in every second image
    target="mask",
    unlabelled=10,
    classes={
        "land": {"images": 690, "share": 0.996, "groups": 690},
        "road": {"images": 350, "share": 0.004, "groups": 9},
    },
)
SHORTCUT = {
    **HARMLESS,
    "code": "column-predicts-label",
    "examples": ["column brand (skill 0.62; 0 is chance, 1 is perfect)"],
}
MAP = {
    "images": 90,
    "groups": 80,
    "agreement": {"value": 0.8, "low": 0.7, "high": 0.87},
    "chance": 0.5,
    "classes": {},
    "outliers": 7,
}
AUDIT = {"accuracy": {"value": 0.92, "low": 0.85, "high": 0.96}, "reviewed": 100, "labels": 700, "more_to_halve": 300,
         "outdated": False}  # fmt: skip
LABELS = {
    "sources": {"annotator": 100, "machine": 590, "given": 0, "abstained": 6, "unlabelled": 4},
    "annotations": 690, "cost": 1.234, "labellers": {}, "more_labellers": 0, "audit": None,
    "pairs": [{"first": "vlm:x", "second": "annotator:y", "images": 100, "agree": 92}],
}  # fmt: skip
BY_ANNOTATORS = {**LABELS, "sources": {**LABELS["sources"], "machine": 0}, "pairs": []}  # type: ignore[dict-item]
PRICE = {"type": "numeric", "missing": 3, "explained_variance": 0.4, "edges": [], "quantiles": [],
         "classes": {name: {"images": 9, "counts": [], "median": median}
                     for name, median in {"a": 12.5, "b": 40, "c": None}.items()}}  # fmt: skip
BRAND = {"type": "categorical", "missing": 0, "values": {}, "distinct": 0}
TINY = having(classes=classes(a=50, b=9, c=2))
# sentence -> (fingerprint with it, its parts, fingerprint without it)
CASES: dict[str, tuple[Fingerprint, list[str], Fingerprint]] = {
    "no_labels": (having(classes={}), ["No image has a label yet"], SOUND),
    "faults": (having(faults=[FAULT]),
               ["1 error that would spoil training: conflicting-labels."], having(faults=[HARMLESS])),
    "leaking_split": (having(splits__verdict="leaking", splits__leaks=51),
                      ["51 pairs", "pupila split DATA --ignore-given --replace"], SOUND),
    "imbalance": (FOUR_TO_ONE, ["4.0 : 1", "('a' : 'b')", "F1", "baseline 'a' has accuracy 0.800"],
                  having(classes=classes(a=560, b=400))),
    "balance": (having(classes=classes(a=140, b=100)), ["1.40 : 1"], having(classes=classes(a=150, b=100))),
    "areas": (ROADS, ["'road' covers 0.4 %", "in 350 of 690", "'land' everywhere has a pixel accuracy of 0.996", "IoU"],
              SOUND),
    "small_areas": (ROADS, ["1 class covers under 1 %", "('road')"], having(target="mask")),
    "annotator_agreement": (having(target="mask", faults=[AGREEMENT]),
                            ["9 pairs", "0.824", "about the highest score that these labels allow"],
                            having(faults=[HARMLESS])),
    "small_classes": (TINY, ["2 classes", "('b', 'c')"], having(classes=classes(a=50, b=10))),
    "too_few_groups": (of_test(24, groups=9), ["9 groups of class 'b'",
                       r"--by '(p\d+)_' --folds 5"], of_test(24, groups=10)),
    # 21 of 24: Wilson's interval reaches from 0.690 to 0.957
    "interval": (of_test(24), ["only 24 images of class 'b', so", "about 27 percentage points wide",
                               "you need about 170 images in the test split (about 990 in total)"], of_test(9)),
    "duplicates": (having(duplicates=COPIES), ["6 pairs", "2 exact, 3 near, 1 mirrored", "could separate"], SOUND),
    "skipped_files": (having(skipped=3), ["3 files could not be read"], SOUND),
    "one_size": (having(sizes=size_counts((500, 500, 690))), ["98.6 % of the images have 500 x 500 pixels"], SOUND),
    "many_sizes": (SOUND, ["width 100 to 900 pixels", "height 90 to 800 pixels"],
                   having(sizes=size_counts((500, 500, 630)))),
    "small_images": (having(width__median=48), ["smaller than 49 pixels"], having(width__median=64)),
    "shortcuts": (having(faults=[SHORTCUT]), ["column brand (skill 0.62", "Metadata alone"], having(faults=[HARMLESS])),
    "brightness": (having(colour__explained_variance={"brightness": 0.25, "saturation": None}),
              ["25 % of the variance in brightness", "the mean of 'a' is 90, of 'b' 160"], SOUND),
    "some_grey": (having(colour__grey=12), ["12 of 700 images contain no colour, however"],
                  having(colour__grey=700)),
    "some_dark": (having(colour__dark=1, colour__bright=2),
                  ["1 image is almost black. 2 images are almost white."], SOUND),
    "neighbours": (having(map=MAP), ["Colours alone", "for 80 % of the images (50 % by chance)"],
                   having(map={**MAP, "agreement": {"value": 0.59, "low": 0.55, "high": 0.7}})),
    "audit_result": (having(labels={**LABELS, "audit": AUDIT}),
                     ["100 labels", "accuracy 0.920 (95 % CI 0.850 to 0.960"],
                     having(labels=BY_ANNOTATORS)),
    "label_sources": (having(labels=LABELS),
                      ["100 by annotators, 590 by machines.", "cost $1.23.", "10 images are unlabelled"],
                      SOUND),
    "labeller_disagreement": (having(labels=LABELS), ["vlm:x and annotator:y agree on 92 of the 100"],
                              having(labels=BY_ANNOTATORS)),
    "own_columns": (having(columns={"price": PRICE}),
                    ["40 % of the variance in price", "of 'a' is 12.5, of 'b' 40"],
                    having(columns={"price": {**PRICE, "explained_variance": 0.2}, "brand": BRAND})),
    "missing_classes": (
        having(splits__missing_classes=[{"class": "b", "groups": 2, "missing_from": ["test"]},
                                        {"class": "c", "groups": 2, "missing_from": ["test"]}]),
        ["Class 'b' is missing from test: 2 groups of related images have it", "1 more class is not in every split"],
        SOUND,
    ),
    "co_occurrence": (labelled(), ["'b' occurs with 'a' in 90 % of its images ('a' is in 50 % of all images)"],
                      labelled(phi=[[1, 0.2], [0.2, 1]])),
    "prevalence": (labelled(), ["'a' is present in 50.0 %", "'b' in 20.0 %", "correct for 65.0 % of the"], SOUND),
    "labels_per_image": (labelled(), ["shows 0.71 of the 2 classes", "at most 2; in 300 of 700 images"], SOUND),
    "unknown_labels": (
        labelled(classes={"a": {"present": 350, "absent": 350, "unknown": 0},
                          "b": {"present": 70, "absent": 280, "unknown": 350}}),
        ["25.0 % of the labels are unknown, most of them of 'b' (350 of 700 images)"], labelled(),
    ),
    "explained_by_labels": (
        labelled(explained=[{"measure": "brightness", "class": "b", "share": 0.4, "present": 200, "absent": 90.5}]),
        ["'b' explains 40 % of the variance in brightness (0 to 255, mean 200 with it, 90.5 without)"], labelled(),
    ),
    "sequences": (having(duplicates__sequences=2, duplicates__sequence_images=11),
                  ["11 images are alike in 2 sequences", "no duplicates"], SOUND),
    "unnamed_groups": (having(splits__by=None, faults=[GROUPS]),
                       [r"(--by '(p\d+)_': 9 groups of 4 to 8 images)", "--replace --by auto"], SOUND),
    "no_groups": (having(splits__by=None), ["No groups are known"], having(splits__by=None, faults=[GROUPS])),
    "missing_split": (having(splits=None), ["not split yet"], having(splits=None, classes={})),
}  # fmt: skip


def test_a_split_that_came_with_the_data_is_named() -> None:
    text = " ".join(sentences(having(splits=None, given_splits={"train": 24, "validation": 8})))
    assert "The data come with a split (train 24, validation 8): pupila split keeps it" in text
    assert "not split yet" not in text


def test_a_side_of_one_length_is_no_range() -> None:
    quantiles = {"min": 128, "median": 128, "max": 128}
    sizes = [{"width": 128, "height": 70 + n, "images": 350} for n in range(2)]
    text = " ".join(sentences(having(sizes=sizes, width=quantiles)))
    assert "Image sizes vary: width 128 pixels, height" in text


def test_labels_of_which_every_image_has_one_have_a_range() -> None:
    assert "1.12 of the 2 classes on average, from 1 to 2." in " ".join(
        sentences(labelled(labels_per_image=[0, 616, 84]))
    )


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_sentence_appears_where_it_applies_and_nowhere_else(name: str) -> None:
    where, parts, where_not = CASES[name]
    sentence = {function.__name__: function for function in applicable(where)}[name]
    text = sentence(where)
    assert text is not None
    for part in parts:
        assert part in text
    assert sentence not in applicable(where_not) or sentence(where_not) is None
    assert text in sentences(where)


def test_every_sentence_has_its_case() -> None:
    assert {
        function.__name__ for target in TARGET_VIEWS for function in applicable(having(target=target))
    } == {*CASES}
    print(f"explore: checked {len(CASES)} sentences")


def test_the_numbers_of_the_interval_equal_those_of_scipy() -> None:
    def width(right: int, n: int) -> float:
        theirs = binomtest(right, n).proportion_ci(method="wilson")
        return float(theirs.high - theirs.low)

    assert round(100 * width(21, 24)) == 27
    assert width(147, 168) > 0.10 > width(154, 176)  # 170 lies between; both are 7 of 8


def test_the_map_of_a_bundle_states_how_well_it_separates_the_classes() -> None:
    assert "7 images lie among other classes" in " ".join(sentences(having(map=MAP, bundle="ab12")))
    assert "not have the same class significantly more often than by chance" in " ".join(
        sentences(having(map={**MAP, "agreement": {"value": 0.8, "low": 0.5, "high": 0.87}}, bundle="ab12"))
    )


def test_one_size_of_all_images_has_no_share() -> None:
    text = " ".join(sentences(having(sizes=size_counts((500, 500, 700)))))
    assert "All images have 500 x 500 pixels." in text
    assert "100.0 %" not in text


def test_machine_labels_without_an_audit_are_reported() -> None:
    assert "not audited" in " ".join(sentences(having(labels=LABELS)))
    few = {**AUDIT, "accuracy": {"value": 0.92}, "reviewed": 4}
    assert "reviewed 4 labels, too few" in " ".join(sentences(having(labels={**LABELS, "audit": few})))


def test_masks_have_no_sentence_on_accuracy_f1_or_recall() -> None:
    text = " ".join(sentences(ROADS))
    assert "accuracy and F1" not in text
    assert "recall" not in text
    assert " : 1" not in text


def test_a_sound_data_set_has_few_sentences() -> None:
    assert len(sentences(SOUND)) == 3
