"""The routes of bundles that take no prompt: `/predict/single` and `/predict/batch`."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.web.app import (
    App,
    FlagField,
    ImageUpload,
    Request,
    Response,
    UploadedFile,
    image_uploads,
)
from pupila.artifacts.web.refusals import REFUSALS
from pupila.artifacts.web.scopes import needs
from pupila.imaging.images.decode import ImageFault
from pupila.stages.serve.batcher import Batcher
from pupila.stages.serve.explanations import ExplainedPrediction, NoHeatMap
from pupila.stages.serve.responses import PNG, VERSION_HEADER, Batch, PredictionResponse, ResponseFormat
from pupila.stages.serve.shapes import RESPONSE_FORMATS
from pupila.stages.serve.uploads import NotFinite, image_refused, refuse_not_finite, upload_reader


@dataclass(frozen=True, slots=True)
class _Responder:
    """Predicts uploaded files, and makes responses of the predictions."""

    batcher: Batcher
    format: ResponseFormat

    async def predict(self, files: list[UploadedFile], predictor: Predictor, explain: bool) -> list[Any]:
        """The prediction of each file, with explain an `ExplainedPrediction`, or its fault."""
        reads = [upload_reader(file, self.batcher.settings.max_bytes) for file in files]
        if explain:
            return await self.batcher.explain(reads, predictor, self.format.class_names)
        return await self.batcher.predict(reads, predictor)

    async def respond(
        self, prediction: Any, request: Request, start: float, version: str
    ) -> PredictionResponse:
        """The response for a prediction.

        Raises:
            NotFinite: a figure of it is none.
        """
        common: dict[str, Any] = {"model_version": version, "request_id": request.state.id}
        if isinstance(prediction, ExplainedPrediction):
            common["explanation"] = prediction.explanation
            prediction = prediction.prediction
        fields = await _task_fields(self.format, prediction)
        with refuse_not_finite():
            return self.format.model(**fields, **common, processing_time=time.perf_counter() - start)


def add_predictions(app: App, batcher: Batcher) -> None:
    """Add the routes, which the batcher serves."""
    responder = _Responder(batcher, RESPONSE_FORMATS[batcher.predictor.info.task])
    _add_single(app, responder)
    _add_batch(app, responder)


def _add_single(app: App, responder: _Responder) -> None:
    batcher, to_png = responder.batcher, responder.format.to_png
    kinds: dict[str, Any] = {"content": {PNG: {}}} if to_png else {}

    @app.post(
        "/predict/single", response_model=responder.format.model, responses={**REFUSALS, 200: kinds},
        form_limits={"max_files": 1},
    )  # fmt: skip
    @needs("predict")
    async def single(
        request: Request, file: ImageUpload, explain: FlagField = False
    ) -> PredictionResponse | Response:
        """Predict one image.

        With explain=true the response has heat maps of the predicted classes. A model whose maps need gradients or
        further predictions (masks, int8, some architectures, models from elsewhere) is refused with a 422.
        """
        start = time.perf_counter()
        with batcher.queue.reserve(), batcher.slot.lease() as predictor:
            version = predictor.bundle.hash
            (prediction,) = await responder.predict([file], predictor, explain)
        if isinstance(prediction, ImageFault):
            raise image_refused(prediction)
        if isinstance(prediction, BaseException):
            raise prediction
        if to_png and request.headers.get("accept", "").startswith(PNG):
            picture = await asyncio.to_thread(to_png, prediction)
            return Response(picture, media_type=PNG, headers={VERSION_HEADER: version})
        return await responder.respond(prediction, request, start, version)


def _add_batch(app: App, responder: _Responder) -> None:
    batcher, batch_model = responder.batcher, responder.format.batch
    uploads = image_uploads(batcher.settings.body_limits().files)

    @app.post("/predict/batch", response_model=batch_model, responses=REFUSALS)
    @needs("predict")
    async def batch(
        request: Request, files: list[UploadedFile] = uploads, explain: FlagField = False
    ) -> Batch[Any]:
        """Predict several images; an invalid one gets an error, the others their predictions.

        With explain=true each has its heat maps: see /predict/single.
        """
        start = time.perf_counter()
        with batcher.queue.reserve(len(files)), batcher.slot.lease() as predictor:
            version = predictor.bundle.hash
            predictions = await responder.predict(files, predictor, explain)
        items: Any = []
        for file, prediction in zip(files, predictions, strict=True):
            name = file.filename or ""
            if isinstance(prediction, ImageFault):
                items.append({"file": name, "error": {"reason": prediction.reason, "code": prediction.code}})
            elif isinstance(prediction, NoHeatMap):
                reason = prediction.body["actual"]
                items.append({"file": name, "error": {"reason": reason, "code": "no-heat-map"}})
            elif isinstance(prediction, BaseException):
                raise prediction
            else:
                try:
                    result = await responder.respond(prediction, request, start, version)
                    items.append({"file": name, "result": result})
                except NotFinite as fault:
                    items.append({"file": name, "error": {"reason": fault.detail, "code": "not-finite"}})
        return batch_model(
            items=items, processing_time=time.perf_counter() - start, model_version=version,
            request_id=request.state.id,
        )  # fmt: skip


async def _task_fields(response_format: ResponseFormat, prediction: Any) -> dict[str, Any]:
    """The task's own part of a response; masks are encoded in a thread."""
    if response_format.to_png:
        return await asyncio.to_thread(response_format.fields, prediction)
    return response_format.fields(prediction)
