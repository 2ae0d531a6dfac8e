"""A count that can be one has a sentence for one: `say_count`, and not `say("{n} images ...")`."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from pupila.core import messages
from pupila.core.messages import say_images

ROOT = Path(messages.__file__).parent.parent
NOUNS = (
    "images|photos|masks|files|folders|rows|columns|cells|labels|classes|pairs|groups|regions|objects|products|"
    "packages|tasks|folds|epochs|annotations|annotators|answers|questions|predictions|names|errors|warnings|faults|"
    "problems|copies|duplicates|requests|tokens|sequences|leaks|models|runs|points|boxes|outlines|values"
)
# The names of counts; those of limits (most, least, min) and of texts are others.
COUNTS = (
    "n|m|all|total|count|images|groups|classes|products|masks|labels|ones|whites|pairs|answered|cached|there"
)
COUNTED = re.compile(r"\{(" + COUNTS + r")\}(?: (?!of|may|may|if|are)[a-z{}_-]+){0,2}? (" + NOUNS + r")\b")
# Sentences whose counts are never one, by the file and their start.
NEVER_ONE = {
    ("api/data.py", "splits.json has {there} folds"): "two folds or more",
    ("api/stored.py", "an iterator of"): "a limit",
    ("artifacts/bundle/averaging.py", "Ensemble of"): "two folds or more",
    ("artifacts/bundle/consistency.py", ""): "of a damaged bundle, as it is",
    ("artifacts/dataset/formats/tables/split_columns.py", "The column {name} numbers"): "two folds or more",
    ("artifacts/dataset/formats/masks/paired_masks.py", "Images have up to"): "two files or more",
    ("artifacts/dataset/formats/tables/split_lists.py", "they name {n}"): "a data set with lists of splits",
    ("artifacts/dataset/formats/tables/table_file.py", ""): "limits",
    ("artifacts/dataset/instances.py", "{n} values"): "many numbers",
    (
        "artifacts/dataset/labelling/class_columns.py",
        "{unknown} of {all} cells",
    ): "a table of several classes",
    ("artifacts/dataset/labelling/coded_classes.py", ""): "a list of several classes",
    ("artifacts/dataset/mask_classes.py", "{ones} masks"): "several of each",
    ("artifacts/dataset/name_groups/proposal.py", "Groups are likely"): "two groups or more",
    ("core/settings.py", "{n} comma-separated"): "constants",
    ("demo/", ""): "constants",
    ("stages/collect/fetch.py", "robots.txt"): "requests in general",
    ("stages/explore/columns.py", "{name}: the {shown} most"): "more than a constant",
    ("stages/explore/label_sentences.py", ""): "several classes, and images of several",
    ("stages/explore/map.py", "The nearest neighbour"): "an interval needs ten groups",
    ("stages/label/labellers/vlm.py", "the answer was cut off"): "a limit",
    ("stages/label/review/audit_page.py", "Accuracy on unseen groups"): "an interval needs ten groups",
    ("stages/label/review/audit_page.py", "{n} of {total} errors"): "two errors or more",
    ("stages/split/by.py", "{n} capture groups"): "two or more",
    ("stages/train/multilabel.py", "Not measurable"): "several classes",
    ("stages/doctor/duplicates.py", "an image in {n} pairs"): "a constant",
    ("stages/explore/class_sentences.py", "The test split has"): "ten groups or more",
    ("stages/explore/page.py", ""): "groups of two or more, and constants",
    ("stages/evaluate/", ""): "an interval or a comparison needs several",
    ("stages/split/folds.py", "{n} folds in the column"): "two folds or more",
    ("stages/split/refold.py", "The split has {n} folds"): "two folds or more",
    ("stages/split/folds.py", "Several columns number"): "two folds or more",
    ("stages/train/introduction.py", "{n} folds"): "two folds or more",
    ("stages/train/page.py", "{metric} {value} on validation"): "an interval needs ten groups",
    ("stages/train/page.py", "Mean of {n} cross"): "two folds or more",
}


def plural_counts(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """(sentence, name of the count) of every `say` that has a plural after a count."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or getattr(node.func, "id", "") != "say" or not node.args:
            continue
        sentence = node.args[0]
        if isinstance(sentence, ast.Constant) and isinstance(sentence.value, str):
            for match in COUNTED.finditer(sentence.value):
                yield sentence.value, match[1]


def test_a_planted_plural_is_caught() -> None:
    planted = 'say("{n} images read", n=1)\nsay("{all} large red boxes", all=1)\nsay("{n} s left", n=1)'
    assert [name for _, name in plural_counts(ast.parse(planted))] == ["n", "all"]


def test_no_count_that_can_be_one_has_a_plural_alone() -> None:
    checked, idle = 0, set(NEVER_ONE)
    wrong = []
    for path in sorted(ROOT.rglob("*.py")):
        file = path.relative_to(ROOT).as_posix()
        for sentence, name in plural_counts(ast.parse(path.read_text())):
            checked += 1
            excuses = {key for key in NEVER_ONE if file.startswith(key[0]) and sentence.startswith(key[1])}
            idle -= excuses
            if not excuses:
                wrong.append(f"{file}: {{{name}}} in {sentence!r}")
    assert not wrong, "\n".join(wrong)
    assert not idle, idle
    assert checked > 40
    print(f"messages: checked {checked} sentences with a plural after a count")


def test_one_image_is_no_images() -> None:
    assert (say_images(1), say_images(2)) == ("1 image", "2 images")
