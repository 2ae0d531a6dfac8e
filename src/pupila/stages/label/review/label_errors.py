"""The estimated number of wrong labels."""

import numpy as np

from pupila.imaging.images.decode import Array


def estimate_label_errors(labels: Array, probabilities: Array) -> int:
    """The estimated number of wrong labels, by confident learning (cleanlab).

    Args:
        labels: (N,) given class numbers.
        probabilities: (N, C) of a model that was not trained on these images.

    Source: Northcutt, Jiang and Chuang 2021 (arXiv:1911.00068).
    """
    from cleanlab.count import num_label_issues

    return int(num_label_issues(labels, probabilities)) if len(np.unique(labels)) > 1 else 0
