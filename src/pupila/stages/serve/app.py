"""The service: its routes by task, health and model information."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from pydantic import Field

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.bundle.prompter import Prompter
from pupila.artifacts.bundle.schema import BundleInfo
from pupila.artifacts.registry.watch import Watch
from pupila.artifacts.web.app import App, make_app
from pupila.artifacts.web.documentation import add_documentation
from pupila.artifacts.web.emf import MetricsLog
from pupila.artifacts.web.metrics import HttpMetrics, add_metrics
from pupila.artifacts.web.scopes import needs
from pupila.imaging.images.budget import set_decode_memory
from pupila.stages.serve.batcher import Batcher
from pupila.stages.serve.drift import add_drift, start_monitor
from pupila.stages.serve.embeddings import Embeddings
from pupila.stages.serve.exposure import LOCAL, Gate, open_gate
from pupila.stages.serve.feedback import add_feedback, open_feedback
from pupila.stages.serve.follow import Follower
from pupila.stages.serve.metrics import StateCollector, Worker
from pupila.stages.serve.predict_routes import add_predictions
from pupila.stages.serve.readiness import add_health
from pupila.stages.serve.recording import open_log
from pupila.stages.serve.runtime import choose_runtime
from pupila.stages.serve.segment_routes import add_segment
from pupila.stages.serve.settings import ServeSettings

_PATIENCE = 10.0  # seconds that an image waits for memory before its request gets a 503
_TIMED = ("/predict/single", "/segment")  # a batch takes as long as it has images


class BundleDescription(BundleInfo):
    """The contents of `bundle.json`, without golden predictions and file hashes."""

    model_version: str = Field(description="hash of the bundle")
    served_by: str = Field(description="library that runs the model, and its version")
    takes_feedback: bool = Field(description="whether `/feedback` records feedback on predictions")


@dataclass(frozen=True, slots=True)
class Followed:
    """What a service follows, and the version that it starts with."""

    watch: Watch
    number: int | None  # in a registry


AnyWorker = TypeVar("AnyWorker", bound=Worker)


@dataclass(frozen=True, slots=True)
class Routes(Generic[AnyWorker]):
    """The worker and the routes for bundles of one task."""

    worker: Callable[[Bundle, ServeSettings], AnyWorker]
    add: Callable[[App, AnyWorker], None]  # adds its routes to the app


def _batcher(bundle: Bundle, settings: ServeSettings) -> Batcher:
    return Batcher(Predictor(bundle, settings, choose_runtime(bundle, settings.runtime)), settings)


def _embeddings(bundle: Bundle, settings: ServeSettings) -> Embeddings:
    runtime = choose_runtime(bundle, settings.runtime)
    return Embeddings(Prompter(bundle, settings, 1, runtime), settings)


ROUTES: dict[str, Routes[Any]] = {
    "classify": Routes(_batcher, add_predictions),
    "multilabel": Routes(_batcher, add_predictions),
    "segment": Routes(_batcher, add_predictions),
    "prompt": Routes(_embeddings, add_segment),
}


def make_service(
    bundle: Bundle, settings: ServeSettings, followed: Followed | None = None, gate: Gate | None = None
) -> App:
    """The app for a bundle.

    Args:
        bundle: read and verified.
        settings: limits, threads and the interval of polls.
        followed: what may name another bundle later; None: nothing.
        gate: who may use it, and what is recorded; None: that of a service for this machine.

    Raises:
        PupilaError: the bundle is invalid.
    """
    set_decode_memory(settings.max_decode_memory, strict=True, patience=_PATIENCE)
    gate = gate or open_gate(settings, LOCAL)
    routes = ROUTES[bundle.info.task]
    worker: Worker = routes.worker(bundle, settings)
    feedback = open_feedback(settings)
    log = worker.log = open_log(settings)
    monitor = None if log is None else start_monitor(log, settings, lambda: worker.slot.current.bundle)
    registry = worker.metrics.registry
    follower = None if followed is None else Follower(followed.watch, worker, followed.number)
    emf = None if settings.emf is None else MetricsLog(settings.emf, registry, gate.logs.measure, _TIMED)

    @asynccontextmanager
    async def lifespan(_: App) -> AsyncIterator[None]:
        async with _poll(follower, settings.poll_seconds), _measure(emf):
            yield
        worker.close()
        for own in (log, feedback):
            if own is not None:
                own.close()
        gate.logs.close()

    listeners = (*gate.exposure.listeners, HttpMetrics(registry), *(() if emf is None else (emf.observe,)))
    app = make_app(
        f"Pupila: {bundle.info.architecture.name}", lifespan, settings.body_limits(), worker.queue.check,
        replace(gate.exposure, listeners=listeners),
    )  # fmt: skip
    registry.register(StateCollector(app, worker, follower, monitor))
    routes.add(app, worker)
    add_health(app, worker, follower)
    add_metrics(app, registry)
    if monitor is not None:
        add_drift(app, monitor)
    add_feedback(app, worker, feedback)
    _add_info(app, worker, takes_feedback=feedback is not None)
    add_documentation(app)
    return app


@asynccontextmanager
async def _poll(follower: Follower | None, seconds: float) -> AsyncIterator[None]:
    """Within it the follower polls."""
    if follower is None or not seconds:
        yield
        return
    polling = asyncio.create_task(follower.run(seconds))
    yield
    polling.cancel()


@asynccontextmanager
async def _measure(emf: MetricsLog | None) -> AsyncIterator[None]:
    """Within it the metrics are written, first at its beginning and last at its end."""
    if emf is None:
        yield
        return
    emf.report()
    reporting = asyncio.create_task(emf.run())
    yield
    reporting.cancel()
    emf.report()


def _add_info(app: App, worker: Worker, takes_feedback: bool) -> None:
    @app.get("/model/info", response_model=BundleDescription, response_model_exclude={"golden", "files"})
    @needs("predict")
    async def info() -> BundleDescription:
        """The contents of `bundle.json`, without golden predictions and file hashes."""
        served = worker.slot.current
        return BundleDescription(
            **dict(served.bundle.info), model_version=served.bundle.hash, served_by=served.runtime.describe(),
            takes_feedback=takes_feedback,
        )  # fmt: skip
