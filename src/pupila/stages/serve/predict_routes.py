"""The routes of bundles that take no prompt: `/predict/single` and `/predict/batch`."""

import asyncio
import time
from typing import Any

from pupila.artifacts.web.app import App, ImageUpload, Request, Response, UploadedFile, image_uploads
from pupila.artifacts.web.refusals import REFUSALS
from pupila.imaging.images.decode import ImageFault
from pupila.stages.serve.batcher import Batcher
from pupila.stages.serve.responses import PNG, VERSION_HEADER, Batch, PredictionResponse, ResponseFormat
from pupila.stages.serve.shapes import RESPONSE_FORMATS
from pupila.stages.serve.uploads import NotFinite, image_refused, refuse_not_finite, upload_reader


def add_predictions(app: App, batcher: Batcher) -> None:
    """Add the routes, which the batcher serves."""
    response_format = RESPONSE_FORMATS[batcher.predictor.info.task]
    to_png = response_format.to_png

    async def respond(prediction: Any, request: Request, start: float, version: str) -> PredictionResponse:
        fields = await _task_fields(response_format, prediction)
        common: dict[str, Any] = {"processing_time": time.perf_counter() - start, "model_version": version}
        with refuse_not_finite():
            return response_format.model(**fields, **common, request_id=request.state.id)

    settings = batcher.settings
    most, allowed = settings.body_limits().files, settings.max_bytes
    uploads = image_uploads(most)
    kinds: dict[str, Any] = {"content": {PNG: {}}} if to_png else {}

    @app.post(
        "/predict/single", response_model=response_format.model, responses={**REFUSALS, 200: kinds},
        form_limits={"max_files": 1},
    )  # fmt: skip
    async def single(request: Request, file: ImageUpload) -> PredictionResponse | Response:
        """Predict one image."""
        start = time.perf_counter()
        with batcher.queue.reserve(), batcher.slot.lease() as predictor:
            version = predictor.bundle.hash
            (prediction,) = await batcher.predict([upload_reader(file, allowed)], predictor)
        if isinstance(prediction, ImageFault):
            raise image_refused(prediction)
        if isinstance(prediction, BaseException):
            raise prediction
        if to_png and request.headers.get("accept", "").startswith(PNG):
            picture = await asyncio.to_thread(to_png, prediction)
            return Response(picture, media_type=PNG, headers={VERSION_HEADER: version})
        return await respond(prediction, request, start, version)

    @app.post("/predict/batch", response_model=response_format.batch, responses=REFUSALS)
    async def batch(request: Request, files: list[UploadedFile] = uploads) -> Batch[Any]:
        """Predict several images; an invalid one gets an error, the others their predictions."""
        start = time.perf_counter()
        with batcher.queue.reserve(len(files)), batcher.slot.lease() as predictor:
            version = predictor.bundle.hash
            predictions = await batcher.predict([upload_reader(file, allowed) for file in files], predictor)
        items: Any = []
        for file, prediction in zip(files, predictions, strict=True):
            name = file.filename or ""
            if isinstance(prediction, ImageFault):
                items.append({"file": name, "error": {"reason": prediction.reason, "code": prediction.code}})
            elif isinstance(prediction, BaseException):
                raise prediction
            else:
                try:
                    items.append({"file": name, "result": await respond(prediction, request, start, version)})
                except NotFinite as fault:
                    items.append({"file": name, "error": {"reason": fault.detail, "code": "not-finite"}})
        return response_format.batch(
            items=items, processing_time=time.perf_counter() - start, model_version=version,
            request_id=request.state.id,
        )  # fmt: skip


async def _task_fields(response_format: ResponseFormat, prediction: Any) -> dict[str, Any]:
    """The task's own part of a response; masks are encoded in a thread."""
    if response_format.to_png:
        return await asyncio.to_thread(response_format.fields, prediction)
    return response_format.fields(prediction)
