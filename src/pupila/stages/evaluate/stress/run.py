"""The stress test: predict corrupted versions of the evaluated images, and compare them with the images as they are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.bundle.golden import decode_bytes, preprocess_image
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.report.evaluation.stress import LeftOut, StressReport
from pupila.artifacts.report.gallery import WIDE, make_thumbnail
from pupila.artifacts.run.source import ModelSource, TableSource
from pupila.core.errors import PupilaError
from pupila.core.messages import say, say_images
from pupila.core.progress import progress
from pupila.core.threads import prefetch, reader_threads
from pupila.imaging.corruptions.catalogue import BACKGROUND, CORRUPTIONS, Scene
from pupila.imaging.geotiff.image import DecodedImage
from pupila.imaging.images.budget import hold
from pupila.imaging.images.decode import Array, ImageFault
from pupila.stages.evaluate.evaluator import EvaluationResult, EvaluationSet, StressExamples
from pupila.stages.evaluate.evaluators import EVALUATORS
from pupila.stages.evaluate.predictions import has_out_of_fold, unreadable_image
from pupila.stages.evaluate.settings import EvaluateSettings
from pupila.stages.evaluate.stress.measure import StressCounts, measure, overall
from pupila.stages.evaluate.stress.scorer import OpenTarget
from pupila.stages.evaluate.stress.versions import (
    SEED,
    Donor,
    add_background,
    background_classes,
    find_background,
    find_donors,
    make_scene,
    make_versions,
)
from pupila.tasks import TASKS
from pupila.tasks.prompt_strategies import seeded_random

_EXAMPLES_TRIED = 20  # images, of which one with object and background is shown


def check_stressable(source: ModelSource, splits: SplitFile, split: str | None) -> None:
    """Refuse what cannot predict corrupted images, before anything is predicted and the test split is accessed.

    Raises:
        PupilaError: a table of predictions, or the out-of-fold predictions of a run.
    """
    if isinstance(source, TableSource):
        raise PupilaError(
            say("A stress test needs a model that predicts corrupted images"), actual=say("a table of predictions"),
            expected=say("a bundle or a run"), remedy=say("leave --stress out"),
        )  # fmt: skip
    if split is None and has_out_of_fold(source) and any(a.fold is not None for a in splits.images):
        raise PupilaError(
            say("A stress test needs images that the bundle was not trained on"),
            actual=say("the out-of-fold predictions of {path}", path=source.path), expected=say("another split"),
            remedy="--split test",
        )  # fmt: skip


def stress_test(
    result: EvaluationResult, source: ModelSource, on: EvaluationSet, settings: EvaluateSettings
) -> EvaluationResult:
    """The evaluation with the stress test of its first model.

    Args:
        result: of `evaluate_models`.
        source: the first model.
        on: the data set with its splits, and the evaluated images.
        settings: how many images are drawn at most.

    Raises:
        PupilaError: an image that can no longer be read, or none that counts.
    """
    assert not isinstance(source, TableSource)  # `check_stressable` refuses it
    scorer, data = EVALUATORS[result.evaluation.task].stress, on.data
    drawn = on.select(_draw(on.rows, settings.stress_images or scorer.most_images))
    left_out = _leave_out(data)
    names = [name for name in CORRUPTIONS if name not in left_out]
    groups = drawn.groups.tolist()
    donors = [] if BACKGROUND in left_out else find_donors(data, drawn.rows, groups)
    test = _StressTest(source.bundle, data, names, donors)
    scores = test.score_all(drawn, scorer.open(source.bundle, data))
    counting = [number for number, counts in enumerate(scores) if counts is not None]
    if not counting:
        raise PupilaError(
            say("None of the images that were drawn for the stress test has a label that counts"),
            actual=say_images(len(drawn.rows)), expected=say("images with labels"),
            remedy="--stress-images",
        )  # fmt: skip
    table = np.array([counts for counts in scores if counts is not None])
    counts = StressCounts(
        table[:, 0], table[:, 1:].reshape(len(table), len(names), -1, 2), drawn.groups[counting]
    )
    report = StressReport(
        metric=scorer.metric(data.classes), images=len(counting), drawn=len(drawn.rows), whole=len(on.rows),
        groups=len(np.unique(counts.groups)), seed=SEED, clean=overall(counts.clean),
        corruptions=measure(counts, names), left_out=left_out,
    )  # fmt: skip
    example = test.choose_example([drawn.rows[number] for number in counting])
    return replace(
        result,
        evaluation=result.evaluation.model_copy(update={"stress": report}),
        stress_examples=test.draw_examples(example, on.splits.images[example].component),
    )


def _draw(rows: list[int], most: int) -> list[int]:
    """The rows, or so many of them, drawn at random."""
    if len(rows) <= most:
        return rows
    places = seeded_random(SEED, "stress").choice(len(rows), most, replace=False)
    return [rows[place] for place in sorted(places.tolist())]


def _leave_out(data: Dataset) -> dict[str, LeftOut]:
    """The corruptions that the data do not allow."""
    if data.target != "mask":
        return {BACKGROUND: "no-masks"}
    return {} if background_classes(data) else {BACKGROUND: "no-background"}


@dataclass(frozen=True, slots=True)
class _StressTest:
    """A model, the corruptions, and where other backgrounds come from."""

    bundle: Bundle
    data: Dataset
    names: Sequence[str]
    donors: Sequence[Donor]

    def score_all(self, on: EvaluationSet, open_target: OpenTarget) -> list[list[tuple[float, float]] | None]:
        """The counts of all versions of each image, the clean one first; None for an image that does not count."""
        task, spec = TASKS[self.bundle.info.task], self.bundle.info.preprocessing

        def score_row(item: tuple[int, int]) -> list[tuple[float, float]] | None:
            row, group = item
            score = open_target(row)
            if score is None:
                return None
            with hold():  # the pixels count as memory of decoding
                image = self._decode(row)
                counts = score([preprocess_image(image, task, spec)])
                for versions in make_versions(
                    self._scene(image.rgb, row, group), self._sha256(row), self.names
                ):
                    counts += score(
                        [preprocess_image(replace(image, rgb=rgb), task, spec) for rgb in versions]
                    )
            return counts

        scores, threads = [], reader_threads(self.data.root)
        with progress(say("stress test: predicting corrupted images"), len(on.rows)) as advance:
            for counts in prefetch(zip(on.rows, on.groups.tolist(), strict=True), score_row, threads):
                scores.append(counts)
                advance(1)
        return scores

    def choose_example(self, rows: Sequence[int]) -> int:
        """A row to show: the first, or of masks the first that shows object and background."""
        if BACKGROUND not in self.names:
            return rows[0]
        return max(
            rows[:_EXAMPLES_TRIED], key=lambda row: -abs(float(find_background(self.data, row).mean()) - 0.5)
        )

    def draw_examples(self, row: int, group: int) -> StressExamples:
        """Thumbnails of an image's versions; of tiles, of the middle of the image at the scale of a few tiles."""
        scene = self._scene(self._decode(row).rgb, row, group)
        versions = zip(self.names, make_versions(scene, self._sha256(row), self.names), strict=True)
        return StressExamples(
            self.data.images["image"][row],
            _thumbnail(scene.rgb, scene),
            {name: [_thumbnail(rgb, scene) for rgb in own] for name, own in versions},
        )

    def _decode(self, row: int) -> DecodedImage:
        task, spec = TASKS[self.bundle.info.task], self.bundle.info.preprocessing
        try:
            return decode_bytes(self.data.content(row), task, spec)
        except ImageFault as fault:
            raise unreadable_image(self.data.path(row), fault) from fault

    def _scene(self, rgb: Array, row: int, group: int) -> Scene:
        task, spec = TASKS[self.bundle.info.task], self.bundle.info.preprocessing
        tile = spec.height if spec.view == "tile" else None
        scene = make_scene(rgb, tile, task.min_decode_side(spec))
        if BACKGROUND not in self.names:
            return scene
        return add_background(scene, self.data, row, group, self.donors)

    def _sha256(self, row: int) -> str:
        return str(self.data.images["sha256"][row])


def _thumbnail(rgb: Array, scene: Scene) -> Array:
    """The middle of a version, at most three reference sides long, as a thumbnail."""
    height, width = rgb.shape[:2]
    rows, columns = (min(length, round(3 * scene.side)) for length in (height, width))
    top, left = (height - rows) // 2, (width - columns) // 2
    return make_thumbnail(rgb[top : top + rows, left : left + columns], WIDE)
