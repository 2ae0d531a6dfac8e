"""Export multi-label classifiers: as classifiers, but predictions are equal only where every class is."""

from dataclasses import replace
from functools import partial

from pupila.imaging.images.decode import Array
from pupila.learning.export.classify import CLASSIFY_EXPORTER, compare_classifier


def share_of_equal_labels(ours: Array, theirs: Array) -> float:
    """Share of K images whose (K, C) logits have the same signs in every class."""
    return float(((ours > 0) == (theirs > 0)).all(axis=1).mean())


MULTILABEL_EXPORTER = replace(
    CLASSIFY_EXPORTER, compare=partial(compare_classifier, agreement=share_of_equal_labels)
)
