"""The stress test in a report: one metric on corrupted images beside the same images as they are."""

from typing import Literal

from pupila.core.records import Record
from pupila.statistics.estimate import Difference
from pupila.statistics.tests import Verdict

LeftOut = Literal["no-masks", "no-background"]


class StressLevel(Record):
    """One level of a corruption."""

    amount: float  # in the corruption's unit
    difference: Difference  # corrupted minus clean


class StressedCorruption(Record):
    """One corruption; "worse" refers to the corrupted images."""

    name: str  # id
    levels: list[StressLevel]  # the mildest first
    mean: Difference  # the mean over the levels, minus clean
    p_value: float  # that this mean is the clean one
    p_holm: float  # Holm-corrected for all corruptions
    verdict: Verdict  # of the mean over the levels


class StressReport(Record):
    """The sensitivity of the first model to the quality of its images."""

    metric: str  # id
    images: int  # that count for the metric, of those that were drawn
    drawn: int
    whole: int  # images that were evaluated, of which some were drawn
    groups: int
    seed: int  # of the images and of the corruptions
    clean: float
    corruptions: list[StressedCorruption]
    left_out: dict[str, LeftOut]  # id of a corruption to the reason why it was not tried
