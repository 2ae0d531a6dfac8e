"""What the report says of where evidence lies."""

import pytest

from pupila.artifacts.report.explanation import ExplainReport, Localisation
from pupila.stages.explain.sentences import sentences
from pupila.statistics.estimate import Difference, Estimate


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.1, 0.5, "a bump in the middle of each image would have 40.0 % there."),
        (-0.1, 0.5, "no better than a bump in the middle of each image (40.0 %)."),
        (None, None, "would have 40.0 % there: too few groups for a verdict."),
    ],
)
def test_evidence_is_compared_with_the_middle_where_groups_suffice(
    low: float | None, high: float | None, words: str
) -> None:
    energy = Estimate(value=0.7, low=low and 0.5, high=high and 0.9)
    place = Localisation(
        layer="", images=12, groups=12, energy=energy, area=0.3, pointing=energy,
        centre=Difference.between(0.7, 0.4, low, high),
    )  # fmt: skip
    report = ExplainReport(
        model="insects", version="0" * 64, task="classify", method="gradcam", limits={}, images=[],
        localisation=[place],
    )  # fmt: skip
    (text,) = [text for text in sentences(report) if "lies inside the regions" in text]
    assert text.startswith("70.0 % of the evidence") and text.endswith(words)
