"""Pseudo-labels: what a bundle of Pupila's own is sure enough of."""

import time
from collections.abc import Sequence

from pupila.artifacts.bundle.folder import read_bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from pupila.core.messages import say, say_count
from pupila.imaging.images.decode import ImageFault
from pupila.stages.label.labellers.labeller import Labeller, Left, Outcomes, Said
from pupila.stages.label.labellers.settings import BundleSettings
from pupila.stages.label.masks import MaskWriter
from pupila.tasks import TASKS
from pupila.tasks.segment import MaskAnswer


class Bundled(Labeller):
    """Answers with a bundle.

    Raises:
        PupilaError: no bundle, one that answers prompts, or one that does not fit the data.
    """

    def __init__(self, settings: BundleSettings, data: Dataset) -> None:
        bundle = read_bundle(settings.bundle)
        self.name = f"bundle:{bundle.hash[:12]}"
        self.least = settings.confidence
        bands = bundle.info.preparation.bands
        if data.bands is not None and data.bands != bands:
            raise PupilaError(
                say("The bundle was trained on other bands"), found=str(data.bands), wanted=str(bands),
                remedy=say("open the data with the bundle's bands"),
            )  # fmt: skip
        if data.legend is not None and TASKS[bundle.info.task].target == "class":
            raise PupilaError(
                say("These data have masks, and the labeller names classes"), found=data.layout,
                wanted=say("a bundle of masks"),
            )  # fmt: skip
        self._predictor = Predictor(bundle, data.limits)
        draws = self._predictor.task.target == "mask"
        self._writer = MaskWriter(data, bundle.info.classes) if draws else None
        learned = bundle.learned_from()
        self._known = sum(digest in learned for digest in data.images["sha256"])

    def forecast(self, data: Dataset, rows: Sequence[int]) -> list[str]:
        """Whether it has seen the images before."""
        if not self._known:
            return []
        return [say_count("The bundle learned from one of the images: of that it is surer than it should be.",
                          "The bundle learned from {n} of the images: of these it is surer than it should be.",
                          self._known)]  # fmt: skip

    def outcomes(self, data: Dataset, rows: Sequence[int]) -> Outcomes:
        """What it is sure enough of."""
        start = time.perf_counter()
        answered = self._predictor.stream(data.path(row) for row in rows)
        for row, (_, answer) in zip(rows, answered, strict=True):
            now = time.perf_counter()
            seconds, start = round(now - start, 4), now
            if isinstance(answer, ImageFault):
                yield row, Left("failed", answer.reason)
            elif answer.abstained or answer.confidence < self.least:
                yield row, Left("below")
            elif isinstance(answer, MaskAnswer):
                assert self._writer is not None  # a bundle of masks
                yield row, self._writer.write(row, answer.mask, answer.confidence, seconds)
            else:
                yield row, Said(answer.prediction, (answer.prediction,), answer.confidence, seconds=seconds)
