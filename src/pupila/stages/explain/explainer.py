"""Explain predictions of classes with one bundle; torch is imported where a map needs gradients."""

import copy
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pupila.artifacts.bundle.folder import WEIGHTS_FILE, Bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.imaging.images.decode import Array, ImageFault
from pupila.stages.explain.explanation import (
    Explanation,
    HeatMap,
    ImagesToExplain,
    make_view,
    place_maps,
    preprocess_images,
)
from pupila.stages.explain.perturb import occlude, rise
from pupila.stages.explain.settings import ExplainSettings
from pupila.stages.explain.target import LAST, ClassScore, Score
from pupila.tasks.task import PreprocessedImage

if TYPE_CHECKING:
    from pupila.learning.models.network import Network

_GRADIENTS = ("gradcam", "hirescam")


class Explainer:
    """A bundle, loaded for explanations.

    Args:
        task: what is explained.
        bundle: from `read_bundle`.
        settings: the method, and the class to explain.

    Raises:
        PupilaError: an unknown class, or a bundle that the method does not fit.
    """

    unit: Literal["logit"] = "logit"

    def __init__(self, task: ClassScore, bundle: Bundle, settings: ExplainSettings) -> None:
        self.bundle, self.info, self.predictor = bundle, bundle.info, Predictor(bundle)
        self.task, self.settings = task, settings
        self._given: Network | None = None
        self.can_rebuild = bool(bundle.info.members) or WEIGHTS_FILE in bundle.info.files
        if settings.label is not None and settings.label not in self.info.classes:
            raise PupilaError(
                say("Unknown class"), actual=settings.label, expected=listing(self.info.classes, 20),
                remedy="--label CLASS",
            )  # fmt: skip
        if settings.method in _GRADIENTS and not self.can_rebuild:
            raise PupilaError(
                say("{method} needs the weights of the model", method=settings.method),
                actual=say("{name} is missing", name=WEIGHTS_FILE), remedy="--method occlusion",
            )  # fmt: skip
        self.method = settings.method
        if self.method == "auto":
            self.method = "gradcam" if self.can_rebuild else "occlusion"

    def with_network(self, network: "Network") -> "Explainer":
        """The same with another network in place of the bundle's, such as one with random weights."""
        other = copy.copy(self)
        other.__dict__.pop("network", None)  # of the bundle
        other._given = network
        return other

    def explain(self, images: ImagesToExplain) -> Iterator[Explanation]:
        """The explanation of each image, in order; an image that can't be read has its fault instead."""
        for name, image in preprocess_images(images.sources, self.predictor.preprocess):
            yield (
                Explanation(name, fault=image)
                if isinstance(image, ImageFault)
                else self._explain(name, image)
            )

    def check(self, explanations: Sequence[Explanation], images: ImagesToExplain) -> dict[str, Any]:
        """See `check_maps`."""
        from pupila.stages.explain.checks import check_maps

        return check_maps(self, explanations, images.groups)

    def _explain(self, name: str, image: PreprocessedImage) -> Explanation:
        logits, feature_map = self._run(image.inputs)
        spec = self.info.preprocessing
        prediction = self.predictor.predict(logits, image)
        label, view = self.settings.label or self.task.select_class(prediction), make_view(image, spec)
        if not label:
            return Explanation(name, prediction, view=view)
        maps = [
            HeatMap(layer, cells, place_maps(cells, image, spec))
            for layer, cells in self._draw(image, logits, feature_map, label).items()
        ]
        if not any(
            heat_map.cells.any() for heat_map in maps
        ):  # such as of a class that no pixel is predicted as
            return Explanation(name, prediction, view=view)
        return Explanation(name, prediction, label, view, maps, image)

    def _run(self, inputs: Array) -> tuple[Array, Array | None]:
        """The logits, and the feature map of the same run where maps may have a closed form."""
        if self.method in _GRADIENTS and self._given is None and len(inputs) == 1:
            return self.predictor.logits_with_map(inputs, all_cores=True)
        return self.logits(inputs), None

    def _draw(
        self, image: PreprocessedImage, logits: Array, feature_map: Array | None, label: str
    ) -> dict[str, Array]:
        """The maps in closed form, which is the same for both methods with gradients, or else by the method."""
        if feature_map is not None:
            closed = self.predictor.heat_maps(logits[0], feature_map[0], [self.info.classes.index(label)])
            if closed is not None:
                return {LAST: closed}
        return self.heat_maps(image, logits, label)

    def heat_maps(self, image: PreprocessedImage, logits: Array, label: str) -> dict[str, Array]:
        """(K, h, w) evidence for a class in each of an image's inputs, by layer, not in closed form.

        Args:
            image: preprocessed.
            logits: (K, C, ...) for it.
            label: the class.
        """
        number = self.info.classes.index(label)
        each = [
            self._explain_input(pixels, self.task.score(number, own))
            for pixels, own in zip(image.inputs, logits, strict=True)
        ]
        return {layer: np.stack([maps[layer] for maps in each]) for layer in each[0]}

    def _explain_input(self, pixels: Array, score: Score) -> dict[str, Array]:
        if self.method in _GRADIENTS:
            from pupila.stages.explain.gradients import NoFeatureMap, gradient_maps

            try:
                return gradient_maps(self.network, pixels, score, self.method)
            except NoFeatureMap as fault:
                if self.settings.method != "auto":
                    raise PupilaError(
                        say("{model} has no feature map for {method}", model=self.info.architecture.name,
                            method=self.method),
                        expected=say("a convolutional network"), remedy="--method occlusion",
                    ) from fault  # fmt: skip
            self.method = "occlusion"  # of a transformer: for all images

        def scores(inputs: Array) -> Array:
            return np.asarray(score(self.logits(inputs.astype(np.float32))))

        if self.method == "occlusion":
            return {"": occlude(pixels, scores)}
        return {"": rise(pixels, scores, self.settings.random_masks, self.settings.seed)}

    def probability(self, image: PreprocessedImage, label: str) -> Callable[[Array], Array]:
        """The calibrated probability of a class in changed inputs, (N, 3, H, W) to (N,), of an image with one input."""
        number = self.info.classes.index(label)
        probability = self.task.probability(number, self.logits(image.inputs)[0], self.info)
        return lambda inputs: probability(self.logits(inputs))

    def class_logit(self, image: PreprocessedImage, label: str) -> Callable[[Array], Array]:
        """The score of a class, its logit, in changed inputs, (N, 3, H, W) to (N,), of an image with one input."""
        score = self.task.score(self.info.classes.index(label), self.logits(image.inputs)[0])
        return lambda inputs: np.asarray(score(self.logits(inputs)))

    @cached_property
    def network(self) -> "Network":
        """The network in torch, on the CPU."""
        from pupila.learning.models.rebuild import rebuild_network

        return self._given or rebuild_network(self.bundle)

    def logits(self, inputs: Array) -> Array:
        """(N, C, ...) for (N, 3, H, W) inputs: of the bundle, or of the network in its place."""
        if self._given is None:
            return self.predictor.logits(inputs, all_cores=True)
        import torch

        from pupila.learning.models.served import ServedNetwork

        with torch.inference_mode():
            return np.asarray(ServedNetwork(self._given)(torch.from_numpy(inputs))[0].numpy())
