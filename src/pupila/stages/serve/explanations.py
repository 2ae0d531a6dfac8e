"""Heat maps beside predictions: where in an image the model read evidence for what it predicts, without torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field

from pupila.artifacts.bundle.outputs import average_features
from pupila.artifacts.bundle.predictor import Prediction, Predictor
from pupila.artifacts.web.refusals import RETRY_AFTER, RETRY_LATER, Refusal
from pupila.core.messages import say, say_count
from pupila.imaging.images.decode import Array
from pupila.imaging.images.preprocess import input_box
from pupila.stages.serve.queue import RequestQueue
from pupila.tasks.task import PreprocessedImage

_DIGITS = 6  # significant, of the evidence in a cell
SelectClasses = Callable[[Prediction], Sequence[str]]  # the predicted classes


class HeatMap(BaseModel):
    """The evidence for one class in each cell of the model's last feature map."""

    label: str = Field(description="the class")
    values: list[list[float]] = Field(
        description="rows of cells from the upper left, in units of the logit: above 0 for the class, below 0 "
        "against it"
    )
    total: float = Field(description="sum of the values")
    speaks_for: bool = Field(
        description="whether any cell speaks for the class; false: all evidence is against it, and there is nothing "
        "to highlight"
    )


class Explanation(BaseModel):
    """Where the model read evidence for the predicted classes of one image."""

    maps: list[HeatMap] = Field(description="of each predicted class; empty: none is predicted")
    limit: float = Field(
        description="largest absolute value of these maps: colours from -limit to limit. Images that are compared "
        "need one scale, such as the largest of their limits"
    )
    box: tuple[float, float, float, float] = Field(
        description="left, top, right, bottom of the rectangle that the maps cover, in pixels of the upright image: "
        "what the model sees of it. It ends inside the image where that is cropped, and outside where it is padded"
    )
    height: int = Field(description="size of the upright image, pixels")
    width: int = Field(description="size of the upright image, pixels")


@dataclass(frozen=True, slots=True)
class ExplainedPrediction:
    """The prediction of one image with its heat maps."""

    prediction: Prediction
    explanation: Explanation
    embedding: Array  # (E,) the averages of the feature map, which the head reads


class NoHeatMap(Refusal):
    """A model whose heat maps have no closed form."""

    def __init__(self, actual: str) -> None:
        super().__init__(
            "no-heat-map", say("The service can't explain this model"), actual,
            say("a classifier whose head reads averaged features, with its weights in the bundle"),
            "pupila explain BUNDLE IMAGE --method occlusion",
        )  # fmt: skip


class ExplanationQueue(RequestQueue):
    """Counts the requests that are explained, each with one image at a time, and refuses those above the limit."""

    def check(self, images: int = 1) -> None:
        """Refuse a request that has no place.

        Raises:
            Refusal: 503.
        """
        if self.open + images > self.most:
            raise Refusal(
                "many-explanations", say("Too many explanations, try again in {n} s", n=RETRY_AFTER),
                say_count("{n} open request", "{n} open requests", self.open), say("at most {n}", n=self.most),
                say("send the request again, or without explain"), RETRY_LATER,
            )  # fmt: skip


def check_explainable(predictor: Predictor) -> None:
    """Refuse a model without heat maps.

    Raises:
        NoHeatMap: it needs another method.
    """
    if not predictor.draws_heat_maps:
        raise NoHeatMap(say("{model}: its heat maps need gradients or further predictions",
                            model=predictor.info.architecture.name))  # fmt: skip


def explain_image(
    predictor: Predictor, image: PreprocessedImage, select: SelectClasses, all_cores: bool
) -> ExplainedPrediction:
    """The prediction of an image and its heat maps, from one run of the model.

    Raises:
        NoHeatMap: the logits are not those of the head.
    """
    logits, feature_maps = predictor.logits_with_map(image.inputs, all_cores)
    prediction = predictor.predict(logits, image)
    labels, classes = select(prediction), predictor.info.classes
    maps = None
    if feature_maps is not None:
        maps = predictor.heat_maps(logits[0], feature_maps[0], [classes.index(label) for label in labels])
    if feature_maps is None or maps is None:
        raise NoHeatMap(say("the logits of this image are not those of the head"))
    explanation = Explanation(
        maps=[_describe(label, cells) for label, cells in zip(labels, maps, strict=True)],
        limit=_round(abs(maps).max(initial=0)), height=image.height, width=image.width,
        box=input_box(image.height, image.width, predictor.info.preprocessing),
    )  # fmt: skip
    return ExplainedPrediction(prediction, explanation, average_features(feature_maps))


def _describe(label: str, cells: Array) -> HeatMap:
    values = [[_round(value) for value in row] for row in cells]
    return HeatMap(label=label, values=values, total=_round(cells.sum()), speaks_for=bool((cells > 0).any()))


def _round(value: Any) -> float:
    return float(f"{value:.{_DIGITS}g}")
