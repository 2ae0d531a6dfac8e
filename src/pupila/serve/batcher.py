"""Shared batches: images of many clients are answered together, as soon as the model is free and no later.

There is no timer: a lone request starts at once, and what arrives while the model is busy makes the next batch.
"""

import asyncio
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from pupila.bundle.predictor import Answer, Predictor
from pupila.images import Array
from pupila.messages import say
from pupila.serve.settings import ServeSettings
from pupila.web.app import Refusal

_RETRY_AFTER = 1  # seconds


class Batcher:
    """Answers images for the event loop.

    Args:
        predictor: of the bundle.
        settings: batch, queue and threads.
    """

    def __init__(self, predictor: Predictor, settings: ServeSettings) -> None:
        self.predictor, self.settings = predictor, settings
        self.batches = 0  # so far
        self._decoders = ThreadPoolExecutor(settings.decoders or os.cpu_count() or 1)
        self._model = ThreadPoolExecutor(1)
        self._waiting: deque[tuple[Array, asyncio.Future[Answer]]] = deque()
        self._open = 0  # images accepted and not answered
        self._running = False

    async def answer(self, images: list[bytes]) -> list[Answer | BaseException]:
        """The answers of one request; a bad image gets its fault.

        Raises:
            Refusal: 503 where too many images wait already; nothing of the request was begun then.
        """
        if self._open + len(images) > self.settings.queue:
            raise Refusal(
                503, say("Too many images wait"), str(self._open), say("at most {n}", n=self.settings.queue),
                say("try again in a moment"), retry_after=_RETRY_AFTER,
            )  # fmt: skip
        self._open += len(images)
        try:
            return await asyncio.gather(*map(self._one, images), return_exceptions=True)
        finally:
            self._open -= len(images)

    async def _one(self, data: bytes) -> Answer:
        loop = asyncio.get_running_loop()
        pixels = await loop.run_in_executor(self._decoders, self.predictor.prepare, data)
        answered: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((pixels, answered))
        if not self._running:
            self._running = True
            loop.create_task(self._run()).add_done_callback(lambda task: task.result())
        return await answered

    async def _run(self) -> None:
        """Run the model until nothing waits."""
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self.settings.batch))]
            self.batches += 1
            try:
                answers = await loop.run_in_executor(
                    self._model, self._answers, [pixels for pixels, _ in batch]
                )
            except Exception as fault:  # noqa: BLE001 -- whatever the runtime raises belongs to these requests
                for _, future in batch:
                    future.set_exception(fault)
                continue
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():  # a client that went away
                    future.set_result(answer)
        self._running = False

    def _answers(self, pixels: list[Array]) -> list[Answer]:
        return self.predictor.answers(self.predictor.logits(np.stack(pixels)))

    def close(self) -> None:
        """Let the threads end."""
        self._decoders.shutdown()
        self._model.shutdown()
