"""Metrics by slice: the images of each value of a column, against all other images."""

from typing import Literal

from pupila.core.records import Record
from pupila.statistics.estimate import Difference, Estimate
from pupila.statistics.tests import Verdict


class Slice(Record):
    """The images of one value, or of one third of the numbers of a column."""

    value: str | None  # None: a third, or images without a value (where low and high are None, too)
    low: float | None  # of a third: its numbers are above this one; None: of the lowest
    high: float | None  # and up to this one; None: of the highest
    n: int  # images, or masks
    groups: int
    estimate: Estimate
    difference: Difference | None  # to all other images; None: there are none
    p_value: float | None  # sign-flip test against the others; None: too few groups here or there
    p_holm: float | None  # Holm-corrected for all slices that were tested
    verdict: Verdict | None  # of this slice against the others


class SliceReport(Record):
    """One metric of the first model by one column."""

    by: str  # the column, `size` for the area of the object, or the regular expression
    metric: str  # id
    unit: Literal["images", "masks"]  # that are counted
    thirds: bool  # whether numbers are cut into thirds
    tests: int  # of all columns and metrics, which Holm's correction counts
    slices: list[Slice]
