"""What the service counts beside its requests: stages, batches, predictions, and the model."""

import time
from collections.abc import Callable, Iterator, Sequence, Sized
from typing import Any, Protocol

from pupila.artifacts.web.app import App, Request
from pupila.artifacts.web.listening import count_connections
from pupila.artifacts.web.metrics import (
    SECONDS,
    BoundedCounter,
    Collector,
    Counter,
    CounterMetricFamily,
    Gauge,
    GaugeMetricFamily,
    Histogram,
    Metric,
    new_registry,
)
from pupila.artifacts.web.reasons import IMAGE_FAULTS
from pupila.stages.serve.drift import Drift, LiveMonitor
from pupila.stages.serve.follow import Follower, Swapping
from pupila.stages.serve.queue import RequestQueue
from pupila.stages.serve.readiness import find_obstacle
from pupila.stages.serve.recording import PredictionLog

_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)
_CONFIDENCES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
_CORRECT = {True: "true", False: "false", None: "unknown"}
_HASH = 12  # characters of a version


class ServingMetrics:
    """The metrics of one worker, in the registry of its app.

    Args:
        stages: in which a request is served.
        classes: of the first bundle; those of later ones are added, up to a limit.
    """

    def __init__(self, stages: Sequence[str], classes: Sequence[str] = ()) -> None:
        registry = self.registry = new_registry()
        seconds = Histogram(
            "pupila_stage_duration_seconds",
            "Time in a stage: read of each request, wait, decode and respond of each image, model of each run",
            ("stage",), registry=registry, buckets=SECONDS,
        )  # fmt: skip
        self.stages = {stage: seconds.labels(stage) for stage in stages}
        self.batch_size = Histogram(
            "pupila_batch_size_images",
            "Images in a run of the model",
            registry=registry,
            buckets=_BATCH_SIZES,
        )
        self._predictions = Counter("pupila_predictions", "Predicted images", registry=registry)
        self._abstentions = Counter(
            "pupila_abstentions", "Predicted images whose confidence was too low", registry=registry
        )
        self._confidence = Histogram(
            "pupila_prediction_confidence", "Confidence of the predictions, 0 to 1",
            registry=registry, buckets=_CONFIDENCES,
        )  # fmt: skip
        by_class = Counter(
            "pupila_predicted_classes", "Predicted images by class; an image with several classes counts for each",
            ("class",), registry=registry,
        )  # fmt: skip
        self._classes = BoundedCounter(by_class, classes)
        self.explanations = Counter("pupila_explanations", "Images with heat maps", registry=registry)
        feedback = Counter(
            "pupila_feedback",
            "Statements on predictions, by whether they are correct",
            ("correct",),
            registry=registry,
        )
        self._feedback = {state: feedback.labels(name) for state, name in _CORRECT.items()}
        invalid = Counter(
            "pupila_invalid_images",
            "Images that could not be predicted, by reason",
            ("reason",),
            registry=registry,
        )
        self._invalid = BoundedCounter(invalid, IMAGE_FAULTS)

    def observe_read(self, request: Request) -> float:
        """Observe how long the request took to arrive; the time of the clock, seconds."""
        now = time.perf_counter()
        self.stages["read"].observe(now - request.state.start)
        return now

    def count_prediction(self, prediction: Any, classes: Sequence[str] = ()) -> None:
        """Count a predicted image, and its classes; for the event loop."""
        self._predictions.inc()
        self._confidence.observe(prediction.confidence)
        if prediction.abstained:
            self._abstentions.inc()
        for name in classes:
            self._classes.inc(name)

    def count_feedback(self, correct: bool | None) -> None:
        """Count a statement on a prediction; for the event loop."""
        self._feedback[correct].inc()

    def count_invalid(self, code: str) -> None:
        """Count an image that could not be predicted; for the event loop."""
        self._invalid.inc(code)


class Cache(Sized, Protocol):
    """The cached embeddings."""

    @property
    def nbytes(self) -> int:
        """Of all embeddings together."""


class EmbeddingMetrics(ServingMetrics):
    """The metrics of a promptable bundle.

    Args:
        stages: in which a request is served.
        cache: finds the current one.
    """

    def __init__(self, stages: Sequence[str], cache: Callable[[], Cache]) -> None:
        super().__init__(stages)
        lookups = Counter(
            "pupila_embedding_lookups", "Prompts by whether their image was encoded before", ("result",),
            registry=self.registry,
        )  # fmt: skip
        self._hits, self._misses = lookups.labels("hit"), lookups.labels("miss")
        cached = Gauge("pupila_cached_embeddings", "Cached embeddings", registry=self.registry)
        cached.set_function(lambda: len(cache()))
        size = Gauge(
            "pupila_cached_embeddings_bytes", "Size of the cached embeddings", registry=self.registry
        )
        size.set_function(lambda: cache().nbytes)

    def count_lookup(self, hit: bool) -> None:
        """Count a prompt for an image."""
        (self._hits if hit else self._misses).inc()


class Worker(Swapping, Protocol):
    """What predicts, in threads of its own."""

    log: PredictionLog | None  # of the predictions; None: they are not recorded

    @property
    def queue(self) -> RequestQueue:
        """The open images."""

    @property
    def metrics(self) -> ServingMetrics:
        """What it counts."""

    def close(self) -> None:
        """Let the threads end."""


class StateCollector(Collector):
    """The state of a service, read at each scrape, in the event loop.

    Args:
        app: of the service.
        worker: of the service.
        follower: of its model; None: the model never changes.
        monitor: of its predictions; None: they are not recorded.
    """

    def __init__(
        self, app: App, worker: Worker, follower: Follower | None, monitor: LiveMonitor | None = None
    ) -> None:
        self._app, self._worker, self._follower, self._monitor = app, worker, follower, monitor

    def collect(self) -> Iterator[Metric]:
        """The current state."""
        slot, queue = self._worker.slot, self._worker.queue
        info = slot.current.bundle.info
        following = None if self._follower is None else self._follower.describe()
        number = None if following is None else following.version
        labels = {
            "version": slot.current.bundle.hash[:_HASH], "architecture": info.architecture.name, "task": info.task,
            "registry_version": "" if number is None else str(number),
        }  # fmt: skip
        model = GaugeMetricFamily("pupila_model_info", "The served model; always 1", labels=list(labels))
        model.add_metric(list(labels.values()), 1)
        yield model
        obstacle = find_obstacle(self._app, self._follower)
        yield _gauge("pupila_ready", "Whether /health/ready is a 200: 1, or 0", obstacle is None)
        yield _gauge("pupila_queue_images", "Images in the queue", queue.open)
        yield _gauge("pupila_queue_limit_images", "Maximum number of images in the queue", queue.most)
        yield _gauge("pupila_http_connections", "Open connections", count_connections(self._app))
        yield _gauge(
            "pupila_model_draining_requests", "Requests that an earlier model still predicts", slot.draining
        )
        yield _counter("pupila_model_swaps", "Swaps of the model", slot.swaps)
        yield _counter(
            "pupila_model_swap_failures", "Bundles that were refused, each trial counted",
            0 if following is None else following.failures,
        )  # fmt: skip
        yield _gauge(
            "pupila_model_swap_failed", "Whether the bundle that should be served was refused: 1, or 0",
            following is not None and following.problem is not None,
        )  # fmt: skip
        if self._monitor is not None and info.drift is not None:
            yield from _describe_drift(self._monitor.describe())


def _describe_drift(drift: Drift) -> Iterator[Metric]:
    yield _gauge(
        "pupila_drift_groups", "Groups of images since the model was first served here", drift.groups
    )
    yield _gauge("pupila_drift_open_groups", "Groups that may have further images", drift.open_groups)
    yield _gauge("pupila_drift_failed", "Whether the monitor has stopped: 1, or 0", drift.status == "failed")
    yield _counter(
        "pupila_drift_unmonitored_images", "Images that came too fast to be monitored", drift.unmonitored
    )
    yield _gauge("pupila_drift_evidence", "Evidence of drift; alarm from the limit on", drift.evidence)
    yield _gauge(
        "pupila_drift_evidence_limit", "Mean number of groups between two false alarms, at least",
        drift.false_alarm_every,
    )  # fmt: skip
    yield _gauge("pupila_drift_alarm", "Whether the images no longer look like the reference: 1, or 0",
                 drift.alarm_at is not None)  # fmt: skip
    streams = GaugeMetricFamily(
        "pupila_drift_stream_evidence", "Evidence of drift of each monitored value", labels=["stream"]
    )
    for name, value in drift.streams.items():
        streams.add_metric([name], value)
    yield streams


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value)
