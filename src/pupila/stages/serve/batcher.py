"""Dynamic batching: images of many clients are predicted together as soon as a thread is free.

There is no timer: a lone request starts at once and has all cores; whatever waits when a thread becomes free
forms the next batch. Each thread decodes or runs the model on one core: measured throughput is higher than with one
run on all cores.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.bundle.golden import GOLDEN, preprocess_bytes
from pupila.artifacts.bundle.predictor import Prediction, Predictor
from pupila.core.threads import CORES
from pupila.imaging.images.preprocess import Preprocessing
from pupila.stages.serve.explanations import (
    ExplainedPrediction,
    ExplanationQueue,
    SelectClasses,
    check_explainable,
    explain_image,
)
from pupila.stages.serve.metrics import ServingMetrics
from pupila.stages.serve.queue import RequestQueue
from pupila.stages.serve.recording import ImageTrace, PredictionLog, RequestNote
from pupila.stages.serve.runtime import choose_runtime
from pupila.stages.serve.settings import ServeSettings
from pupila.stages.serve.slot import ModelSlot
from pupila.stages.serve.uploads import Read, refuse_no_memory
from pupila.tasks.task import PreprocessedImage

Result = TypeVar("Result")
Delivery = tuple[asyncio.Future[Prediction], Prediction | Exception]
MakeTrace = Callable[[bytes, PreprocessedImage, Preprocessing], ImageTrace | None]
STAGES = ("read", "decode", "wait", "model", "respond")


@dataclass(frozen=True, slots=True)
class WaitingImage:
    """A preprocessed image that waits for the model."""

    predictor: Predictor
    image: PreprocessedImage
    prediction: asyncio.Future[Prediction]
    since: float  # time of the clock, seconds, less what it has waited for before
    trace: ImageTrace | None = None  # for the log; None: nothing is recorded


@dataclass(frozen=True, slots=True)
class _Started:
    """An image that waits for a thread."""

    predictor: Predictor
    read: Read
    start: float  # of the clock, seconds
    trace: MakeTrace | None


@dataclass(frozen=True, slots=True)
class _Ready:
    """A preprocessed image."""

    image: PreprocessedImage
    waited: float  # for its thread, seconds
    trace: ImageTrace | None


class Batcher:
    """Predicts images for the event loop.

    Args:
        predictor: of the bundle that is served first.
        settings: batch size, queue and threads.
    """

    def __init__(self, predictor: Predictor, settings: ServeSettings) -> None:
        self.slot, self.settings = ModelSlot(predictor), settings
        self.log: PredictionLog | None = None  # of the predictions; None: they are not recorded
        _load_all(predictor)
        self._threads = ThreadPoolExecutor(settings.threads or CORES)
        self._waiting: deque[WaitingImage] = deque()
        self._taking = threading.Lock()  # a batch out of the deque
        self.queue = RequestQueue(settings.queue)
        self.metrics = ServingMetrics(STAGES, predictor.info.classes)
        self.explanations = ExplanationQueue(settings.max_explanations)
        # A tiled image takes hundreds of megabytes once preprocessed: no more of them than threads.
        self._tiled_room = asyncio.Semaphore(settings.threads or CORES)
        self._room = asyncio.Semaphore(settings.queue)

    @property
    def predictor(self) -> Predictor:
        """The current one."""
        return self.slot.current

    def load(self, bundle: Bundle) -> Predictor:
        """A predictor of another bundle, checked and warm, to be swapped in; in a thread.

        Raises:
            PupilaError: an invalid bundle.
        """
        predictor = Predictor(bundle, self.settings, choose_runtime(bundle, self.settings.runtime))
        name = next(iter(bundle.info.golden))
        image = preprocess_bytes(bundle.read(f"{GOLDEN}/{name}"), predictor.task, bundle.info.preprocessing)
        for all_cores in (False, True):
            predictor.predict_batch([image], all_cores)
        _load_all(predictor)
        return predictor

    async def predict(
        self, images: Sequence[Read], predictor: Predictor | None = None, note: RequestNote | None = None
    ) -> list[Prediction | BaseException]:
        """The predictions of one request; an invalid image gets its fault.

        Each file is read by the thread that decodes it: no more of them than threads are in memory.

        Args:
            images: of the request.
            predictor: that the request has leased; None: the current one.
            note: for the log; None: the request is not recorded.
        """
        predictor = predictor or self.predictor
        work = (
            self._predict_one(read, predictor, self._make_trace(note, n, read))
            for n, read in enumerate(images)
        )
        return await asyncio.gather(*work, return_exceptions=True)

    async def explain(
        self,
        images: Sequence[Read],
        predictor: Predictor,
        select: SelectClasses,
        note: RequestNote | None = None,
    ) -> list[ExplainedPrediction | BaseException]:
        """The predictions of one request with their heat maps, image after image; an invalid one gets its fault.

        They share no batch with plain predictions, whose runs have no other outputs than the logits.

        Args:
            images: of the request.
            predictor: that the request has leased.
            select: the classes that a prediction is explained for.
            note: for the log; None: the request is not recorded.

        Raises:
            NoHeatMap: of no image of this model.
            Refusal: 503 where too many requests are explained.
        """
        check_explainable(predictor)
        loop = asyncio.get_running_loop()
        explained: list[ExplainedPrediction | BaseException] = []
        with self.explanations.reserve():
            for number, read in enumerate(images):
                alone = self.queue.open == 1
                started = _Started(predictor, read, time.perf_counter(), self._make_trace(note, number, read))
                explain = partial(self._explain, started, select, alone)
                work = loop.run_in_executor(self._threads, explain)
                explained += await asyncio.gather(work, return_exceptions=True)
        return explained

    def _make_trace(self, note: RequestNote | None, item: int, read: Read) -> MakeTrace | None:
        """What makes the trace of an image for the log."""
        if self.log is None or note is None:
            return None
        return partial(self.log.trace, replace(note, item=item), read)

    async def _predict_one(self, read: Read, predictor: Predictor, trace: MakeTrace | None) -> Prediction:
        loop = asyncio.get_running_loop()
        started, tiled = (
            _Started(predictor, read, time.perf_counter(), trace),
            predictor.info.preprocessing.view == "tile",
        )
        async with self._tiled_room if tiled else self._room:
            ready = await loop.run_in_executor(self._threads, self._preprocess, started)
            future: asyncio.Future[Prediction] = loop.create_future()
            since = time.perf_counter() - ready.waited
            self._waiting.append(WaitingImage(predictor, ready.image, future, since, ready.trace))
            # A client that disconnects does not stop the batch that its image is in.
            loop.run_in_executor(self._threads, self._predict_waiting).add_done_callback(_deliver)
            return await future

    def _preprocess(self, started: _Started) -> _Ready:
        """In a thread."""
        waited, predictor = time.perf_counter() - started.start, started.predictor
        with self.metrics.stages["decode"].time(), refuse_no_memory():
            content = started.read()
            image = predictor.preprocess(content)
        trace = started.trace and started.trace(content, image, predictor.info.preprocessing)
        return _Ready(image, waited, trace)

    def _explain(self, started: _Started, select: SelectClasses, all_cores: bool) -> ExplainedPrediction:
        """In a thread."""
        ready = self._preprocess(started)
        self.metrics.stages["wait"].observe(ready.waited)
        self.metrics.batch_size.observe(1)
        with self.metrics.stages["model"].time():
            explained = explain_image(started.predictor, ready.image, select, all_cores)
        if self.log is not None:
            predictor = started.predictor
            self.log.write(
                ready.trace, explained.prediction, predictor.bundle, explained.embedding, predictor.reference
            )
        return explained

    def _predict_waiting(self) -> list[Delivery]:
        """In a thread: predict a batch of waiting images; nothing where other threads took them all."""
        batch = self._take_batch()
        if not batch:
            return []
        predictor, alone = batch[0].predictor, self.queue.open == 1
        futures = [waiting.prediction for waiting in batch]
        self._observe(batch)
        try:
            images = [waiting.image for waiting in batch]
            if self.log is None:
                with self.metrics.stages["model"].time():
                    predictions = predictor.predict_batch(images, alone)
                return list(zip(futures, predictions, strict=True))
            with self.metrics.stages["model"].time():
                observed = predictor.observe_batch(images, alone)
            for waiting, (prediction, embedding) in zip(batch, observed, strict=True):
                self.log.write(waiting.trace, prediction, predictor.bundle, embedding, predictor.reference)
            return [(future, prediction) for future, (prediction, _) in zip(futures, observed, strict=True)]
        except Exception as fault:  # noqa: BLE001 -- whatever the runtime raises belongs to these requests
            return [(future, fault) for future in futures]

    def _observe(self, batch: list[WaitingImage]) -> None:
        self.metrics.batch_size.observe(len(batch))
        now = time.perf_counter()
        for waiting in batch:
            self.metrics.stages["wait"].observe(now - waiting.since)

    def _take_batch(self) -> list[WaitingImage]:
        """The next waiting images, all of one predictor."""
        batch: list[WaitingImage] = []
        with self._taking:
            while self._waiting and len(batch) < self.settings.max_batch_size:
                if batch and self._waiting[0].predictor is not batch[0].predictor:
                    break
                batch.append(self._waiting.popleft())
        return batch

    async def run(self, work: Callable[[], Result]) -> Result:
        """What other work for a request results in, in one of the threads that decode."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown()


def _load_all(predictor: Predictor) -> None:
    """Load whatever a request may need, before the first one."""
    predictor.all_cores_session  # noqa: B018
    predictor.draws_heat_maps  # noqa: B018
    predictor.reference  # noqa: B018


def _deliver(finished: asyncio.Future[list[Delivery]]) -> None:
    """In the event loop: hand out the predictions of a batch."""
    for future, prediction in finished.result():
        if future.done():  # the client disconnected
            continue
        if isinstance(prediction, Exception):
            future.set_exception(prediction)
        else:
            future.set_result(prediction)
