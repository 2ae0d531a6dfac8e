"""The service: its routes and what they answer."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import BaseModel, Field

from pupila.bundle.folder import read_bundle
from pupila.bundle.predictor import Predictor
from pupila.bundle.schema import BundleInfo
from pupila.images.decode import ImageFault
from pupila.messages import say
from pupila.serve.batcher import Batcher
from pupila.serve.settings import ServeSettings
from pupila.tasks.classify import Answer
from pupila.web.app import REFUSALS, App, Refusal, Request, SeveralUploaded, Uploaded, make_app

STATUS = {"oversized": 413, "not-an-image": 415, "unreadable": 422, "truncated": 422, "empty-file": 422}


class Answered(BaseModel):
    """The answer to one image."""

    prediction: str
    confidence: float = Field(description="calibrated probability of the prediction, 0..1")
    probabilities: dict[str, float] = Field(description="calibrated, of every class")
    abstained: bool = Field(description="whether the model is too unsure for the answer to count")
    processing_time: float = Field(description="seconds from the whole request's arrival to the answer")
    model_version: str = Field(description="hash of the bundle")
    request_id: str


class Failed(BaseModel):
    """Why an image could not be answered."""

    error: str
    code: str


class Item(BaseModel):
    """One image of a batch: an answer or an error."""

    file: str
    answer: Answered | None = None
    failure: Failed | None = None


class Batch(BaseModel):
    """The answers of a batch, in the order of the files."""

    items: list[Item]
    processing_time: float
    request_id: str


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
    _add_predictions(app, batcher, predictor.bundle.hash)
    _add_descriptions(app, predictor)
    return app


def _add_predictions(app: App, batcher: Batcher, version: str) -> None:
    def answered(answer: Answer, request: Request, start: float) -> Answered:
        return Answered(
            prediction=answer.prediction, confidence=answer.confidence, probabilities=answer.probabilities,
            abstained=answer.abstained, processing_time=time.perf_counter() - start, model_version=version,
            request_id=request.state.id,
        )  # fmt: skip

    most = min(batcher.settings.max_files, batcher.settings.queue)

    async def content(file: Uploaded) -> bytes | ImageFault:
        """The file's bytes; one that is too large is not even taken into memory."""
        allowed, size = batcher.settings.max_bytes, file.size or 0
        if size > allowed:
            return ImageFault("oversized", say("{n} bytes, allowed are {most}", n=size, most=allowed))
        return await file.read()

    @app.post("/predict/single", response_model=Answered, responses=REFUSALS)
    async def single(request: Request, file: Uploaded) -> Answered:
        """Answer one image."""
        start = time.perf_counter()
        (answer,) = await batcher.answer([await content(file)])
        if isinstance(answer, ImageFault):
            raise Refusal(
                STATUS[answer.code], say("The file can't be answered"), answer.reason,
                say("a JPEG, PNG, WebP, TIFF, BMP or GIF image"), say("send the image itself, as it came"),
            )  # fmt: skip
        if isinstance(answer, BaseException):
            raise answer
        return answered(answer, request, start)

    @app.post("/predict/batch", response_model=Batch, responses=REFUSALS)
    async def batch(request: Request, files: SeveralUploaded) -> Batch:
        """Answer several images; a bad one gets an error, the rest their answers."""
        start = time.perf_counter()
        if len(files) > most:
            raise Refusal(
                413, say("Too many files"), str(len(files)), say("at most {n}", n=most),
                say("send them in several requests"),
            )  # fmt: skip
        answers = await batcher.answer([await content(file) for file in files])
        items = []
        for file, answer in zip(files, answers, strict=True):
            name = file.filename or ""
            if isinstance(answer, ImageFault):
                items.append(Item(file=name, failure=Failed(error=answer.reason, code=answer.code)))
            elif isinstance(answer, BaseException):
                raise answer
            else:
                items.append(Item(file=name, answer=answered(answer, request, start)))
        return Batch(items=items, processing_time=time.perf_counter() - start, request_id=request.state.id)


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
