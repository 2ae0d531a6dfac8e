"""Every sentence of the explore page: a fingerprint where it must appear, and one where it must not."""

from copy import deepcopy
from typing import Any

import pytest
from scipy.stats import binomtest

from pupila.stages.explore.sentences import SENTENCES, sentences

Fingerprint = dict[str, Any]


def split_row(images: int, classes: dict[str, int], groups: dict[str, int] | None = None) -> dict[str, Any]:
    return {"images": images, "groups": images, "classes": classes, "class_groups": groups or classes}


# 700 images, 1 : 1, of many sizes, split without a leak, without a fault or a copy: nothing to say but what is good
SOUND: Fingerprint = {
    "masks": None, "images": 700, "set_aside": 0, "unlabelled": 0, "faults": [],
    "classes": {"a": {"images": 350, "share": 0.5, "groups": 350}, "b": {"images": 350, "share": 0.5, "groups": 350}},
    "width": {"min": 100, "median": 400, "max": 900}, "height": {"min": 90, "median": 300, "max": 800},
    "sizes": [[400, 300, 200], [500, 300, 100]],
    "duplicates": {"exact": 0, "near": 0, "mirrored": 0},
    "colour": {"grey": 0, "dark": 0, "bright": 0, "explained": {"brightness": 0.1, "saturation": None},
               "classes": {"a": {"brightness": 90, "saturation": 40}, "b": {"brightness": 160, "saturation": 60}}},
    "map": None, "bundle": "", "labels": None, "columns": {},
    "splits": {
        "verdict": "clean", "leaks": 0, "by": r"(p\d+)_",
        "table": {"train": split_row(490, {"a": 245, "b": 245}), "validation": split_row(0, {}),
                  "test": split_row(210, {"a": 105, "b": 105})},
    },
}  # fmt: skip


def having(**changes: Any) -> Fingerprint:
    found = deepcopy(SOUND)
    for path, value in changes.items():
        place = found
        *above, last = path.split("__")
        for key in above:
            place = place[key]
        place[last] = value
    return found


def classes(**counts: int) -> dict[str, dict[str, Any]]:
    return {name: {"images": n, "share": n / sum(counts.values()), "groups": n} for name, n in counts.items()}


def of_test(n: int, groups: int | None = None) -> Fingerprint:
    row = split_row(120, {"a": 120 - n, "b": n}, {"a": 120 - n, "b": groups or n})
    return having(splits__table__test=row)


COPIES = {"exact": 2, "near": 3, "mirrored": 1}
FAULT = {"code": "conflicting-labels", "severity": "error", "count": 1, "examples": [], "mend": ""}
HARMLESS = {**FAULT, "severity": "warning"}
FOUR_TO_ONE = having(classes=classes(a=560, b=140))
CEILING = {**HARMLESS, "code": "label-ceiling", "examples": ["9 pairs: mean IoU 0.824, from 0.639 to 0.903"]}
ROADS = having(  # synthetic masks: land everywhere, a road of 0.4 % of the area in every second image
    masks={"images": 690, "splits": {}},
    classes={
        "land": {"images": 690, "share": 0.996, "groups": 690},
        "road": {"images": 350, "share": 0.004, "groups": 9},
    },
)
SHORTCUT = {**HARMLESS, "code": "column-predicts-label", "examples": ["column brand: 62%"]}
MAP = {
    "images": 90,
    "groups": 80,
    "agreement": 0.8,
    "low": 0.7,
    "high": 0.87,
    "chance": 0.5,
    "classes": {},
    "foreign": 7,
}
AUDIT = {"accuracy": 0.92, "low": 0.85, "high": 0.96, "answered": 100, "labels": 700, "more_to_halve": 300,
         "earlier": False}  # fmt: skip
LABELS = {
    "sources": {"person": 100, "machine": 590, "given": 0, "unsure": 6, "none": 4}, "cost": 1.234, "audit": None,
    "pairs": [{"first": "vlm:x", "second": "person:y", "both": 100, "agree": 92}],
}  # fmt: skip
BY_PERSONS = {**LABELS, "sources": {**LABELS["sources"], "machine": 0}, "pairs": []}  # type: ignore[dict-item]
PRICE = {"kind": "numbers", "missing": 3, "explained": 0.4,
         "classes": {"a": {"median": 12.5}, "b": {"median": 40}, "c": {"median": None}}}  # fmt: skip
TINY = having(classes=classes(a=50, b=9, c=2))
# sentence -> (where it must appear, what it says there, where it must not)
CASES: dict[str, tuple[Fingerprint, list[str], Fingerprint]] = {
    "no_labels": (having(classes={}), ["No image has a label yet"], SOUND),
    "faults": (having(faults=[FAULT]), ["One finding", "conflicting-labels"], having(faults=[HARMLESS])),
    "leaking": (having(splits__verdict="leaking", splits__leaks=51), ["51 pairs"], SOUND),
    "imbalance": (FOUR_TO_ONE, ["4.0 : 1", "(a : b)", "80.0%", "F1"], having(classes=classes(a=560, b=400))),
    "balanced": (having(classes=classes(a=140, b=100)), ["1.40 : 1"], having(classes=classes(a=150, b=100))),
    "areas": (ROADS, ["road covers 0.4%", "in 350 of 690", "always answering land is right for 99.6%", "IoU"], SOUND),
    "small_areas": (ROADS, ["One class covers under 1 %", "(road)"], having(masks=ROADS["masks"])),
    "ceiling": (having(faults=[CEILING]), ["9 pairs", "0.824"], having(faults=[HARMLESS])),
    "small_classes": (TINY, ["2 classes", "(b, c)"], having(classes=classes(a=50, b=10))),
    "too_few_groups": (of_test(24, groups=9), ["9 groups of b", r"--by '(p\d+)_' --folds 5"], of_test(24, groups=10)),
    # 21 of 24: Wilson's interval reaches from 0.690 to 0.957
    "interval": (of_test(24), ["24 images of b", "about 27 points wide", "170 would narrow it to 10"], of_test(9)),
    "duplicates": (having(duplicates=COPIES), ["6 pairs", "2 exact, 3 near, 1 mirrored"], SOUND),
    "set_aside": (having(set_aside=3), ["3 files could not be read"], SOUND),
    "one_size": (having(sizes=[[500, 500, 690]]), ["98.6% of the images are 500 x 500"], SOUND),
    "many_sizes": (SOUND, ["from 100 to 900 pixels", "from 90 to 800"], having(sizes=[[500, 500, 630]])),
    "small_images": (having(width__median=48), ["under 49 pixels"], having(width__median=64)),
    "shortcuts": (having(faults=[SHORTCUT]), ["column brand: 62%", "without a look"], having(faults=[HARMLESS])),
    "light": (having(colour__explained={"brightness": 0.25, "saturation": None}),
              ["the brightness of an image (25%", "a has 90 on average, b 160"], SOUND),
    "some_grey": (having(colour__grey=12), ["12 images of 700 are grey"], having(colour__grey=700)),
    "some_dark": (having(colour__dark=1, colour__bright=2),
                  ["One image is almost black. 2 images are almost white."], SOUND),
    "neighbours": (having(map=MAP), ["Colours alone", "for 80%, by chance it would be for 50%"],
                   having(map={**MAP, "agreement": 0.59, "low": 0.55})),
    "audited": (having(labels={**LABELS, "audit": AUDIT}), ["100 labels", "92.0%", "85.0% to 96.0%"],
                having(labels=BY_PERSONS)),
    "labelled_by": (having(labels=LABELS), ["persons 100, machines 590.", "cost $1.23.", "10 images are open"], SOUND),
    "disagreement": (having(labels=LABELS), ["vlm:x and person:y agree on 92 of 100"], having(labels=BY_PERSONS)),
    "own_numbers": (having(columns={"price": PRICE}), ["price goes with the class (40%", "of a is 12.5, of b 40"],
                    having(columns={"price": {**PRICE, "explained": 0.2}, "brand": {"kind": "words"}})),
    "not_split": (having(splits=None), ["not split yet"], having(splits=None, classes={})),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_sentence_appears_where_it_must_and_nowhere_else(name: str) -> None:
    sentence = {function.__name__: function for function in SENTENCES}[name]
    where, parts, where_not = CASES[name]
    told = sentence(where)
    assert told is not None
    for part in parts:
        assert part in told
    assert sentence(where_not) is None
    assert told in sentences(where)


def test_every_sentence_has_its_case() -> None:
    assert {function.__name__ for function in SENTENCES} == set(CASES)
    print(f"explore: checked {len(CASES)} sentences")


def test_the_numbers_of_the_interval_are_right_by_a_second_way() -> None:
    def width(right: int, n: int) -> float:
        theirs = binomtest(right, n).proportion_ci(method="wilson")
        return float(theirs.high - theirs.low)

    assert round(100 * width(21, 24)) == 27
    assert width(147, 168) > 0.10 > width(154, 176)  # 170 lies between; both are 7 of 8


def test_a_bundles_map_tells_how_well_it_parts_the_classes() -> None:
    assert "7 lie among another class" in " ".join(sentences(having(map=MAP, bundle="ab12")))
    assert "does not part" in " ".join(sentences(having(map={**MAP, "low": 0.5}, bundle="ab12")))


def test_labels_of_machines_that_nobody_audited_are_told() -> None:
    assert "Nobody audited" in " ".join(sentences(having(labels=LABELS)))
    few = {**AUDIT, "low": None, "high": None, "answered": 4}
    assert "too few answers" in " ".join(sentences(having(labels={**LABELS, "audit": few})))


def test_masks_are_not_judged_by_accuracy_f1_or_recall() -> None:
    told = " ".join(sentences(ROADS))
    assert "accuracy and F1" not in told
    assert "recall" not in told
    assert " : 1" not in told


def test_a_sound_data_set_is_told_in_a_few_words() -> None:
    assert len(sentences(SOUND)) == 3
