"""Encoded images: each is encoded once, and the last used are kept, so that prompts cost the decoder alone.

Images are encoded in threads of their own, and prompts answered in others: a prompt never waits for the encoder's
turn. A lone image is encoded on all cores, of several each on one.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from pupila.artifacts.bundle.prompter import Encoded, Prompter
from pupila.core.files import sha256
from pupila.core.threads import CORES
from pupila.stages.serve.settings import ServeSettings
from pupila.stages.serve.uploads import crowded
from pupila.tasks.prompt import Prompt, PromptAnswer


class Kept:
    """The encoded images that were used last.

    Args:
        most: images.
        most_bytes: of all together; an image with more is not kept.
    """

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._images: OrderedDict[str, Encoded] = OrderedDict()  # the last used is the last
        self._bytes = 0

    def get(self, image_id: str) -> Encoded | None:
        """The image, which counts as used now; None where it is not kept."""
        if image_id in self._images:
            self._images.move_to_end(image_id)
        return self._images.get(image_id)

    def add(self, image_id: str, image: Encoded) -> None:
        """Keep an image that is not kept yet, and drop those that were not used for longest."""
        if image.nbytes > self._most_bytes:
            return
        self._images[image_id] = image
        self._bytes += image.nbytes
        while len(self._images) > self._most or self._bytes > self._most_bytes:
            self._bytes -= self._images.popitem(last=False)[1].nbytes


class Embeddings:
    """Encodes images and answers prompts for the event loop.

    Args:
        prompter: of the bundle; its runs have one core each.
        settings: queue, threads and how much is kept.
    """

    def __init__(self, prompter: Prompter, settings: ServeSettings) -> None:
        self.prompter, self.settings = prompter, settings
        self.prompter.on_all_cores  # noqa: B018 -- stands ready before the first request
        threads = settings.threads or CORES
        self._encoding, self._answering = ThreadPoolExecutor(threads), ThreadPoolExecutor(threads)
        self._kept = Kept(settings.embeddings, settings.embedding_bytes)
        self._coming: dict[str, asyncio.Task[Encoded]] = {}  # images that are encoded now, or wait for it
        self._open = 0  # requests accepted and not answered

    @contextmanager
    def room(self) -> Iterator[None]:
        """Room for one request.

        Raises:
            Refusal: 503 where too many wait already.
        """
        if self._open >= self.settings.queue:
            raise crowded(self._open, self.settings.queue)
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    async def known(self, image_id: str) -> Encoded | None:
        """An image that was sent before, once it is encoded; None where it is not kept.

        Raises:
            ImageFault: no usable image.
        """
        if (kept := self._kept.get(image_id)) is not None:
            return kept
        coming = self._coming.get(image_id)
        # Whoever waits for it may go away; others wait, too.
        return None if coming is None else await asyncio.shield(coming)

    async def encoded(self, data: bytes) -> tuple[str, Encoded, bool]:
        """SHA-256 of an image's bytes, the image, and whether it had to be encoded for this request.

        Raises:
            ImageFault: no usable image.
        """
        image_id = await asyncio.get_running_loop().run_in_executor(self._answering, sha256, data)
        if (known := await self.known(image_id)) is not None:
            return image_id, known, False
        # Nothing was waited for since the look: of two requests with one new image only one comes here.
        coming = self._coming[image_id] = asyncio.create_task(self._encode(image_id, data))
        return image_id, await asyncio.shield(coming), True

    async def answer(self, image: Encoded, prompt: Prompt) -> PromptAnswer:
        """The answer to a prompt.

        Raises:
            PupilaError: the prompt means nothing in this image.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._answering, self.prompter.answer, image, prompt)

    async def _encode(self, image_id: str, data: bytes) -> Encoded:
        try:
            loop = asyncio.get_running_loop()
            image = await loop.run_in_executor(self._encoding, self._encoded, data)
            self._kept.add(image_id, image)
            return image
        finally:
            del self._coming[image_id]

    def _encoded(self, data: bytes) -> Encoded:
        """In a thread."""
        image = self.prompter.prepare(data)
        return self.prompter.encode(image, alone=len(self._coming) == 1)

    def close(self) -> None:
        """Let the threads end."""
        self._encoding.shutdown()
        self._answering.shutdown()
