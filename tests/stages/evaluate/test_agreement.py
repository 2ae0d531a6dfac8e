"""Figures and counts as the sentences of an evaluation state them."""

import pytest

from pupila.artifacts.report.evaluation.segment import AnnotationAgreement
from pupila.stages.evaluate.segment.sentences import agreement_sentence
from pupila.statistics.estimate import Estimate, p_text


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


def test_annotation_agreement_counts_pairs() -> None:
    unknown, known = Estimate(value=0.9), Estimate(value=0.9, low=0.85, high=0.95)
    iou = Estimate(value=0.82)
    assert agreement_sentence(AnnotationAgreement(dice=unknown, iou=iou, pairs=1, groups=1)).startswith(
        "1 pair of duplicate images has different masks, which agree with Dice 0.900 and IoU 0.820"
    )
    assert agreement_sentence(AnnotationAgreement(dice=known, iou=iou, pairs=11, groups=11)).startswith(
        "11 pairs of duplicate images have different masks, which agree with mean Dice 0.900 (95 % CI 0.850 to 0.950)"
    )
