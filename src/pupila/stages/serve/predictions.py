"""The routes of bundles that answer an image alone: `/predict/single` and `/predict/batch`."""

import asyncio
import time
from typing import Any

from pupila.artifacts.web.app import REFUSALS, App, Refusal, Request, Response, SeveralUploaded, Uploaded
from pupila.core.messages import say
from pupila.imaging.images.decode import ImageFault
from pupila.stages.serve.batcher import Batcher
from pupila.stages.serve.shapes import PNG, SHAPES, Answered, Batch
from pupila.stages.serve.uploads import content, unanswerable


def add_predictions(app: App, batcher: Batcher) -> None:
    """Add the routes, which the batcher answers."""
    shape, version = SHAPES[batcher.predictor.info.task], batcher.predictor.bundle.hash
    picture = shape.picture

    async def answered(answer: Any, request: Request, start: float) -> Answered:
        fields = await asyncio.to_thread(shape.fields, answer) if picture else shape.fields(answer)
        return shape.model(
            **fields,
            processing_time=time.perf_counter() - start,
            model_version=version,
            request_id=request.state.id,
        )

    most, allowed = min(batcher.settings.max_files, batcher.settings.queue), batcher.settings.max_bytes

    kinds: dict[str, Any] = {"content": {PNG: {}}} if picture else {}

    @app.post("/predict/single", response_model=shape.model, responses={**REFUSALS, 200: kinds})
    async def single(request: Request, file: Uploaded) -> Answered | Response:
        """Answer one image."""
        start = time.perf_counter()
        (answer,) = await batcher.answer([await content(file, allowed)])
        if isinstance(answer, ImageFault):
            raise unanswerable(answer)
        if isinstance(answer, BaseException):
            raise answer
        if picture and request.headers.get("accept", "").startswith(PNG):
            return Response(await asyncio.to_thread(picture, answer), media_type=PNG)
        return await answered(answer, request, start)

    @app.post("/predict/batch", response_model=shape.batch, responses=REFUSALS)
    async def batch(request: Request, files: SeveralUploaded) -> Batch[Any]:
        """Answer several images; a bad one gets an error, the rest their answers."""
        start = time.perf_counter()
        if len(files) > most:
            raise Refusal(
                413, say("Too many files"), str(len(files)), say("at most {n}", n=most),
                say("send them in several requests"),
            )  # fmt: skip
        answers = await batcher.answer([await content(file, allowed) for file in files])
        items: Any = []
        for file, answer in zip(files, answers, strict=True):
            name = file.filename or ""
            if isinstance(answer, ImageFault):
                items.append({"file": name, "failure": {"error": answer.reason, "code": answer.code}})
            elif isinstance(answer, BaseException):
                raise answer
            else:
                items.append({"file": name, "answer": await answered(answer, request, start)})
        return shape.batch(
            items=items, processing_time=time.perf_counter() - start, request_id=request.state.id
        )
