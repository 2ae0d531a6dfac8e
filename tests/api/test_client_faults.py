"""A client of a service that fails, or is hostile or broken: usable results, and a `PupilaError` for the rest."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pupila
from pupila.core.errors import PupilaError
from pupila.imaging.regions import to_rle
from tests.api.test_client import PHOTO, RED, TOKEN, Waiting
from tests.artifacts.web.scripted import CLOSE, response, run_scripted
from tests.pictures import encoded

COMMON = {"confidence": 1, "abstained": False, "processing_time": 0, "model_version": "x", "request_id": "r"}
CLASS = {**COMMON, "prediction": "red", "probabilities": {"red": 1}}
BUSY = response(429, b'{"error": "Too many requests"}')
HEIGHT, WIDTH = PHOTO.shape[:2]


@pytest.fixture(params=[pupila.Client, Waiting])
def connect(request: pytest.FixtureRequest) -> Callable[..., Any]:
    client_class: Callable[..., Any] = request.param
    return client_class


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of one image, one after the other."""
    monkeypatch.setattr("pupila.api.client_calls.BATCH", 1)
    monkeypatch.setattr("pupila.api.client_calls.AT_ONCE", 1)


def sent(content: Any) -> bytes:
    return response(200, json.dumps(content).encode())


def info(task: str) -> bytes:
    return sent({"task": task, "classes": ["red"], "model_version": "x"})


def batch(*items: dict[str, Any]) -> bytes:
    rows = [{"file": "a", **item} for item in items]
    return sent({"items": rows, "processing_time": 0, "model_version": "x", "request_id": "r"})


@pytest.mark.usefixtures("one_by_one")
def test_a_request_that_fails_is_the_fault_of_its_images_alone(connect: Callable[..., Any]) -> None:
    good = batch({"result": CLASS})
    with (
        run_scripted(info("classify"), good, BUSY, CLOSE, batch({}), good) as server,
        connect(server.url, retries=0) as client,
    ):
        results = client.predict_batch([RED] * 5)
    assert [result.fault is None for result in results] == [True, False, False, False, True]
    assert results[4].prediction == "red"
    assert [str(result.fault).partition(":")[0].splitlines()[0] for result in results[1:4]] == [
        "Too many requests.", "Can't reach the service at http", "The response can't be read",
    ]  # fmt: skip
    assert results[1].fault.status == 429
    assert [result.image for result in results.failed] == ["image 1", "image 2", "image 3"]


@pytest.mark.usefixtures("one_by_one")
def test_where_every_request_fails_the_batch_does(connect: Callable[..., Any]) -> None:
    with (
        run_scripted(info("classify"), BUSY, CLOSE) as server,
        connect(server.url, retries=0) as client,
        pytest.raises(pupila.ServiceError, match="Too many requests"),
    ):
        client.predict_batch([RED, "missing.png", RED])
    assert len(server.requests) == 3


def test_the_half_of_a_request_that_succeeds_is_given(connect: Callable[..., Any]) -> None:
    with (
        run_scripted(info("classify"), response(413), batch({"result": CLASS}), BUSY) as server,
        connect(server.url, retries=0) as client,
    ):
        first, second = client.predict_batch([RED, RED])
    assert (first.prediction, second.fault.status) == ("red", 429)


def test_the_fault_of_an_image_never_has_the_token() -> None:
    error = {"code": TOKEN, "reason": f"{TOKEN}\x1b"}
    with (
        run_scripted(info("classify"), batch({"error": error})) as server,
        pupila.Client(server.url, TOKEN) as client,
    ):
        fault: Any = client.predict_batch([RED])[0].fault
    assert (fault.code, fault.reason) == ("***", "***\\u001b")


def test_the_task_is_requested_once_by_calls_at_the_same_time() -> None:
    async def predict(url: str, count: int) -> list[Any]:
        async with pupila.AsyncClient(url, retries=0) as client:
            calls = [client.predict(RED) for _ in range(count)]
            return await asyncio.gather(*calls, return_exceptions=True)

    with run_scripted(info("classify"), *[sent(CLASS)] * 3) as server:
        assert [result.prediction for result in asyncio.run(predict(server.url, 3))] == ["red"] * 3
    assert [head.split()[0] for _, head, _ in server.requests] == [b"GET", b"POST", b"POST", b"POST"]
    with run_scripted(CLOSE) as server:  # calls that waited for it have its failure
        results = asyncio.run(predict(server.url, 3))
    assert [type(result) for result in results] == [pupila.ServiceUnreachable] * 3
    assert len(server.requests) == 1


def test_info_and_a_failure_before_are_no_reason_to_request_the_task_again(
    connect: Callable[..., Any],
) -> None:
    with (
        run_scripted(CLOSE, info("classify"), sent(CLASS), sent(CLASS)) as server,
        connect(server.url, retries=0) as client,
    ):
        with pytest.raises(pupila.ServiceUnreachable):
            client.predict(RED)
        client.info()
        assert [client.predict(RED).prediction for _ in range(2)] == ["red", "red"]
    assert len(server.requests) == 4


def test_a_call_after_the_end_is_an_error(connect: Callable[..., Any]) -> None:
    with run_scripted(info("classify"), sent(CLASS)) as server:
        client = pupila.Client(server.url)
        client.predict(RED)
        client.close()
        for call in (
            client.health,
            client.info,
            lambda: client.predict(RED),
            lambda: client.predict_batch([]),
        ):
            with pytest.raises(PupilaError, match=r"The client is closed(?s:.*)build a new client"):
                call()

    async def twice() -> None:
        client = pupila.AsyncClient(server.url)
        await client.close()
        for call in (client.health(), client.predict(RED), client.predict_batch([RED])):
            with pytest.raises(PupilaError, match="The client is closed"):
                await call

    asyncio.run(twice())


def mask(height: int, width: int, **masks: Any) -> dict[str, Any]:
    return {**COMMON, "height": height, "width": width, "shares": dict.fromkeys(masks, 0.5), "masks": masks}


WHOLE = to_rle(np.ones((HEIGHT, WIDTH), bool))
DOT = to_rle(np.ones((1, 1), bool))
BROKEN = {
    "large": (mask(60_000, 60_000, a=DOT), f"60000 x 60000 pixels for an image of {WIDTH} x {HEIGHT}"),
    "negative": (mask(-HEIGHT, -WIDTH, a={"size": [-HEIGHT, -WIDTH], "counts": WHOLE["counts"]}), "-30 x -22 pixels"),
    "turned": (mask(WIDTH, HEIGHT, a=WHOLE), f"{HEIGHT} x {WIDTH} pixels for"),
    "another mask": (mask(HEIGHT, WIDTH, a=DOT), f"a mask of 1 x 1 pixels for an image of {WIDTH} x {HEIGHT}"),
    "short": (mask(HEIGHT, WIDTH, a={"size": [HEIGHT, WIDTH], "counts": "2"}), "run lengths of 2 pixels"),
    "no runs": (mask(HEIGHT, WIDTH, a={"size": [HEIGHT, WIDTH], "counts": "é"}), "not run lengths"),
    "no mask": ({**mask(HEIGHT, WIDTH, a=WHOLE), "masks": {}}, "masks of other classes than the shares"),
    "classes": (mask(HEIGHT, WIDTH, **{f"c{at}": WHOLE for at in range(256)}), "more classes than 255"),
    "not finite": ({**mask(HEIGHT, WIDTH, a=WHOLE), "confidence": float("nan")}, "confidence"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_mask_that_does_not_fit_is_an_error(name: str) -> None:
    content, message = BROKEN[name]
    with (
        run_scripted(info("segment"), sent(content), batch({"result": content})) as server,
        pupila.Client(server.url) as client,
    ):
        for predict, images in ((client.predict, PHOTO), (client.predict_batch, [PHOTO])):
            with pytest.raises(pupila.ServiceError, match=f"The response can't be read: found .*{message}"):
                predict(images)


@pytest.mark.parametrize("name", ["large", "negative", "another mask", "short", "no runs"])
def test_a_mask_for_a_prompt_that_does_not_fit_is_an_error(name: str) -> None:
    content = {**BROKEN[name][0], "image_id": "i", "predicted_iou": 1, "share": 1, "encoded": True}
    content["mask"] = content["masks"]["a"]
    with run_scripted(info("prompt"), *[sent(content)] * 2) as server, pupila.Client(server.url) as client:
        for given in ({"image": PHOTO}, {"image_id": "i"}):
            with pytest.raises(pupila.ServiceError, match="The response can't be read: found "):
                client.segment(points=[(1, 1)], **given)


def test_the_size_of_a_file_that_only_the_service_can_read_is_bounded() -> None:
    whole = mask(HEIGHT, WIDTH, a=WHOLE)
    with (
        run_scripted(info("segment"), sent(whole), sent(BROKEN["large"][0])) as server,
        pupila.Client(server.url) as client,
    ):
        result = client.predict(b"a format of the service")
        assert result.mask.shape == (HEIGHT, WIDTH)
        assert repr(result)
        with pytest.raises(pupila.ServiceError, match=r"60000 x 60000 pixels; the limit is 178000000"):
            client.predict(b"a format of the service")


def test_a_mask_has_the_size_of_the_upright_photo() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the orientation: a quarter turn
    turned = encoded(PHOTO, "JPEG", exif=exif)
    runs = to_rle(np.ones((WIDTH, HEIGHT), bool))
    with (
        run_scripted(info("segment"), sent(mask(WIDTH, HEIGHT, a=runs))) as server,
        pupila.Client(server.url) as client,
    ):
        result = client.predict(turned)
    assert result.mask.shape == result.pixels().shape[:2] == (WIDTH, HEIGHT)
    assert repr(result)


def test_heat_maps_of_another_size_are_an_error() -> None:
    explanation = {"maps": [], "limit": 0, "box": [0, 0, 1, 1], "height": 1, "width": 1}
    with (
        run_scripted(info("classify"), sent({**CLASS, "explanation": explanation})) as server,
        pupila.Client(server.url) as client,
        pytest.raises(pupila.ServiceError, match="1 x 1 pixels for an image of"),
    ):
        client.predict(PHOTO, explain=True)


@pytest.mark.parametrize(("group", "actual"), [(5, "int"), ("x" * 201, "201 characters")])
def test_what_is_no_group_is_refused_before_anything_is_sent(group: Any, actual: str) -> None:
    client = pupila.Client("http://127.0.0.1:1", retries=0)
    calls: list[Callable[[], Any]] = [
        lambda: client.predict(RED, group=group),
        lambda: client.predict_batch([RED], group=group),
    ]
    for call in calls:
        with pytest.raises(
            PupilaError, match=f"Invalid group: found {actual}; expected a name of at most 200"
        ):
            call()


def test_a_refused_token_and_a_refused_connection_have_a_remedy_of_the_client() -> None:
    problem = {"type": "urn:pupila:unauthenticated", "error": "This needs a token", "remedy": "curl -H ..."}
    with (
        run_scripted(response(401, json.dumps(problem).encode())) as server,
        pupila.Client(server.url, retries=0) as client,
        pytest.raises(PupilaError, match="token=") as fault,
    ):
        client.info()
    assert "curl" not in str(fault.value)
    with (
        pupila.Client("http://127.0.0.1:1", retries=0) as client,
        pytest.raises(PupilaError, match="connection refused: no service runs there") as fault,
    ):
        client.info()
    assert "Errno" not in str(fault.value)
