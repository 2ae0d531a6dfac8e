"""The memory that all requests share for decoding: an image waits for it, and its request is refused in the end."""

import asyncio
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.web.app import App
from pupila.artifacts.web.refusals import Refusal
from pupila.imaging.images.budget import budget, set_decode_memory
from pupila.imaging.images.decode import ImageFault
from pupila.stages.serve.app import make_service
from pupila.stages.serve.batcher import Batcher
from pupila.stages.serve.settings import ServeSettings
from pupila.stages.serve.uploads import image_refused
from tests.colours import plain, write_colours
from tests.imaging.images.bombs import saved, tiff, tiled
from tests.pictures import encoded

PLAIN = encoded(plain(255, 0, 0))


@pytest.fixture(autouse=True)
def usual_memory() -> Iterator[None]:
    yield
    set_decode_memory(None)


@pytest.fixture(scope="module")
def batcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Batcher]:
    served = Batcher(
        Predictor(write_colours(tmp_path_factory.mktemp("memory") / "bundle")), ServeSettings(threads=2)
    )
    yield served
    served.close()


def test_an_image_that_gets_no_memory_in_time_is_refused_for_now(batcher: Batcher) -> None:
    set_decode_memory(1_000_000_000, strict=True, patience=0.0)
    others = budget().take(1_000_000_000)
    (fault,) = asyncio.run(batcher.predict([lambda: PLAIN]))
    assert isinstance(fault, Refusal)
    assert fault.status_code == 503
    assert fault.headers is not None
    assert int(fault.headers["retry-after"]) > 0
    budget().give_back(others)
    (prediction,) = asyncio.run(batcher.predict([lambda: PLAIN]))
    assert not isinstance(prediction, BaseException)
    assert budget().taken == 0


def test_an_image_waits_for_memory_that_is_freed(batcher: Batcher) -> None:
    set_decode_memory(1_000_000_000, strict=True, patience=60.0)
    others = budget().take(1_000_000_000)

    async def predict() -> list[object]:
        waiting = asyncio.create_task(batcher.predict([lambda: PLAIN]))
        while not budget().waiting:
            await asyncio.sleep(0)
        budget().give_back(others)
        return list(await waiting)

    (prediction,) = asyncio.run(predict())
    assert not isinstance(prediction, BaseException)


@pytest.mark.parametrize("data", [saved("PNG", 400), tiff(tiled(64, 60_000)), tiff(tiled(64, 2**31))])
def test_an_image_that_takes_more_than_there_is_gets_a_413(batcher: Batcher, data: bytes) -> None:
    set_decode_memory(1_000_000, strict=True, patience=60.0)
    (fault,) = asyncio.run(batcher.predict([lambda: data]))
    assert isinstance(fault, ImageFault)
    assert image_refused(fault).status_code == 413


async def send_batch(app: App, files: int, file: bytes) -> int:
    """The status of the answer to a batch whose form arrives in small pieces."""
    head = b'--m\r\nContent-Disposition: form-data; name="files"; filename="a.bmp"\r\n\r\n'
    pieces = (piece for _ in range(files) for piece in (head, *cut(file), b"\r\n"))
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        piece = next(pieces, b"")
        return {"type": "http.request", "body": piece or b"--m--\r\n", "more_body": bool(piece)}

    async def collect(message: Any) -> None:
        statuses.append(message.get("status", 0))

    headers = [(b"content-type", b"multipart/form-data; boundary=m")]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/predict/batch",
        "query_string": b"",
        "headers": headers,
    }
    await app(scope, receive, collect)
    return statuses[0]


def cut(data: bytes) -> Iterator[bytes]:
    """The data in pieces of 64 KB."""
    return (data[start : start + 65_536] for start in range(0, len(data), 65_536))


def test_the_files_of_a_batch_are_in_memory_one_after_the_other(tmp_path: Path) -> None:
    app = make_service(write_colours(tmp_path / "bundle"), ServeSettings(threads=1))
    file = encoded(plain(255, 0, 0, side=800), "BMP")
    assert len(file) > 1_900_000
    asyncio.run(send_batch(app, 1, file))
    tracemalloc.start()
    try:
        assert asyncio.run(send_batch(app, 20, file)) == 200
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000  # 38 MB where all are read before the first is decoded


def test_a_service_sets_the_memory_of_its_process(tmp_path: Path) -> None:
    make_service(write_colours(tmp_path / "bundle"), ServeSettings(threads=1, max_decode_memory=123_456_789))
    assert (budget().total, budget().strict) == (123_456_789, True)
    assert budget().patience is not None
