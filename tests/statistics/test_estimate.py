"""How figures with intervals are written: in sentences, in tables, as shares, as differences."""

import pytest
from pydantic import ValidationError

from pupila.statistics.estimate import Difference, Estimate, p_text

KNOWN = Estimate(value=0.9524, low=0.898, high=0.9919)
FEW = Estimate(value=0.9524)
UNDEFINED = Estimate(value=None)


def test_an_estimate_is_written_with_its_interval() -> None:
    assert KNOWN.text() == "0.952 (95 % CI 0.898 to 0.992)"
    assert KNOWN.cells() == ["0.952", "0.898 to 0.992"]
    assert KNOWN.cells(1) == ["1.0", "0.9 to 1.0"]
    assert (KNOWN.percent_text(), KNOWN.percent_interval_text()) == ("95.2 %", "89.8 % to 99.2 %")


def test_too_few_groups_are_named() -> None:
    assert FEW.text() == "0.952 (too few groups for a confidence interval)"
    assert FEW.cells() == ["0.952", "too few groups"]
    assert FEW.percent_interval_text() == "too few groups"


def test_what_is_undefined_is_left_empty() -> None:
    assert UNDEFINED.text() == UNDEFINED.percent_text() == UNDEFINED.percent_interval_text() == ""
    assert UNDEFINED.cells() == ["", ""]


def test_a_difference_has_signs() -> None:
    difference = Difference(first=0.9, other=0.8, change=0.125, low=-0.0123, high=0.2)
    assert difference.cells() == ["0.900", "0.800", "+12.5 %", "-0.012 to +0.200"]
    nothing = Difference(first=0.9, other=0.0, change=None, low=None, high=None)
    assert nothing.cells() == ["0.900", "0.000", "", "too few groups"]


def test_an_estimate_is_immutable_and_knows_its_fields() -> None:
    with pytest.raises(ValidationError):
        Estimate.model_validate({"value": 1.0, "n": 3})
    with pytest.raises(ValidationError):
        KNOWN.value = 1.0


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.0004, "p < 0.001"), (0.001, "p = 0.001"), (0.0312, "p = 0.031"), (0.0449, "p = 0.045"),
        (0.045, "p = 0.0450"), (0.0496, "p = 0.0496"), (0.0503, "p = 0.0503"), (0.0549, "p = 0.0549"),
        (0.055, "p = 0.055"), (1.0, "p = 1.000"),
    ],
)  # fmt: skip
def test_a_p_value_near_005_has_four_decimals(p: float, text: str) -> None:
    assert p_text(p) == text
