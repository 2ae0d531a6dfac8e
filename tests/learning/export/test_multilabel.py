"""Parity of several labels: an image counts as equal only where every class is."""

import numpy as np

from pupila.learning.export.multilabel import share_of_equal_labels
from pupila.learning.export.parity import check_logits


def test_an_image_is_equal_where_every_class_is() -> None:
    ours = np.array([[1.0, -1.0], [2.0, 3.0], [-1.0, -1.0], [0.5, -0.5]])
    theirs = np.array(
        [[2.0, -0.1], [3.0, 2.0], [-1.0, 1.0], [-0.5, -0.5]]
    )  # the last two differ in one class
    assert share_of_equal_labels(ours, theirs) == 0.5


def test_the_most_probable_class_alone_does_not_count() -> None:
    ours, theirs = np.array([[100.0, 0.01]]), np.array([[100.0, -0.01]])
    assert check_logits([(ours, theirs)]).label_agreement == 1.0
    assert check_logits([(ours, theirs)], share_of_equal_labels).label_agreement == 0.0
