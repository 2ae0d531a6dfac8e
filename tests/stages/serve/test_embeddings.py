"""Cached embeddings, and the order of work: the encoder waits until the test lets it continue."""

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pupila.artifacts.bundle.prompter import EncodedImage, Prompter
from pupila.artifacts.web.refusals import Refusal
from pupila.imaging.images.decode import ImageFault
from pupila.stages.serve.embeddings import EmbeddingCache, Embeddings
from pupila.stages.serve.settings import ServeSettings
from pupila.stages.serve.uploads import Read
from pupila.tasks.prompt import Prompt
from pupila.tasks.task import PreprocessedImage
from tests.colours import plain, write_pointing
from tests.pictures import encoded

RED, GREEN, BLUE = (encoded(plain(*c)) for c in ((255, 0, 0), (0, 255, 0), (0, 0, 255)))
POINT = Prompt(points=((3.0, 3.0),))


def image(size: int) -> EncodedImage:
    """An encoded image of so many bytes."""
    return EncodedImage(
        [np.zeros(size, np.uint8)], PreprocessedImage(np.zeros((0, 3, 1, 1), np.float32), 1, 1)
    )


def reader(data: bytes) -> Read:
    """An upload of these bytes."""
    return lambda: data


def cached_names(cached: EmbeddingCache) -> list[str]:
    return list(cached._images)


def test_the_most_recently_used_are_cached() -> None:
    cached = EmbeddingCache(2, 1000)
    a, b, c = image(10), image(20), image(30)
    cached.add("a", a)
    cached.add("b", b)
    assert cached.get("a") is a  # now b was not used for longest
    cached.add("c", c)
    assert (cached.get("a"), cached.get("b"), cached.get("c")) == (a, None, c)
    assert cached._bytes == 40


def test_bytes_are_bounded_as_well() -> None:
    cached = EmbeddingCache(10, 100)
    for name, size in (("a", 40), ("b", 40), ("c", 20)):
        cached.add(name, image(size))
    assert cached_names(cached) == ["a", "b", "c"]  # 100 bytes, no more than allowed
    cached.add("d", image(50))
    assert (cached_names(cached), cached._bytes) == (["c", "d"], 70)
    cached.add("e", image(101))  # what fits nowhere is not kept, and drops nothing
    assert (cached_names(cached), cached._bytes) == (["c", "d"], 70)
    cached.add("f", image(100))
    assert cached_names(cached) == ["f"]


class Held(Prompter):
    """A prompter that encodes only once it is let go."""

    def __init__(self, folder: Path) -> None:
        super().__init__(write_pointing(folder), threads=1)
        self.let_go = threading.Event()
        self.all_cores: list[bool] = []

    def encode(self, image: PreprocessedImage, all_cores: bool = False) -> EncodedImage:
        self.all_cores.append(all_cores)
        assert self.let_go.wait(60)
        return super().encode(image, all_cores)


@pytest.fixture
def held(tmp_path: Path) -> Held:
    return Held(tmp_path / "bundle")


def run_scenario(held: Held, scenario: Any, **settings: Any) -> Any:
    async def whole() -> Any:
        embeddings = Embeddings(held, ServeSettings(**{"threads": 2, **settings}))
        try:
            return await scenario(embeddings)
        finally:
            held.let_go.set()
            embeddings.close()

    return asyncio.run(whole())


async def begun(work: Coroutine[Any, Any, Any], held: Held, encodings: int) -> asyncio.Task[Any]:
    """The work as a task, once so many encodings have begun."""
    task = asyncio.ensure_future(work)
    while len(held.all_cores) < encodings:
        await asyncio.sleep(0)
    return task


def test_the_same_new_image_is_encoded_once_for_all_who_wait(held: Held) -> None:
    async def scenario(embeddings: Embeddings) -> tuple[list[Any], list[Any]]:
        first = await begun(embeddings.encode(reader(RED)), held, 1)
        image_id = next(iter(embeddings._coming))
        others = [asyncio.ensure_future(embeddings.encode(reader(RED))) for _ in range(3)]
        by_name = asyncio.ensure_future(embeddings.find_cached(image_id))
        # One thread computes the hashes, in order: after this they are all known, and the others wait.
        await asyncio.get_running_loop().run_in_executor(embeddings._predicting, lambda: None)
        held.let_go.set()
        predictions = [await first, *[await other for other in others]]
        assert embeddings._coming == {}
        return predictions, [await by_name, await embeddings.find_cached(image_id)]

    predictions, by_name = run_scenario(held, scenario, threads=1)
    assert len(held.all_cores) == 1
    assert [new for _, _, new in predictions] == [True, False, False, False]
    assert len({id(result) for result in [*(result for _, result, _ in predictions), *by_name]}) == 1


def test_a_prompt_does_not_wait_for_the_encoder(held: Held) -> None:
    async def scenario(embeddings: Embeddings) -> float:
        held.let_go.set()
        _, known, _ = await embeddings.encode(reader(RED))
        held.let_go.clear()
        busy = [await begun(embeddings.encode(reader(data)), held, n) for n, data in ((2, GREEN), (3, BLUE))]
        share = (await embeddings.predict(known, POINT)).share  # both threads of the encoder are held
        assert not any(task.done() for task in busy)
        held.let_go.set()
        await asyncio.gather(*busy)
        return share

    assert run_scenario(held, scenario) == 1.0


def test_no_more_new_images_than_threads_are_in_memory(held: Held) -> None:
    reads: list[int] = []

    def counted(number: int) -> Read:
        def read() -> bytes:
            reads.append(number)
            return encoded(plain(number, 0, 0))

        return read

    async def scenario(embeddings: Embeddings) -> list[int]:
        work = [asyncio.ensure_future(embeddings.encode(counted(number))) for number in range(6)]
        while len(reads) < 8 or len(held.all_cores) < 2:  # six to know them, two to encode them
            await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
        before = sorted(reads)
        held.let_go.set()
        await asyncio.gather(*work)
        return before

    assert len(run_scenario(held, scenario)) == 8
    assert sorted(reads) == sorted([*range(6)] * 2)


def test_a_lone_image_has_all_cores_and_several_have_one_each(held: Held) -> None:
    async def scenario(embeddings: Embeddings) -> None:
        first = await begun(embeddings.encode(reader(RED)), held, 1)
        second = await begun(embeddings.encode(reader(GREEN)), held, 2)
        held.let_go.set()
        await asyncio.gather(first, second)
        await embeddings.encode(reader(BLUE))

    run_scenario(held, scenario)
    assert held.all_cores == [True, False, True]


@pytest.mark.parametrize("who", [0, 1], ids=["who sent it first", "who sent it later"])
def test_a_client_that_goes_away_takes_nobody_with_it(held: Held, who: int) -> None:
    async def scenario(embeddings: Embeddings) -> EncodedImage:
        first = await begun(embeddings.encode(reader(RED)), held, 1)
        image_id = next(iter(embeddings._coming))
        leaver = [first, asyncio.ensure_future(embeddings.find_cached(image_id))][who]
        stayer = asyncio.ensure_future(embeddings.find_cached(image_id))
        await asyncio.sleep(0)  # all wait
        leaver.cancel()
        await asyncio.sleep(0)
        held.let_go.set()
        result = await stayer
        assert leaver.cancelled() and result is not None
        assert await embeddings.find_cached(image_id) is result
        return result

    assert run_scenario(held, scenario).image.height == 16


def test_a_bad_image_leaves_nothing_behind(held: Held) -> None:
    async def scenario(embeddings: Embeddings) -> None:
        for _ in range(2):
            with pytest.raises(ImageFault):
                await embeddings.encode(reader(b"<html>"))
            assert embeddings._coming == {} and cached_names(embeddings._cache) == []

    run_scenario(held, scenario)
    assert held.all_cores == []


def test_above_the_queue_a_request_is_refused_and_room_comes_back(held: Held) -> None:
    async def scenario(embeddings: Embeddings) -> Refusal:
        with (
            embeddings.queue.reserve(),
            embeddings.queue.reserve(),
            pytest.raises(Refusal) as refused,
            embeddings.queue.reserve(),
        ):
            pass
        with embeddings.queue.reserve():
            return refused.value

    refusal = run_scenario(held, scenario, queue=2)
    assert (refusal.status_code, refusal.headers) == (503, {"retry-after": "1"})
