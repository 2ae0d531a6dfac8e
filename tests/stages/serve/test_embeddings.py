"""What is kept of images, and the order of work: the encoder waits until the test lets it go on."""

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pupila.artifacts.bundle.prompter import Encoded, Prompter
from pupila.artifacts.web.app import Refusal
from pupila.imaging.images.decode import ImageFault
from pupila.stages.serve.embeddings import Embeddings, Kept
from pupila.stages.serve.settings import ServeSettings
from pupila.tasks.prompt import Prompt
from pupila.tasks.task import Prepared
from tests.colours import plain, write_pointing
from tests.pictures import encoded

RED, GREEN, BLUE = (encoded(plain(*c)) for c in ((255, 0, 0), (0, 255, 0), (0, 0, 255)))
POINT = Prompt(points=((3.0, 3.0),))


def image(size: int) -> Encoded:
    """An encoded image of so many bytes."""
    return Encoded([np.zeros(size, np.uint8)], Prepared(np.zeros((0, 3, 1, 1), np.float32), 1, 1))


def kept_of(kept: Kept) -> list[str]:
    return list(kept._images)


def test_the_last_used_are_kept() -> None:
    kept = Kept(2, 1000)
    a, b, c = image(10), image(20), image(30)
    kept.add("a", a)
    kept.add("b", b)
    assert kept.get("a") is a  # now b was not used for longest
    kept.add("c", c)
    assert (kept.get("a"), kept.get("b"), kept.get("c")) == (a, None, c)
    assert kept._bytes == 40


def test_bytes_are_bounded_as_well() -> None:
    kept = Kept(10, 100)
    for name, size in (("a", 40), ("b", 40), ("c", 20)):
        kept.add(name, image(size))
    assert kept_of(kept) == ["a", "b", "c"]  # 100 bytes, no more than allowed
    kept.add("d", image(50))
    assert (kept_of(kept), kept._bytes) == (["c", "d"], 70)
    kept.add("e", image(101))  # what fits nowhere is not kept, and drops nothing
    assert (kept_of(kept), kept._bytes) == (["c", "d"], 70)
    kept.add("f", image(100))
    assert kept_of(kept) == ["f"]


class Held(Prompter):
    """A prompter that encodes only once it is let go."""

    def __init__(self, folder: Path) -> None:
        super().__init__(write_pointing(folder), threads=1)
        self.let_go = threading.Event()
        self.alone: list[bool] = []

    def encode(self, image: Prepared, alone: bool = False) -> Encoded:
        self.alone.append(alone)
        assert self.let_go.wait(60)
        return super().encode(image, alone)


@pytest.fixture
def held(tmp_path: Path) -> Held:
    return Held(tmp_path / "bundle")


def told(held: Held, story: Any, **settings: int) -> Any:
    async def whole() -> Any:
        embeddings = Embeddings(held, ServeSettings(**{"threads": 2, **settings}))
        try:
            return await story(embeddings)
        finally:
            held.let_go.set()
            embeddings.close()

    return asyncio.run(whole())


async def begun(work: Coroutine[Any, Any, Any], held: Held, encodings: int) -> asyncio.Task[Any]:
    """The work as a task, once so many encodings have begun."""
    task = asyncio.ensure_future(work)
    while len(held.alone) < encodings:
        await asyncio.sleep(0)
    return task


def test_the_same_new_image_is_encoded_once_for_all_who_wait(held: Held) -> None:
    async def story(embeddings: Embeddings) -> tuple[list[Any], list[Any]]:
        first = await begun(embeddings.encoded(RED), held, 1)
        image_id = next(iter(embeddings._coming))
        others = [asyncio.ensure_future(embeddings.encoded(RED)) for _ in range(3)]
        by_name = asyncio.ensure_future(embeddings.known(image_id))
        # One thread computes the hashes, in order: after this they are all known, and the others wait.
        await asyncio.get_running_loop().run_in_executor(embeddings._answering, lambda: None)
        held.let_go.set()
        answers = [await first, *[await other for other in others]]
        assert embeddings._coming == {}
        return answers, [await by_name, await embeddings.known(image_id)]

    answers, by_name = told(held, story, threads=1)
    assert len(held.alone) == 1
    assert [new for _, _, new in answers] == [True, False, False, False]
    assert len({id(found) for found in [*(found for _, found, _ in answers), *by_name]}) == 1


def test_a_prompt_does_not_wait_for_the_encoder(held: Held) -> None:
    async def story(embeddings: Embeddings) -> float:
        held.let_go.set()
        _, known, _ = await embeddings.encoded(RED)
        held.let_go.clear()
        busy = [await begun(embeddings.encoded(data), held, n) for n, data in ((2, GREEN), (3, BLUE))]
        share = (await embeddings.answer(known, POINT)).share  # both threads of the encoder are held
        assert not any(task.done() for task in busy)
        held.let_go.set()
        await asyncio.gather(*busy)
        return share

    assert told(held, story) == 1.0


def test_a_lone_image_has_all_cores_and_several_have_one_each(held: Held) -> None:
    async def story(embeddings: Embeddings) -> None:
        first = await begun(embeddings.encoded(RED), held, 1)
        second = await begun(embeddings.encoded(GREEN), held, 2)
        held.let_go.set()
        await asyncio.gather(first, second)
        await embeddings.encoded(BLUE)

    told(held, story)
    assert held.alone == [True, False, True]


@pytest.mark.parametrize("who", [0, 1], ids=["who sent it first", "who sent it later"])
def test_a_client_that_goes_away_takes_nobody_with_it(held: Held, who: int) -> None:
    async def story(embeddings: Embeddings) -> Encoded:
        first = await begun(embeddings.encoded(RED), held, 1)
        image_id = next(iter(embeddings._coming))
        leaver = [first, asyncio.ensure_future(embeddings.known(image_id))][who]
        stayer = asyncio.ensure_future(embeddings.known(image_id))
        await asyncio.sleep(0)  # all wait
        leaver.cancel()
        await asyncio.sleep(0)
        held.let_go.set()
        found = await stayer
        assert leaver.cancelled() and found is not None
        assert await embeddings.known(image_id) is found
        return found

    assert told(held, story).image.height == 16


def test_a_bad_image_leaves_nothing_behind(held: Held) -> None:
    async def story(embeddings: Embeddings) -> None:
        for _ in range(2):
            with pytest.raises(ImageFault):
                await embeddings.encoded(b"<html>")
            assert embeddings._coming == {} and kept_of(embeddings._kept) == []

    told(held, story)
    assert held.alone == []


def test_above_the_queue_a_request_is_refused_and_room_comes_back(held: Held) -> None:
    async def story(embeddings: Embeddings) -> Refusal:
        with embeddings.room(), embeddings.room(), pytest.raises(Refusal) as refused, embeddings.room():
            pass
        with embeddings.room():
            return refused.value

    refusal = told(held, story, queue=2)
    assert (refusal.status_code, refusal.headers) == (503, {"retry-after": "1"})
