"""Cached embeddings: each image is encoded once, so that further prompts cost only the decoder.

Images are encoded in threads of their own and prompts decoded in others: a prompt never waits for the encoder. A
lone image is encoded on all cores, several on one core each.
"""

import asyncio
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.bundle.golden import GOLDEN
from pupila.artifacts.bundle.prompter import EncodedImage, Prompter
from pupila.artifacts.bundle.runtimes import InferenceRuntime
from pupila.core.files import sha256
from pupila.core.threads import CORES
from pupila.stages.serve.metrics import EmbeddingMetrics
from pupila.stages.serve.queue import RequestQueue
from pupila.stages.serve.recording import PredictionLog
from pupila.stages.serve.runtime import choose_runtime
from pupila.stages.serve.settings import ServeSettings
from pupila.stages.serve.slot import ModelSlot
from pupila.stages.serve.uploads import Read, refuse_no_memory
from pupila.tasks.prompt import Prompt, PromptPrediction

STAGES = ("read", "decode", "wait", "encode", "prompt", "respond")


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

    def __len__(self) -> int:
        return len(self._images)

    @property
    def nbytes(self) -> int:
        """Of all embeddings together."""
        return self._bytes

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


class ServedPrompter:
    """A prompter with the embeddings that it has computed: those of another one would not fit its decoder.

    Args:
        prompter: of the bundle; its runs have one core each.
        settings: cache size.
    """

    def __init__(self, prompter: Prompter, settings: ServeSettings) -> None:
        self.prompter = prompter
        self.cache = EmbeddingCache(settings.max_embeddings, settings.max_embedding_bytes)
        # Images that are being encoded, or wait for it.
        self.coming: dict[str, asyncio.Task[EncodedImage]] = {}
        prompter.all_cores_encoder  # noqa: B018 -- loaded before the first request

    @property
    def bundle(self) -> Bundle:
        """The prompter's."""
        return self.prompter.bundle

    @property
    def runtime(self) -> InferenceRuntime:
        """The prompter's."""
        return self.prompter.runtime


class Embeddings:
    """Encodes images and predicts masks for prompts, for the event loop.

    Args:
        prompter: of the bundle that is served first; its runs have one core each.
        settings: queue, threads and cache size.
    """

    def __init__(self, prompter: Prompter, settings: ServeSettings) -> None:
        self.slot, self.settings = ModelSlot(ServedPrompter(prompter, settings)), settings
        self.log: PredictionLog | None = None  # of the predictions; None: they are not recorded
        threads = settings.threads or CORES
        self._encoding, self._predicting = ThreadPoolExecutor(threads), ThreadPoolExecutor(threads)
        self.queue = RequestQueue(settings.queue)
        self.metrics = EmbeddingMetrics(STAGES, lambda: self._cache)
        self._room = asyncio.Semaphore(threads)  # new images in memory

    @property
    def _cache(self) -> EmbeddingCache:
        return self.slot.current.cache

    @property
    def _coming(self) -> dict[str, asyncio.Task[EncodedImage]]:
        return self.slot.current.coming

    def load(self, bundle: Bundle) -> ServedPrompter:
        """A prompter of another bundle, checked and warm, to be swapped in; in a thread.

        Raises:
            PupilaError: an invalid bundle.
        """
        prompter = Prompter(bundle, self.settings, 1, choose_runtime(bundle, self.settings.runtime))
        served = ServedPrompter(prompter, self.settings)
        image = prompter.preprocess(bundle.read(f"{GOLDEN}/{next(iter(bundle.info.golden))}"))
        prompter.encode(image, all_cores=True)
        return served

    async def find_cached(self, image_id: str, model: ServedPrompter | None = None) -> EncodedImage | None:
        """The embedding of an image that was sent before, once it is encoded; None where it is not cached.

        Args:
            image_id: SHA-256 of its bytes.
            model: that the request has leased; None: the current one.

        Raises:
            ImageFault: no usable image.
        """
        model = model or self.slot.current
        if (cached := model.cache.get(image_id)) is not None:
            return cached
        coming = model.coming.get(image_id)
        # A client that disconnects does not stop it: others may wait for it, too.
        return None if coming is None else await asyncio.shield(coming)

    async def encode(self, read: Read, model: ServedPrompter | None = None) -> tuple[str, EncodedImage, bool]:
        """SHA-256 of the image's bytes, its embedding, and whether it was encoded for this request.

        No more new images than threads are in memory; others wait in their files.

        Args:
            read: the image's bytes.
            model: that the request has leased; None: the current one.

        Raises:
            ImageFault: no usable image.
        """
        model = model or self.slot.current
        loop = asyncio.get_running_loop()
        image_id = await loop.run_in_executor(self._predicting, lambda: sha256(read()))
        if (known := await self.find_cached(image_id, model)) is not None:
            return image_id, known, False
        start = time.perf_counter()
        async with self._room:
            data = await loop.run_in_executor(self._encoding, read)
            if (known := await self.find_cached(image_id, model)) is not None:
                return image_id, known, False
            # No await since the check: of two requests with the same new image only one gets here.
            coming = model.coming[image_id] = asyncio.create_task(self._encode(image_id, data, model, start))
            return image_id, await asyncio.shield(coming), True

    async def predict(
        self, image: EncodedImage, prompt: Prompt, model: ServedPrompter | None = None
    ) -> PromptPrediction:
        """The mask for a prompt.

        Args:
            image: encoded by the same model.
            prompt: that fits the image.
            model: that the request has leased; None: the current one.

        Raises:
            PupilaError: the prompt does not fit the image.
        """
        loop, prompter, start = (
            asyncio.get_running_loop(),
            (model or self.slot.current).prompter,
            time.perf_counter(),
        )

        def predict() -> PromptPrediction:
            self.metrics.stages["wait"].observe(time.perf_counter() - start)
            with self.metrics.stages["prompt"].time():
                return prompter.predict(image, prompt)

        return await loop.run_in_executor(self._predicting, predict)

    async def _encode(self, image_id: str, data: bytes, model: ServedPrompter, start: float) -> EncodedImage:
        try:
            loop = asyncio.get_running_loop()
            image = await loop.run_in_executor(self._encoding, self._prepare_and_encode, data, model, start)
            model.cache.add(image_id, image)
            return image
        finally:
            del model.coming[image_id]

    def _prepare_and_encode(self, data: bytes, model: ServedPrompter, start: float) -> EncodedImage:
        """In a thread."""
        self.metrics.stages["wait"].observe(time.perf_counter() - start)
        with self.metrics.stages["decode"].time(), refuse_no_memory():
            image = model.prompter.preprocess(data)
        with self.metrics.stages["encode"].time():
            return model.prompter.encode(image, all_cores=len(model.coming) == 1)

    def close(self) -> None:
        """Let the threads end."""
        self._encoding.shutdown()
        self._predicting.shutdown()
