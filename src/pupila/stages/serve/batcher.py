"""Shared batches: images of many clients are answered together, as soon as a thread is free and no later.

There is no timer: a lone request starts at once and has all cores, and of what waits when a thread becomes
free the next batch is made. Each thread decodes or runs the model on one core: measured, that answers more
images than one run on all cores.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from pupila.artifacts.bundle.predictor import Answered, Predictor
from pupila.core.threads import CORES
from pupila.imaging.images.decode import ImageFault
from pupila.stages.serve.settings import ServeSettings
from pupila.stages.serve.uploads import crowded
from pupila.tasks.task import Prepared

Waiting = asyncio.Future[Answered]


class Batcher:
    """Answers images for the event loop.

    Args:
        predictor: of the bundle.
        settings: batch, queue and threads.
    """

    def __init__(self, predictor: Predictor, settings: ServeSettings) -> None:
        self.predictor, self.settings = predictor, settings
        self.predictor.on_all_cores  # noqa: B018 -- stands ready before the first request
        self._threads = ThreadPoolExecutor(settings.threads or CORES)
        self._waiting: deque[tuple[Prepared, Waiting]] = deque()
        self._open = 0  # images accepted and not answered
        # A picture in tiles takes hundreds of megabytes once it is prepared: no more of them than are worked on.
        threads, tiled = settings.threads or CORES, predictor.info.preparation.view == "tile"
        self._room = asyncio.Semaphore(threads if tiled else settings.queue)

    async def answer(self, images: Sequence[bytes | ImageFault]) -> list[Answered | BaseException]:
        """The answers of one request; a bad image gets its fault, also one that was found bad before.

        Raises:
            Refusal: 503 where too many images wait already; nothing of the request was begun then.
        """
        if self._open + len(images) > self.settings.queue:
            raise crowded(self._open, self.settings.queue)
        self._open += len(images)
        try:
            return await asyncio.gather(*map(self._one, images), return_exceptions=True)
        finally:
            self._open -= len(images)

    async def _one(self, data: bytes | ImageFault) -> Answered:
        if isinstance(data, ImageFault):
            raise data
        loop = asyncio.get_running_loop()
        async with self._room:
            image = await loop.run_in_executor(self._threads, self.predictor.prepare, data)
            answered: Waiting = loop.create_future()
            self._waiting.append((image, answered))
            # Whoever waits for the answer may go away; the batch that its image is in goes on.
            loop.run_in_executor(self._threads, self._answer_waiting).add_done_callback(_deliver)
            return await answered

    def _answer_waiting(self) -> list[tuple[Waiting, Answered | Exception]]:
        """In a thread: answer a batch of what waits; nothing where other threads took it all."""
        batch: list[tuple[Prepared, Waiting]] = []
        while self._waiting and len(batch) < self.settings.batch:
            try:
                batch.append(self._waiting.popleft())
            except IndexError:  # another thread was quicker
                break
        if not batch:
            return []
        alone = self._open == 1
        futures = [future for _, future in batch]
        try:
            answers = self.predictor.answers([image for image, _ in batch], alone)
            return list(zip(futures, answers, strict=True))
        except Exception as fault:  # noqa: BLE001 -- whatever the runtime raises belongs to these requests
            return [(future, fault) for future in futures]

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown()


def _deliver(done: "asyncio.Future[list[tuple[Waiting, Answered | Exception]]]") -> None:
    """In the event loop: hand out the answers of a batch."""
    for future, answer in done.result():
        if future.done():  # a client that went away
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
