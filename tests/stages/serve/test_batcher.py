"""Shared batches, the bounded queue, and clients that go away; the model waits until the test lets it continue.

Two threads: one is held by the first image's run, the other decodes and is then held by a run of its own, whose
size depends on how quickly the loop heard of the last decoded image.
"""

import asyncio
import threading
from functools import partial
from pathlib import Path

import pytest

from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.web.refusals import Refusal
from pupila.imaging.images.decode import Array, ImageFault
from pupila.stages.serve.batcher import Batcher
from pupila.stages.serve.settings import ServeSettings
from pupila.tasks.classify import ClassPrediction
from tests.colours import plain, write_colours
from tests.pictures import encoded

SETTINGS = ServeSettings(threads=2, max_batch_size=16)
RED, GREEN = encoded(plain(255, 0, 0)), encoded(plain(0, 255, 0))


class Held(Predictor):
    """A predictor whose model answers only once it is let go."""

    def __init__(self, folder: Path) -> None:
        super().__init__(write_colours(folder))
        self.let_go = threading.Event()
        self.sizes: list[int] = []
        self.all_cores: list[bool] = []

    def logits(self, pixels: Array, all_cores: bool = False) -> Array:
        self.sizes.append(len(pixels))
        self.all_cores.append(all_cores)
        assert self.let_go.wait(60)
        return super().logits(pixels, all_cores)


@pytest.fixture
def held(tmp_path: Path) -> Held:
    return Held(tmp_path / "bundle")


async def until(batcher: Batcher, model: Held, decoded: int) -> None:
    """Until so many images are decoded: they wait, or the model has taken them."""
    while len(batcher._waiting) + sum(model.sizes) < decoded:
        await asyncio.sleep(0)


async def ask(batcher: Batcher, images: list[bytes]) -> list[ClassPrediction | BaseException]:
    """The predictions of one request, as the routes ask for them."""
    with batcher.queue.reserve(len(images)):
        return await batcher.predict([partial(bytes, data) for data in images])


def names(predictions: list[ClassPrediction | BaseException]) -> list[str]:
    return [a.prediction if isinstance(a, ClassPrediction) else type(a).__name__ for a in predictions]


def test_what_arrives_while_the_model_is_busy_makes_one_batch(held: Held) -> None:
    async def scenario() -> list[list[ClassPrediction | BaseException]]:
        batcher = Batcher(held, SETTINGS)
        first = asyncio.ensure_future(ask(batcher, [RED]))
        await until(batcher, held, 1)
        others = [asyncio.ensure_future(ask(batcher, [GREEN, b"", RED])) for _ in range(3)]
        await until(batcher, held, 7)
        held.let_go.set()
        body = [await first, *[await other for other in others]]
        batcher.close()
        return body

    first, *others = asyncio.run(scenario())
    assert sum(held.sizes) == 7 and held.sizes[0] == 1
    assert len(held.sizes) < 5  # three requests' images shared runs
    assert names(first) == ["red"]
    for body in others:
        assert names(body) == ["green", "ImageFault", "red"]


def test_a_batch_is_never_larger_than_it_may_be(held: Held) -> None:
    async def scenario() -> None:
        batcher = Batcher(held, ServeSettings(threads=2, max_batch_size=4))
        work = asyncio.ensure_future(ask(batcher, [RED]))
        await until(batcher, held, 1)
        more = asyncio.ensure_future(ask(batcher, [GREEN] * 10))
        await until(batcher, held, 11)
        held.let_go.set()
        await asyncio.gather(work, more)
        batcher.close()

    asyncio.run(scenario())
    assert sum(held.sizes) == 11 and max(held.sizes) == 4


def test_above_the_queue_a_request_is_refused_whole_and_room_comes_back(held: Held) -> None:
    async def scenario() -> tuple[Refusal, list[ClassPrediction | BaseException]]:
        batcher = Batcher(held, ServeSettings(threads=2, max_batch_size=16, queue=4))
        waiting = [asyncio.ensure_future(ask(batcher, [RED, RED])) for _ in range(2)]
        await until(batcher, held, 4)
        with pytest.raises(Refusal) as refused:
            await ask(batcher, [GREEN])
        held.let_go.set()
        await asyncio.gather(*waiting)
        body = await ask(batcher, [GREEN] * 4)
        batcher.close()
        return refused.value, body

    refusal, body = asyncio.run(scenario())
    assert (refusal.status_code, refusal.headers) == (503, {"retry-after": "1"})
    assert names(body) == ["green"] * 4


def test_a_client_that_goes_away_takes_nobody_with_it(held: Held) -> None:
    async def scenario() -> list[ClassPrediction | BaseException]:
        batcher = Batcher(held, SETTINGS)
        first = asyncio.ensure_future(ask(batcher, [RED]))
        await until(batcher, held, 1)
        leaver, stayer = (asyncio.ensure_future(ask(batcher, [GREEN])) for _ in range(2))
        await until(batcher, held, 3)
        leaver.cancel()
        held.let_go.set()
        await first
        body = await stayer
        assert batcher.queue.open == 0
        batcher.close()
        return body

    assert names(asyncio.run(scenario())) == ["green"]


def test_a_fault_of_the_runtime_belongs_to_its_batch_alone(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> tuple[
        list[ClassPrediction | BaseException], list[ClassPrediction | BaseException]
    ]:
        batcher = Batcher(held, SETTINGS)
        held.let_go.set()
        with monkeypatch.context() as broken:
            broken.setattr(held, "logits", lambda pixels, all_cores: 1 / 0)
            failed = await ask(batcher, [RED])
        body = await ask(batcher, [RED])
        batcher.close()
        return failed, body

    failed, body = asyncio.run(scenario())
    assert names(failed) == ["ZeroDivisionError"]
    assert names(body) == ["red"]


def test_only_a_bad_image_is_no_work_for_the_model(held: Held) -> None:
    async def scenario() -> list[ClassPrediction | BaseException]:
        batcher = Batcher(held, SETTINGS)
        body = await ask(batcher, [b"no image"])
        batcher.close()
        return body

    (fault,) = asyncio.run(scenario())
    assert isinstance(fault, ImageFault)
    assert held.sizes == []


def test_a_lone_image_has_all_cores_and_several_have_one_each(held: Held) -> None:
    async def scenario() -> None:
        batcher = Batcher(held, SETTINGS)
        held.let_go.set()
        await ask(batcher, [RED])
        await ask(batcher, [GREEN, RED])
        batcher.close()

    asyncio.run(scenario())
    assert held.all_cores[0] and not any(held.all_cores[1:])
