"""Predict with a bundle: from bytes to predictions, for one image or for a stream in constant memory."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import chain, islice
from typing import Any

import numpy as np

from pupila.artifacts.bundle.folder import MODEL_FILE, Bundle
from pupila.artifacts.bundle.golden import preprocess_bytes
from pupila.artifacts.bundle.heat_map import PooledHead, draw_heat_maps, read_heads
from pupila.artifacts.bundle.interface import open_sessions
from pupila.artifacts.bundle.outputs import EMBEDDING, FEATURE_MAP, LOGITS, average_features
from pupila.artifacts.bundle.reference import Reference, find_reference
from pupila.artifacts.bundle.runtimes import ONNX_RUNTIME, InferenceRuntime
from pupila.artifacts.bundle.session import ModelSession
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.threads import prefetch, reader_threads
from pupila.imaging.images.decode import Array, ImageFault, ImageLimits
from pupila.imaging.images.memory import NamedBytes, source_name
from pupila.tasks import TASKS
from pupila.tasks.task import PreprocessedImage

BATCH = 4  # images of a stream in one core's batch
Prediction = Any  # of the task's `predict`, such as classify.ClassPrediction


class Predictor:
    """A bundle, loaded for prediction.

    Args:
        bundle: from `read_bundle`.
        limits: what images to refuse.
        runtime: that runs the model.

    Raises:
        PupilaError: a prediction for a golden image differs, or the bundle needs prompts.
    """

    def __init__(
        self, bundle: Bundle, limits: ImageLimits | None = None, runtime: InferenceRuntime = ONNX_RUNTIME
    ) -> None:
        self.runtime = runtime
        self.bundle, self.info, self.limits = bundle, bundle.info, limits or ImageLimits()
        self.task = TASKS[self.info.task]
        if self.task.takes_prompts:
            raise PupilaError(
                say("This bundle needs prompts"), actual=bundle.folder,
                expected=say("a bundle that takes no prompts"),
                remedy="pupila predict BUNDLE IMAGE --point X,Y",
            )  # fmt: skip
        # Each calling thread runs it on one core.
        self.session = open_sessions(bundle, 1, runtime)["model"]

    def preprocess(self, data: bytes) -> PreprocessedImage:
        """The model's inputs from the bytes of an image.

        Raises:
            ImageFault: not a usable image.
        """
        return preprocess_bytes(data, self.task, self.info.preprocessing, self.limits)

    @cached_property
    def all_cores_session(self) -> ModelSession:
        """The same model in a session whose every run uses all cores."""
        return self.runtime.open(self.bundle.read(MODEL_FILE), None)

    def logits(self, pixels: Array, all_cores: bool = False) -> Array:
        """The logits for (N, 3, H, W) float32 pixels: (N, C) float32, for masks (N, C, H, W).

        Args:
            pixels: the inputs of `preprocess`, stacked.
            all_cores: whether the run may use all cores, as when no other request waits.
        """
        return self._run(pixels, [LOGITS], all_cores)[0]

    def _run(self, pixels: Array, outputs: list[str], all_cores: bool) -> list[Array]:
        """Some outputs; the tiles of an image run one by one: measured, batching them only takes more memory."""
        session = self.all_cores_session if all_cores else self.session
        step = 1 if self.info.preprocessing.view == "tile" else len(pixels)
        parts = [session.run(pixels[at : at + step], outputs=outputs) for at in range(0, len(pixels), step)]
        return [np.concatenate(own) for own in zip(*parts, strict=True)]

    def embedding(self, image: PreprocessedImage) -> Array:
        """(E,) float32 embedding of an image: the features before the head, averaged over inputs and positions.

        Raises:
            PupilaError: the bundle's model has no output `embedding`.
        """
        if EMBEDDING not in self.session.outputs:
            raise PupilaError(
                say("The model of this bundle has no embedding output"), actual=", ".join(self.session.outputs),
                expected=EMBEDDING, remedy="pupila train DATA",
            )  # fmt: skip
        return average_features(self._run(image.inputs, [EMBEDDING], False)[0])

    def logits_with_map(self, pixels: Array, all_cores: bool = False) -> tuple[Array, Array | None]:
        """The logits for (N, 3, H, W) float32 pixels, and the feature maps that `heat_maps` needs, in one run.

        Args:
            pixels: the inputs of `preprocess`, stacked; no tiles.
            all_cores: whether the run may use all cores.

        Returns:
            (N, C) and (N, F, h, w) float32; no feature maps of a model that needs another method.
        """
        if not self._heads:
            return self.logits(pixels, all_cores), None
        session = self.all_cores_session if all_cores else self.session
        logits, feature_maps = session.run(pixels, outputs=[LOGITS, FEATURE_MAP])
        return logits, feature_maps

    def heat_maps(self, logits: Array, feature_map: Array, classes: list[int]) -> Array | None:
        """The heat maps of one input for classes, without torch: see `draw_heat_maps`.

        Args:
            logits: (C,) of `logits_with_map`.
            feature_map: (F, h, w) of the same input.
            classes: numbers of K classes.

        Returns:
            (K, h, w) float32, in units of the logit; None for models that need another method.
        """
        return draw_heat_maps(feature_map, logits, self._heads, classes)

    @cached_property
    def reference(self) -> Reference | None:
        """The reference for monitoring; None: the bundle has none."""
        return find_reference(self.bundle)

    @cached_property
    def draws_heat_maps(self) -> bool:
        """Whether `heat_maps` has maps of this model, tried on random pixels."""
        if not self._heads:
            return False
        shape = (1, 3, self.info.preprocessing.height, self.info.preprocessing.width)
        logits, feature_maps = self.logits_with_map(
            np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
        )
        return feature_maps is not None and self.heat_maps(logits[0], feature_maps[0], [0]) is not None

    @cached_property
    def _heads(self) -> list[PooledHead]:
        """Of a classifier whose head Pupila made; empty: the model has another, or no feature map."""
        return read_heads(self.bundle) if FEATURE_MAP in self.session.outputs else []

    def predict(self, logits: Array, image: PreprocessedImage) -> Prediction:
        """The prediction from the logits of the image's K inputs."""
        return self.task.predict(logits, image, self.info)

    def predict_batch(self, images: list[PreprocessedImage], all_cores: bool = False) -> list[Prediction]:
        """The predictions for preprocessed images, whose inputs form one batch.

        Args:
            images: from `preprocess`.
            all_cores: whether the run may use all cores, as when no other request waits.
        """
        logits = self.logits(_stack(images), all_cores)
        parts = np.split(logits, _ends(images))
        return [self.predict(own, image) for own, image in zip(parts, images, strict=True)]

    def observe_batch(
        self, images: list[PreprocessedImage], all_cores: bool = False
    ) -> list[tuple[Prediction, Array]]:
        """As `predict_batch`, with the (E,) float32 embedding of each image, from the same run.

        The embedding is empty where the model has no output for it.
        """
        outputs = [LOGITS, *(name for name in (EMBEDDING,) if name in self.session.outputs)]
        logits, *features = self._run(_stack(images), outputs, all_cores)
        ends = _ends(images)
        embeddings = [average_features(own) for own in np.split(features[0], ends)] if features else None
        return [
            (self.predict(own, image), embeddings[number] if embeddings else np.zeros(0, np.float32))
            for number, (own, image) in enumerate(zip(np.split(logits, ends), images, strict=True))
        ]

    def stream(self, sources: Iterable[str | NamedBytes]) -> Iterator[tuple[str, Prediction | ImageFault]]:
        """Each URI or name with its prediction, or with the fault of its image, in the given order.

        Every core reads, decodes and predicts its own batches; only a few are in memory at a time.
        """
        left, size = iter(sources), 1 if self.info.preprocessing.view == "tile" else BATCH
        first = list(islice(left, size))
        batches = chain([first], iter(lambda: list(islice(left, size)), []))
        threads = reader_threads(source_name(first[0])) if first else 0
        for predictions in prefetch(batches, self._predict_files, threads):
            yield from predictions

    def _predict_files(self, sources: list[str | NamedBytes]) -> list[tuple[str, Prediction | ImageFault]]:
        images, faults = [], {}
        for number, source in enumerate(sources):
            try:
                images.append(
                    self.preprocess(files.read_bytes(source) if isinstance(source, str) else source.data)
                )
            except ImageFault as fault:
                faults[number] = fault
            except OSError as fault:
                faults[number] = ImageFault("unreadable", fault.strerror or str(fault))
        predictions = iter(self.predict_batch(images) if images else [])
        return [
            (source_name(source), faults[number] if number in faults else next(predictions))
            for number, source in enumerate(sources)
        ]


def _stack(images: list[PreprocessedImage]) -> Array:
    """The inputs of all images, one after the other."""
    return images[0].inputs if len(images) == 1 else np.concatenate([image.inputs for image in images])


def _ends(images: list[PreprocessedImage]) -> Array:
    """Where the inputs of each image but the last one end."""
    return np.cumsum([len(image.inputs) for image in images])[:-1]
