"""The service: its routes and what they answer."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pydantic import BaseModel, Field

from pupila.bundle.folder import read_bundle
from pupila.bundle.predictor import Predictor
from pupila.bundle.schema import BundleInfo
from pupila.images.decode import ImageFault
from pupila.messages import say
from pupila.serve.batcher import Batcher
from pupila.serve.settings import ServeSettings
from pupila.serve.shapes import PNG, SHAPES, Answered, Batch, Shape
from pupila.web.app import REFUSALS, App, Refusal, Request, Response, SeveralUploaded, Uploaded, make_app

STATUS = {
    "oversized": 413, "not-an-image": 415, "missing-extra": 415, "unreadable": 422, "truncated": 422, "empty-file": 422,
}  # fmt: skip


class Described(BundleInfo):
    """What `bundle.json` says, without golden answers and the hashes of its files."""

    model_version: str = Field(description="hash of the bundle")


class Health(BaseModel):
    """Whether the service answers."""

    status: str
    model_version: str


def make_service(bundle: str, settings: ServeSettings) -> App:
    """The app for a bundle.

    Args:
        bundle: folder of a bundle or of a run.
        settings: limits and threads.

    Raises:
        PupilaError: the bundle is not sound.
    """
    predictor = Predictor(read_bundle(bundle), limits=settings)
    batcher = Batcher(predictor, settings)

    @asynccontextmanager
    async def lifespan(_: App) -> AsyncIterator[None]:
        yield
        batcher.close()

    app = make_app(
        f"Pupila: {predictor.info.model['name']}", lifespan, settings.max_bytes * settings.max_files
    )
    app.state.batcher = batcher
    _add_predictions(app, batcher, SHAPES[predictor.info.task])
    _add_descriptions(app, predictor)
    return app


def _add_predictions(app: App, batcher: Batcher, shape: Shape) -> None:
    version, picture = batcher.predictor.bundle.hash, shape.picture

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
        (answer,) = await batcher.answer([await _content(file, allowed)])
        if isinstance(answer, ImageFault):
            raise Refusal(
                STATUS[answer.code], say("The file can't be answered"), answer.reason,
                say("a JPEG, PNG, WebP, TIFF, BMP or GIF image"), say("send the image itself, as it came"),
            )  # fmt: skip
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
        answers = await batcher.answer([await _content(file, allowed) for file in files])
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


async def _content(file: Uploaded, allowed: int) -> bytes | ImageFault:
    """The file's bytes; one that is too large is not even taken into memory."""
    if (size := file.size or 0) > allowed:
        return ImageFault("oversized", say("{n} bytes, allowed are {most}", n=size, most=allowed))
    return await file.read()


def _add_descriptions(app: App, predictor: Predictor) -> None:
    @app.get("/health", response_model=Health)
    async def health() -> Health:
        """Whether the service answers."""
        return Health(status="ok", model_version=predictor.bundle.hash)

    described = Described(**dict(predictor.info), model_version=predictor.bundle.hash)

    @app.get("/model/info", response_model=Described, response_model_exclude={"golden", "files"})
    async def info() -> Described:
        """What `bundle.json` says, without golden answers and the hashes of its files."""
        return described
