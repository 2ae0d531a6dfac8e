"""The routes of bundles that take no prompt: `/predict/single` and `/predict/batch`."""

import asyncio
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.predictions.outputs import RECORDED
from pupila.artifacts.web.app import App, Request, Response, parsed_by
from pupila.artifacts.web.description import IMAGE_REASONS, describe_body, describe_responses
from pupila.artifacts.web.image_request import PNG, ImageBody, ImageRequest, SentImage
from pupila.artifacts.web.scopes import needs
from pupila.core.messages import say
from pupila.imaging.images.decode import ImageFault
from pupila.stages.serve.batcher import Batcher
from pupila.stages.serve.explanations import ExplainedPrediction, NoHeatMap
from pupila.stages.serve.options import PredictOptions, accepts_png, check_overlay, refuse_option
from pupila.stages.serve.overlays import draw_overlay
from pupila.stages.serve.recording import RequestNote
from pupila.stages.serve.responses import (
    VERSION_HEADER,
    Batch,
    PredictionResponse,
    ResponseFormat,
    example_batch,
)
from pupila.stages.serve.shapes import RESPONSE_FORMATS
from pupila.stages.serve.uploads import NotFinite, check_finite, image_refused, refuse_not_finite

_Sent = ImageRequest[PredictOptions]


@dataclass(frozen=True, slots=True)
class _Responder:
    """Predicts images that were sent, and makes responses of the predictions."""

    batcher: Batcher
    format: ResponseFormat

    def body(self, batch: bool = False) -> ImageBody[PredictOptions]:
        """What a route takes."""
        settings = self.batcher.settings
        return ImageBody(PredictOptions, settings.body_limits(), settings.max_bytes, batch=batch)

    def check(self, options: PredictOptions, request: Request, batch: bool = False) -> None:
        """Refuse options that would have no effect.

        Raises:
            Refusal: 422.
        """
        masks = self.format.to_png is not None
        check_overlay(options.overlay, request)
        if options.overlay and batch:
            raise refuse_option("overlay=true", "/predict/single")
        if options.overlay and not masks and not options.explain:
            raise refuse_option("overlay=true", "explain=true")
        if options.boxes and not masks:
            raise refuse_option("boxes=true", say("a model of masks"))
        if options.boxes and accepts_png(request) and not batch:
            raise refuse_option("boxes=true, Accept: image/png", "Accept: application/json")

    async def predict(self, sent: _Sent, predictor: Predictor, note: RequestNote) -> list[Any]:
        """The prediction of each image, with explain an `ExplainedPrediction`, or its fault."""
        reads = [image.read for image in sent.images]
        predictions: list[Any]
        if sent.options.explain:
            predictions = await self.batcher.explain(reads, predictor, self.format.class_names, note)
        else:
            predictions = await self.batcher.predict(reads, predictor, note)
        for prediction in predictions:
            if isinstance(prediction, ImageFault):
                self.batcher.metrics.count_invalid(prediction.code)
        return predictions

    def _count(self, prediction: Any) -> None:
        """Count a prediction that has its response."""
        metrics = self.batcher.metrics
        if isinstance(prediction, ExplainedPrediction):
            metrics.explanations.inc()
            prediction = prediction.prediction
        metrics.count_prediction(prediction, RECORDED[self.batcher.predictor.info.task].classes(prediction))

    async def draw(
        self, prediction: Any, image: SentImage, predictor: Predictor, overlay: bool
    ) -> bytes | None:
        """The PNG of an overlay or of a mask; None: the task has none.

        Raises:
            NotFinite: a figure of the prediction is none.
        """
        to_png = self.format.to_png
        if not overlay and to_png is None:
            return None
        explained = isinstance(prediction, ExplainedPrediction)
        check_finite((prediction.prediction if explained else prediction).confidence)
        with self.batcher.metrics.stages["respond"].time():
            if to_png is not None and not overlay:
                picture = await asyncio.to_thread(to_png, prediction)
            else:
                bands, limits = predictor.info.preprocessing.bands, predictor.limits
                draw = partial(draw_overlay, image.read, prediction, bands, limits)
                picture = await self.batcher.run(draw)
        self._count(prediction)
        return picture

    async def respond(
        self, prediction: Any, request: Request, options: PredictOptions, start: float, version: str
    ) -> PredictionResponse:
        """The response for a prediction.

        Raises:
            NotFinite: a figure of it is none.
        """
        common: dict[str, Any] = {"model_version": version, "request_id": request.state.id}
        plain = prediction
        if isinstance(prediction, ExplainedPrediction):
            common["explanation"] = prediction.explanation
            plain = prediction.prediction
        with self.batcher.metrics.stages["respond"].time(), refuse_not_finite():
            fields = await _task_fields(self.format, plain)
            if options.boxes:
                fields |= await asyncio.to_thread(self.format.boxes, plain)
            response = self.format.model(**fields, **common, processing_time=time.perf_counter() - start)
        self._count(prediction)
        return response


def add_predictions(app: App, batcher: Batcher) -> None:
    """Add the routes, which the batcher serves."""
    responder = _Responder(batcher, RESPONSE_FORMATS[batcher.predictor.info.task])
    _add_single(app, responder)
    _add_batch(app, responder)


def _add_single(app: App, responder: _Responder) -> None:
    batcher, body = responder.batcher, responder.body()
    parsed = parsed_by(body)
    responses = describe_responses(responder.format.example, IMAGE_REASONS, png=True)

    @app.post(
        "/predict/single", response_model=responder.format.model, responses=responses,
        openapi_extra=describe_body(body),
    )  # fmt: skip
    @needs("predict")
    async def single(request: Request, sent: _Sent = parsed) -> PredictionResponse | Response:
        """Predict one image.

        With explain=true the response has heat maps of the predicted classes. A model whose maps need gradients or
        further predictions (masks, int8, some architectures, models from elsewhere) is refused with a 422.
        With Accept: image/png a mask is a PNG of class indices, and overlay=true draws it, or the heat map of
        explain=true, over the image.
        """
        start, options = batcher.metrics.observe_read(request), sent.options
        responder.check(options, request)
        note = RequestNote(request.state.id, options.group, start)
        with batcher.queue.reserve(), batcher.slot.lease() as predictor:
            version = predictor.bundle.hash
            (prediction,) = await responder.predict(sent, predictor, note)
            if isinstance(prediction, ImageFault):
                raise image_refused(prediction)
            if isinstance(prediction, BaseException):
                raise prediction
            if accepts_png(request):
                picture = await responder.draw(prediction, sent.images[0], predictor, options.overlay)
                if picture is not None:
                    headers = {VERSION_HEADER: version, "vary": "accept"}
                    return Response(picture, media_type=PNG, headers=headers)
            return await responder.respond(prediction, request, options, start, version)


def _add_batch(app: App, responder: _Responder) -> None:
    batcher, batch_model, body = responder.batcher, responder.format.batch, responder.body(batch=True)
    parsed = parsed_by(body)
    responses = describe_responses(example_batch(responder.format.example), IMAGE_REASONS)

    @app.post(
        "/predict/batch", response_model=batch_model, responses=responses,
        openapi_extra=describe_body(body),
    )  # fmt: skip
    @needs("predict")
    async def batch(request: Request, sent: _Sent = parsed) -> Batch[Any]:
        """Predict several images; an invalid one gets an error, the others their predictions.

        With explain=true each has its heat maps: see /predict/single.
        """
        start, options = batcher.metrics.observe_read(request), sent.options
        responder.check(options, request, batch=True)
        note = RequestNote(request.state.id, options.group, start)
        with batcher.queue.reserve(len(sent.images)), batcher.slot.lease() as predictor:
            version = predictor.bundle.hash
            predictions = await responder.predict(sent, predictor, note)
            items: Any = []
            for image, prediction in zip(sent.images, predictions, strict=True):
                name = image.name
                if isinstance(prediction, ImageFault):
                    items.append(
                        {"file": name, "error": {"reason": prediction.reason, "code": prediction.code}}
                    )
                elif isinstance(prediction, NoHeatMap):
                    reason = prediction.body["actual"]
                    items.append({"file": name, "error": {"reason": reason, "code": prediction.reason}})
                elif isinstance(prediction, BaseException):
                    raise prediction
                else:
                    try:
                        result = await responder.respond(prediction, request, options, start, version)
                        items.append({"file": name, "result": result})
                    except NotFinite as fault:
                        items.append({"file": name, "error": {"reason": fault.detail, "code": fault.reason}})
            return batch_model(
                items=items, processing_time=time.perf_counter() - start, model_version=version,
                request_id=request.state.id,
            )  # fmt: skip


async def _task_fields(response_format: ResponseFormat, prediction: Any) -> dict[str, Any]:
    """The task's own part of a response; masks are encoded in a thread."""
    if response_format.to_png:
        return await asyncio.to_thread(response_format.fields, prediction)
    return response_format.fields(prediction)
