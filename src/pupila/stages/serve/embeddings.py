"""Cached embeddings: each image is encoded once, so that further prompts cost only the decoder.

Images are encoded in threads of their own and prompts decoded in others: a prompt never waits for the encoder. A
lone image is encoded on all cores, several on one core each.
"""

import asyncio
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

from pupila.artifacts.bundle.prompter import EncodedImage, Prompter
from pupila.core.files import sha256
from pupila.core.threads import CORES
from pupila.stages.serve.queue import RequestQueue
from pupila.stages.serve.settings import ServeSettings
from pupila.stages.serve.uploads import Read, refuse_no_memory
from pupila.tasks.prompt import Prompt, PromptPrediction


class EmbeddingCache:
    """The most recently used embeddings.

    Args:
        most: images.
        most_bytes: of all together; a larger embedding is not cached.
    """

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._images: OrderedDict[str, EncodedImage] = OrderedDict()  # the last used is the last
        self._bytes = 0

    def get(self, image_id: str) -> EncodedImage | None:
        """The embedding, which counts as used now; None where it is not cached."""
        if image_id in self._images:
            self._images.move_to_end(image_id)
        return self._images.get(image_id)

    def add(self, image_id: str, image: EncodedImage) -> None:
        """Cache an embedding that is not cached yet, and evict the least recently used."""
        if image.nbytes > self._most_bytes:
            return
        self._images[image_id] = image
        self._bytes += image.nbytes
        while len(self._images) > self._most or self._bytes > self._most_bytes:
            self._bytes -= self._images.popitem(last=False)[1].nbytes


class Embeddings:
    """Encodes images and predicts masks for prompts, for the event loop.

    Args:
        prompter: of the bundle; its runs have one core each.
        settings: queue, threads and cache size.
    """

    def __init__(self, prompter: Prompter, settings: ServeSettings) -> None:
        self.prompter, self.settings = prompter, settings
        self.prompter.all_cores_encoder  # noqa: B018 -- loaded before the first request
        threads = settings.threads or CORES
        self._encoding, self._predicting = ThreadPoolExecutor(threads), ThreadPoolExecutor(threads)
        self._cache = EmbeddingCache(settings.max_embeddings, settings.max_embedding_bytes)
        self._coming: dict[
            str, asyncio.Task[EncodedImage]
        ] = {}  # images that are being encoded, or wait for it
        self.queue = RequestQueue(settings.queue)
        self._room = asyncio.Semaphore(threads)  # new images in memory

    async def find_cached(self, image_id: str) -> EncodedImage | None:
        """The embedding of an image that was sent before, once it is encoded; None where it is not cached.

        Raises:
            ImageFault: no usable image.
        """
        if (cached := self._cache.get(image_id)) is not None:
            return cached
        coming = self._coming.get(image_id)
        # A client that disconnects does not stop it: others may wait for it, too.
        return None if coming is None else await asyncio.shield(coming)

    async def encode(self, read: Read) -> tuple[str, EncodedImage, bool]:
        """SHA-256 of the image's bytes, its embedding, and whether it was encoded for this request.

        No more new images than threads are in memory; others wait in their files.

        Raises:
            ImageFault: no usable image.
        """
        loop = asyncio.get_running_loop()
        image_id = await loop.run_in_executor(self._predicting, lambda: sha256(read()))
        if (known := await self.find_cached(image_id)) is not None:
            return image_id, known, False
        async with self._room:
            data = await loop.run_in_executor(self._encoding, read)
            if (known := await self.find_cached(image_id)) is not None:
                return image_id, known, False
            # No await since the check: of two requests with the same new image only one gets here.
            coming = self._coming[image_id] = asyncio.create_task(self._encode(image_id, data))
            return image_id, await asyncio.shield(coming), True

    async def predict(self, image: EncodedImage, prompt: Prompt) -> PromptPrediction:
        """The mask for a prompt.

        Raises:
            PupilaError: the prompt does not fit the image.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._predicting, self.prompter.predict, image, prompt)

    async def _encode(self, image_id: str, data: bytes) -> EncodedImage:
        try:
            loop = asyncio.get_running_loop()
            image = await loop.run_in_executor(self._encoding, self._prepare_and_encode, data)
            self._cache.add(image_id, image)
            return image
        finally:
            del self._coming[image_id]

    def _prepare_and_encode(self, data: bytes) -> EncodedImage:
        """In a thread."""
        with refuse_no_memory():
            image = self.prompter.preprocess(data)
        return self.prompter.encode(image, all_cores=len(self._coming) == 1)

    def close(self) -> None:
        """Let the threads end."""
        self._encoding.shutdown()
        self._predicting.shutdown()
