"""The learning curve of a sweep: its trainings by size, the power law through them, and what twice the images bring."""

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.report.learning_curve import CurvePoint, LearningCurve, SizeSummary
from pupila.artifacts.sweep.folder import FINISHED, Sweep
from pupila.core.vocabulary import TRAIN
from pupila.experiments.learning_curve.shares import split_share
from pupila.statistics.estimate import Estimate
from pupila.statistics.power_law import WIDEST, PowerLaw, fit_power_law

_DRAWN = 40  # sizes at which the curve is drawn


def read_curve(sweep: Sweep, data: Dataset, splits: SplitFile) -> LearningCurve:
    """The learning curve of the cells that have ended."""
    points, failed, waiting, images, groups = [], 0, 0, 0, 0
    for cell in sweep.cells:
        share, result = cell.entry.share, cell.result
        if share is None:
            continue
        estimate = result.metrics.get(result.metric) if result is not None else None
        if result is None or estimate is None or estimate.value is None:
            ended = cell.state in FINISHED
            failed, waiting = failed + ended, waiting + (not ended)
            continue
        images, groups = result.images, result.groups
        part = split_share(splits, data, share)
        sizes = sum(
            a.split == TRAIN and data.images["target"][row] is not None for row, a in enumerate(part.images)
        )
        points.append(CurvePoint(
            share=share.share, repeat=share.repeat, images=sizes, score=estimate.value, cell=cell.id,
            collapsed=result.state == "collapsed",
        ))  # fmt: skip
    law = fit_power_law(np.array([p.images for p in points]), np.array([p.score for p in points]))
    curve = LearningCurve(
        metric=sweep.info.metric, points=points, failed=failed, waiting=waiting, validation_images=images,
        validation_groups=groups,
        data_hash=sweep.info.data_hash, splits_hash=sweep.info.splits_hash, widest=WIDEST,
    )  # fmt: skip
    if law is None:
        return curve
    return curve.model_copy(update={
        "a": law.a, "b": law.b, "c": law.c, "sizes": [_summarise(law, size) for size in np.unique(law.sizes)],
        "now": law.predict(law.full), "twice": law.predict(2 * law.full), "curve": _draw(law),
    })  # fmt: skip


def _summarise(law: PowerLaw, size: float) -> SizeSummary:
    """The mean of the trainings of one size, with the interval that their common spread gives."""
    from scipy.stats import t

    own = law.sizes == size
    mean = float(1 - law.errors[own].mean())
    spread = float(np.sqrt(law.factor / law.weights[own].sum())) * float(t.ppf(0.975, len(law.errors) - 3))
    score = Estimate(value=mean, low=max(0.0, mean - spread), high=min(1.0, mean + spread))
    return SizeSummary(images=int(size), trainings=int(own.sum()), score=score)


def _draw(law: PowerLaw) -> list[tuple[float, float, float, float]]:
    sizes = np.geomspace(law.sizes.min(), 2 * law.full, _DRAWN)
    drawn = []
    for size in sizes.tolist():
        estimate = law.predict(size)
        assert estimate.value is not None and estimate.low is not None and estimate.high is not None
        drawn.append((size, estimate.value, estimate.low, estimate.high))
    return drawn
