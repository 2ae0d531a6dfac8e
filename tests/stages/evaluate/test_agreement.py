"""How the agreement of annotations is stated."""

from pupila.artifacts.report.evaluation.segment import AnnotationAgreement
from pupila.stages.evaluate.segment.sentences import agreement_sentence
from pupila.statistics.estimate import Estimate


def test_annotation_agreement_counts_pairs() -> None:
    unknown, known = Estimate(value=0.9), Estimate(value=0.9, low=0.85, high=0.95)
    iou = Estimate(value=0.82)
    assert agreement_sentence(AnnotationAgreement(dice=unknown, iou=iou, pairs=1, groups=1)).startswith(
        "1 pair of duplicate images has different masks, which agree with Dice 0.900 and IoU 0.820"
    )
    assert agreement_sentence(AnnotationAgreement(dice=known, iou=iou, pairs=11, groups=11)).startswith(
        "11 pairs of duplicate images have different masks, which agree with mean Dice 0.900 (95 % CI 0.850 to 0.950)"
    )
