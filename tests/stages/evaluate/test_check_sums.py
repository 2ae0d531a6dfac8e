"""Probabilities of a table that can be none of one class each."""

import numpy as np
import pytest

from pupila.core.errors import PupilaError
from pupila.stages.evaluate.logit_reader import check_sums


@pytest.mark.parametrize(
    "rows", [[[1.0, 1.0]], [[0.5, 0.5], [0.0, 0.0]], [[0.3, 0.6, 0.2, 0.1]], [[2 / 999] * 999]]
)
def test_rows_that_do_not_add_up_to_1_are_refused(rows: list[list[float]]) -> None:
    with pytest.raises(PupilaError, match=r"do not add up to 1: found 1 row"):
        check_sums(np.array(rows), "table.csv")


@pytest.mark.parametrize(("classes", "digits"), [(2, 2), (3, 2), (20, 2), (99, 2), (1000, 4)])
def test_rounded_rows_are_taken(classes: int, digits: int) -> None:
    rng = np.random.default_rng(classes)
    check_sums(rng.dirichlet(np.ones(classes), 200).round(digits), "table.csv")
