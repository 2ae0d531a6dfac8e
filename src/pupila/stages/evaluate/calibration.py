"""How far confidences can be trusted: calibration and the risk-coverage curve, in the report and on the page."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pupila.artifacts.report import charts
from pupila.artifacts.report.evaluation.classify import Calibration
from pupila.artifacts.report.page import Section, Table
from pupila.core.messages import say
from pupila.imaging.images.decode import Array
from pupila.statistics.estimate import Estimate
from pupila.statistics.intervals import MIN_GROUPS, bootstrap
from pupila.statistics.metrics.calibration import calibration_error, reliability_bins, risk_coverage
from pupila.statistics.metrics.estimates import make_estimate

FEWER_RESAMPLES = 400  # of the bootstraps that go image by image
_CURVE = 25  # points of the risk-coverage curve
Scored = tuple[Array, Array]  # (N,) probabilities 0..1, and (N,) bool whether they came true


def report_calibration(before: Scored | None, after: Scored, groups: Array) -> Calibration:
    """The expected calibration error with its interval, and the reliability diagram.

    Args:
        before: without temperature scaling; None: unknown.
        after: as predicted.
        groups: (N,) group numbers.
    """
    return Calibration(
        before=None if before is None else _estimate_error(before, groups),
        after=_estimate_error(after, groups),
        bins=reliability_bins(*after),
    )


def thin_risk_coverage(confidence: Array, correct: Array) -> list[tuple[float, float]]:
    """A few points of the risk-coverage curve.

    Args:
        confidence: (N,) of the predictions.
        correct: (N,) bool.
    """
    coverage, risk = risk_coverage(confidence, correct)
    points = np.unique(np.linspace(0, len(correct) - 1, _CURVE).astype(int))
    return [(float(coverage[i]), float(risk[i])) for i in points]


def bootstrap_images(groups: Array, metric: Callable[[Array], float | None]) -> Estimate:
    """A metric (0..1) of drawn images; bootstrap over groups, or Wilson's interval where no draw differs.

    Args:
        groups: (N,) group numbers.
        metric: of (K,) image numbers, with repetition; None where it is not defined.
    """
    value, group_count = metric(np.arange(len(groups))), len(set(groups.tolist()))
    if value is None or group_count < MIN_GROUPS:
        return Estimate(value=value)

    def statistic(times: Array) -> Array:
        drawn = (metric(np.repeat(np.arange(len(groups)), row)) for row in times)
        return np.array([value if score is None else score for score in drawn])

    # Drawing with repetition makes a calibration error larger: the interval is stretched to what was measured.
    return make_estimate(value, *bootstrap(groups, statistic, repeats=FEWER_RESAMPLES), group_count)


@dataclass(frozen=True, slots=True)
class CalibrationWords:
    """What the section says in the words of one task."""

    before: str  # title of the calibration error before calibration
    after: str
    unhelpful: str  # sentence where calibration made the error larger
    axes: tuple[str, str]  # of the reliability diagram
    risk: str  # axis of the risk-coverage curve


def calibration_section(
    calibration: Calibration | None, risk_coverage: list[tuple[float, float]], words: CalibrationWords
) -> list[Section]:
    """The section of the page; none for a model without probabilities.

    Args:
        calibration: of the model.
        risk_coverage: a few points of the curve.
        words: of the task.
    """
    if calibration is None:
        return []
    before, after = calibration.before, calibration.after
    rows, texts = [[say("expected calibration error"), *after.cells()]], []
    if before is not None:
        assert before.value is not None and after.value is not None  # defined for every set of images
        rows = [[words.before, *before.cells()], [words.after, *after.cells()]]
        if after.value > before.value:
            texts = [words.unhelpful]
    curve = [(confidence, share) for confidence, share, _ in calibration.bins]
    return [Section(
        say("Calibration"), texts,
        charts=[
            charts.lines(
                say("Reliability diagram"), {say("model"): curve, say("perfect calibration"): [(0.0, 0.0), (1.0, 1.0)]},
                words.axes,
            ),
            charts.lines(
                say("Risk-coverage curve"), {say("model"): risk_coverage},
                (say("coverage (share of images)"), words.risk),
            ),
        ],
        tables=[Table([say("metric"), say("value"), say("95 % CI")], rows)],
    )]  # fmt: skip


def _estimate_error(scored: Scored, groups: Array) -> Estimate:
    probability, correct = scored
    return bootstrap_images(groups, lambda drawn: calibration_error(probability[drawn], correct[drawn]))
