"""The mean Dice, or of more than two classes the mean IoU, of the masks for versions of an image."""

from collections.abc import Callable

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.vocabulary import IGNORE
from pupila.stages.evaluate.segment.predictions import ignore_no_data
from pupila.stages.evaluate.stress.scorer import Counts, OpenTarget, StressScorer, score_predictions
from pupila.statistics.metrics.segment import METRICS, confusion_counts, image_scores, selection_metric
from pupila.tasks.segment import MaskPrediction


def _open(bundle: Bundle, data: Dataset) -> OpenTarget:
    classes = len(data.classes)
    metric = METRICS[selection_metric(classes)]

    def open_target(row: int) -> Callable[[MaskPrediction], Counts] | None:
        target = data.mask(row)
        if (target == IGNORE).all():
            return None

        def score(prediction: MaskPrediction) -> Counts:
            counts = confusion_counts(*ignore_no_data(target, prediction.mask), classes)
            return (float(image_scores(counts, metric)), 1.0) if counts.any() else (0.0, 0.0)

        return score

    return score_predictions(bundle, open_target)


SCORER = StressScorer(metric=lambda classes: f"mean_{selection_metric(len(classes))}", open=_open)
