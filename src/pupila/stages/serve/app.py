"""The service: its routes by task, health and model information."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, Field

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.bundle.prompter import Prompter
from pupila.artifacts.bundle.schema import BundleInfo
from pupila.artifacts.web.app import App, make_app
from pupila.imaging.images.budget import set_decode_memory
from pupila.stages.serve.batcher import Batcher
from pupila.stages.serve.embeddings import Embeddings
from pupila.stages.serve.predict_routes import add_predictions
from pupila.stages.serve.queue import RequestQueue
from pupila.stages.serve.segment_routes import add_segment
from pupila.stages.serve.settings import ServeSettings

_PATIENCE = 10.0  # seconds that an image waits for memory before its request gets a 503


class BundleDescription(BundleInfo):
    """The contents of `bundle.json`, without golden predictions and file hashes."""

    model_version: str = Field(description="hash of the bundle")


class Health(BaseModel):
    """Whether the service is up."""

    status: str
    model_version: str


class Worker(Protocol):
    """What predicts, in threads of its own."""

    @property
    def queue(self) -> RequestQueue:
        """The open images."""

    def close(self) -> None:
        """Let the threads end."""


AnyWorker = TypeVar("AnyWorker", bound=Worker)


@dataclass(frozen=True, slots=True)
class Routes(Generic[AnyWorker]):
    """The worker and the routes for bundles of one task."""

    worker: Callable[[Bundle, ServeSettings], AnyWorker]
    add: Callable[[App, AnyWorker], None]  # adds its routes to the app


def _batcher(bundle: Bundle, settings: ServeSettings) -> Batcher:
    return Batcher(Predictor(bundle, limits=settings), settings)


def _embeddings(bundle: Bundle, settings: ServeSettings) -> Embeddings:
    return Embeddings(Prompter(bundle, limits=settings, threads=1), settings)


ROUTES: dict[str, Routes[Any]] = {
    "classify": Routes(_batcher, add_predictions),
    "multilabel": Routes(_batcher, add_predictions),
    "segment": Routes(_batcher, add_predictions),
    "prompt": Routes(_embeddings, add_segment),
}


def make_service(bundle: Bundle, settings: ServeSettings) -> App:
    """The app for a bundle.

    Args:
        bundle: read and verified.
        settings: limits and threads.

    Raises:
        PupilaError: the bundle is invalid.
    """
    set_decode_memory(settings.max_decode_memory, strict=True, patience=_PATIENCE)
    routes = ROUTES[bundle.info.task]
    worker = routes.worker(bundle, settings)

    @asynccontextmanager
    async def lifespan(_: App) -> AsyncIterator[None]:
        yield
        worker.close()

    app = make_app(
        f"Pupila: {bundle.info.architecture.name}", lifespan, settings.body_limits(), worker.queue.check
    )
    routes.add(app, worker)
    _add_descriptions(app, bundle)
    return app


def _add_descriptions(app: App, bundle: Bundle) -> None:
    @app.get("/health", response_model=Health)
    async def health() -> Health:
        """Whether the service is up."""
        return Health(status="ok", model_version=bundle.hash)

    described = BundleDescription(**dict(bundle.info), model_version=bundle.hash)

    @app.get("/model/info", response_model=BundleDescription, response_model_exclude={"golden", "files"})
    async def info() -> BundleDescription:
        """The contents of `bundle.json`, without golden predictions and file hashes."""
        return described
