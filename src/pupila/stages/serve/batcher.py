"""Dynamic batching: images of many clients are predicted together as soon as a thread is free.

There is no timer: a lone request starts at once and has all cores; whatever waits when a thread becomes free
forms the next batch. Each thread decodes or runs the model on one core: measured throughput is higher than with one
run on all cores.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from pupila.artifacts.bundle.predictor import Prediction, Predictor
from pupila.core.threads import CORES
from pupila.stages.serve.queue import RequestQueue
from pupila.stages.serve.settings import ServeSettings
from pupila.stages.serve.uploads import Read, refuse_no_memory
from pupila.tasks.task import PreprocessedImage

Waiting = asyncio.Future[Prediction]


class Batcher:
    """Predicts images for the event loop.

    Args:
        predictor: of the bundle.
        settings: batch size, queue and threads.
    """

    def __init__(self, predictor: Predictor, settings: ServeSettings) -> None:
        self.predictor, self.settings = predictor, settings
        self.predictor.all_cores_session  # noqa: B018 -- loaded before the first request
        self._threads = ThreadPoolExecutor(settings.threads or CORES)
        self._waiting: deque[tuple[PreprocessedImage, Waiting]] = deque()
        self.queue = RequestQueue(settings.queue)
        # A tiled image takes hundreds of megabytes once preprocessed: no more of them than threads.
        threads, tiled = settings.threads or CORES, predictor.info.preprocessing.view == "tile"
        self._room = asyncio.Semaphore(threads if tiled else settings.queue)

    async def predict(self, images: Sequence[Read]) -> list[Prediction | BaseException]:
        """The predictions of one request; an invalid image gets its fault.

        Each file is read by the thread that decodes it: no more of them than threads are in memory.
        """
        return await asyncio.gather(*map(self._predict_one, images), return_exceptions=True)

    async def _predict_one(self, read: Read) -> Prediction:
        loop = asyncio.get_running_loop()
        async with self._room:
            image = await loop.run_in_executor(self._threads, self._preprocess, read)
            future: Waiting = loop.create_future()
            self._waiting.append((image, future))
            # A client that disconnects does not stop the batch that its image is in.
            loop.run_in_executor(self._threads, self._predict_waiting).add_done_callback(_deliver)
            return await future

    def _preprocess(self, read: Read) -> PreprocessedImage:
        """In a thread."""
        with refuse_no_memory():
            return self.predictor.preprocess(read())

    def _predict_waiting(self) -> list[tuple[Waiting, Prediction | Exception]]:
        """In a thread: predict a batch of waiting images; nothing where other threads took them all."""
        batch: list[tuple[PreprocessedImage, Waiting]] = []
        while self._waiting and len(batch) < self.settings.max_batch_size:
            try:
                batch.append(self._waiting.popleft())
            except IndexError:  # another thread was quicker
                break
        if not batch:
            return []
        alone = self.queue.open == 1
        futures = [future for _, future in batch]
        try:
            predictions = self.predictor.predict_batch([image for image, _ in batch], alone)
            return list(zip(futures, predictions, strict=True))
        except Exception as fault:  # noqa: BLE001 -- whatever the runtime raises belongs to these requests
            return [(future, fault) for future in futures]

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown()


def _deliver(finished: "asyncio.Future[list[tuple[Waiting, Prediction | Exception]]]") -> None:
    """In the event loop: hand out the predictions of a batch."""
    for future, prediction in finished.result():
        if future.done():  # the client disconnected
            continue
        if isinstance(prediction, Exception):
            future.set_exception(prediction)
        else:
            future.set_result(prediction)
