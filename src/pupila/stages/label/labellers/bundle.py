"""Pseudo-labels: the predictions of a bundle whose confidence reaches a threshold."""

import time
from collections.abc import Sequence

from pupila.artifacts.bundle.folder import read_bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from pupila.core.messages import say, say_count
from pupila.imaging.images.decode import ImageFault
from pupila.stages.label.labellers.labeller import Labeller, NoLabel, Outcomes, ProposedLabel
from pupila.stages.label.labellers.settings import BundleSettings
from pupila.stages.label.masks import MaskWriter
from pupila.tasks import TASKS
from pupila.tasks.segment import MaskPrediction


class BundleLabeller(Labeller):
    """Labels with the predictions of a bundle.

    Raises:
        PupilaError: no bundle, one that needs prompts, or one that does not fit the data.
    """

    def __init__(self, settings: BundleSettings, data: Dataset) -> None:
        bundle = read_bundle(settings.bundle)
        self.name = f"bundle:{bundle.hash[:12]}"
        self.min_confidence = settings.confidence
        bands = bundle.info.preprocessing.bands
        if data.bands is not None and data.bands != bands:
            raise PupilaError(
                say("The bundle was trained on other bands than the data have"), actual=str(data.bands),
                expected=str(bands),
                remedy=say("open the data with the bands of the bundle"),
            )  # fmt: skip
        if data.label_map is not None and TASKS[bundle.info.task].target == "class":
            raise PupilaError(
                say("The data have masks, but the bundle predicts one class per image"), actual=data.layout,
                expected=say("a segmentation bundle"),
            )  # fmt: skip
        self._predictor = Predictor(bundle, data.limits)
        draws = self._predictor.task.target == "mask"
        self._writer = MaskWriter(data, bundle.info.classes) if draws else None
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
        answered = self._predictor.stream(data.path(row) for row in rows)
        for row, (_, answer) in zip(rows, answered, strict=True):
            now = time.perf_counter()
            seconds, start = round(now - start, 4), now
            if isinstance(answer, ImageFault):
                yield row, NoLabel("failed", answer.reason)
            elif answer.abstained or answer.confidence < self.min_confidence:
                yield row, NoLabel("abstained")
            elif isinstance(answer, MaskPrediction):
                assert self._writer is not None  # a bundle of masks
                yield row, self._writer.write(row, answer.mask, answer.confidence, seconds)
            else:
                yield (
                    row,
                    ProposedLabel(
                        answer.prediction, (answer.prediction,), answer.confidence, seconds=seconds
                    ),
                )
