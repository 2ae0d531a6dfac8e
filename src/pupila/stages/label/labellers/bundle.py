"""Pseudo-labels: the predictions of a bundle whose confidence reaches a threshold."""

import time
from collections.abc import Sequence
from dataclasses import replace

from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.run.source import parse_predicting
from pupila.core.errors import PupilaError
from pupila.core.messages import say, say_count
from pupila.imaging.images.decode import ImageFault
from pupila.stages.label.labellers.labeller import Labeller, NoLabel, Outcomes
from pupila.stages.label.labellers.settings import BundleSettings
from pupila.stages.label.labellers.targets import WRITERS


class BundleLabeller(Labeller):
    """Labels with the predictions of a bundle.

    Raises:
        PupilaError: no bundle, one that needs prompts, or one that does not fit the data.
    """

    def __init__(self, settings: BundleSettings, data: Dataset) -> None:
        bundle = parse_predicting(settings.bundle).bundle
        self.name = f"bundle:{bundle.hash[:12]}"
        self.min_confidence = settings.confidence
        bands = bundle.info.preprocessing.bands
        if data.bands is not None and data.bands != bands:
            raise PupilaError(
                say("The bundle was trained on other bands than the data have"), actual=str(data.bands),
                expected=str(bands),
                remedy=say("open the data with the bands of the bundle"),
            )  # fmt: skip
        self._predictor = Predictor(bundle, data.limits)
        self._writer = WRITERS[self._predictor.task.target](data, bundle.info.classes)
        if self._writer.partial:
            self.note = f"confidence {settings.confidence:g}"
        learned = bundle.training_images()
        self._known = sum(digest in learned for digest in data.images["sha256"])

    def forecast(self, data: Dataset, rows: Sequence[int]) -> list[str]:
        """A warning if the bundle was trained on some of the images."""
        if not self._known:
            return []
        return [say_count("The bundle was trained on one of these images: its confidence there is too high.",
                          "The bundle was trained on {n} of these images: its confidence there is too high.",
                          self._known)]  # fmt: skip

    def outcomes(self, data: Dataset, rows: Sequence[int]) -> Outcomes:
        """The predictions whose confidence reaches the threshold."""
        start = time.perf_counter()
        predictions = self._predictor.stream(data.path(row) for row in rows)
        for row, (_, prediction) in zip(rows, predictions, strict=True):
            now = time.perf_counter()
            seconds, start = round(now - start, 4), now
            if isinstance(prediction, ImageFault):
                yield row, NoLabel("failed", prediction.reason)
                continue
            outcome = self._writer.write_prediction(row, prediction, self.min_confidence)
            yield row, outcome if isinstance(outcome, NoLabel) else replace(outcome, seconds=seconds)
