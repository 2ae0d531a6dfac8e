"""A client of a real service: its results are those of `pupila.predict`, in threads and in an event loop."""

import asyncio
import contextlib
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pupila
from pupila.api.predictions import Prediction
from pupila.artifacts.web.tokens import add_token
from pupila.core.errors import PupilaError
from pupila.learning.models.settings import ClassifierSettings
from tests.artifacts.web.scripted import response, run_scripted
from tests.colours import plain, write_colours, write_labelled, write_painted, write_pointing
from tests.pictures import encoded, photo
from tests.untrained import draw_network, write_network

TOKEN = "open-sesame"
PHOTO = photo(5, 30, 22)
RED = plain(255, 0, 0)
WRITERS: dict[str, Callable[..., Any]] = {
    "classify": write_colours, "multilabel": write_labelled, "segment": write_painted, "prompt": write_pointing,
}  # fmt: skip


class Waiting:
    """An `AsyncClient` whose calls are awaited, so that both clients have the same tests."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._runner = asyncio.Runner()
        self._client = pupila.AsyncClient(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: self._runner.run(getattr(self._client, name)(*args, **kwargs))

    def __enter__(self) -> "Waiting":
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._client.close())
        self._runner.close()


@pytest.fixture(scope="module", params=sorted(WRITERS))
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str, str]]:
    """Task, folder and address of a service of each task."""
    bundle = WRITERS[request.param](tmp_path_factory.mktemp(request.param) / "bundle")
    with pupila.serve(bundle.folder) as service:
        yield request.param, bundle.folder, service.url


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service of classes that takes three images a request."""
    bundle = write_colours(tmp_path_factory.mktemp("colours") / "bundle", scale=4)
    with pupila.serve(bundle.folder, max_files=3, max_bytes=20_000) as service:
        yield service.url


@pytest.fixture(params=[pupila.Client, Waiting])
def connect(request: pytest.FixtureRequest) -> Callable[..., Any]:
    client_class: Callable[..., Any] = request.param
    return client_class


def assert_same(mine: Prediction, expected: Prediction) -> None:
    assert json.dumps(mine.as_dict()) == json.dumps(expected.as_dict())
    assert (type(mine.value), str(mine)) == (type(expected.value), str(expected))
    if hasattr(expected.value, "mask"):
        assert mine.mask.dtype == np.uint8
        assert np.array_equal(mine.mask, expected.mask)


def test_results_are_those_of_predict_to_the_last_digit(
    served: tuple[str, str, str], connect: Callable[..., Any]
) -> None:
    task, folder, url = served
    checked = 0
    with connect(url) as client:
        for image in (PHOTO, RED, encoded(PHOTO, "JPEG")):
            if task == "prompt":
                prompt = {"points": [(5, 6), (7, 8)], "negatives": [(12, 3)], "box": (1, 2, 14.5, 15)}
                for some in (prompt, {"box": (2, 3, 14, 15)}):
                    assert_same(client.segment(image, **some), pupila.predict(folder, image, **some)[0])
            else:
                mine, expected = client.predict(image), pupila.predict(folder, image)[0]
                assert_same(mine, expected)
                assert mine.plot().size == expected.plot().size
                several = client.predict_batch([image, RED])
                for mine, expected in zip(several, pupila.predict(folder, [image, RED]), strict=True):
                    assert_same(mine, expected)
            checked += 1
    assert checked == 3


def test_every_kind_of_image_is_sent(colours: str, connect: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "röt 1.png"
    path.write_bytes(encoded(RED))
    file = io.BytesIO(encoded(RED))
    images = [path, str(path), encoded(RED), bytearray(encoded(RED)), file, Image.fromarray(RED), RED]
    with connect(colours) as client:
        for image in images:
            result = client.predict(image)
            assert result.prediction == "red"
            assert result.pixels().shape == (16, 16, 3)
        assert client.predict(path).image == str(path)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("https://example.org/a.jpg", r"(?s)no addresses: found https://\.\.\.; .*download the image"),
        (io.StringIO("x"), r'found a file that is open as text; (?s:.*)open\(path, "rb"\)'),
        (3, "Can't send this: found int; expected a path"),
        (np.zeros((4, 4, 3), np.float32), "Not an image"),
        ("missing.png", "Can't read missing.png"),
        ("", "Not a path"),
    ],
)  # fmt: skip
def test_what_is_no_image_is_refused_before_it_is_sent(colours: str, image: Any, message: str) -> None:
    with pupila.Client(colours) as client, pytest.raises(PupilaError, match=message):
        client.predict(image)


def test_one_bad_image_never_stops_the_others_and_the_order_stays(
    colours: str, connect: Callable[..., Any]
) -> None:
    colour = [plain(*row) for row in np.eye(3, dtype=int) * 255]
    noise = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)  # 30 kB as PNG
    images: list[Any] = [colour[number % 3] for number in range(40)]
    bad = {3: b"no image", 7: "missing.png", 20: "http://x/y.png", 33: noise, 34: 5}
    for at, image in bad.items():
        images[at] = image
    with connect(colours) as client:
        results = client.predict_batch(images)
    assert len(results) == 40
    assert [at for at, result in enumerate(results) if result.fault] == [*bad]
    for at, result in enumerate(results):
        if at not in bad:
            assert result.prediction == ("red", "green", "blue")[at % 3]
    assert [getattr(results[at].fault, "code", "") for at in bad] == ["not-an-image", "", "", "oversized", ""]
    assert (results[7].image, results[5].image) == ("missing.png", "image 5")
    with pytest.raises(PupilaError, match="no prediction"):
        _ = results[3].prediction


def test_images_that_are_too_large_together_are_sent_apart(tmp_path: Path) -> None:
    noise = [np.random.default_rng(at).integers(0, 256, (100, 100, 3), np.uint8) for at in range(4)]
    bundle = write_colours(tmp_path / "bundle")
    with (
        pupila.serve(bundle.folder, max_files=2, max_bytes=40_000) as service,
        pupila.Client(service.url) as client,
    ):
        assert [str(each) for each in client.predict_batch(noise)] == [
            str(each) for each in pupila.predict(bundle.folder, noise)
        ]


def test_an_empty_batch_is_empty_and_one_image_is_no_batch(colours: str) -> None:
    with pupila.Client(colours) as client:
        assert len(client.predict_batch([])) == 0
        assert [each.prediction for each in client.predict_batch(np.stack([RED, RED]))] == ["red", "red"]
        for image in ("a.png", b"x", io.BytesIO()):
            with pytest.raises(PupilaError, match=r"Expected several images.*list"):
                client.predict_batch(image)


def test_a_prompt_again_without_sending_the_image(tmp_path: Path, connect: Callable[..., Any]) -> None:
    bundle = write_pointing(tmp_path / "bundle")
    with pupila.serve(bundle.folder) as service, connect(service.url) as client:
        first = client.segment(PHOTO, points=[(3, 4)])
        again = client.segment(image_id=first.image_id, points=[(3, 4)])
        assert (first.encoded, again.encoded) == (True, False)
        assert np.array_equal(first.mask, again.mask)
        with pytest.raises(pupila.ServiceError, match=r"(?s)Unknown image_id.*HTTP 404, request \w+"):
            client.segment(image_id="0" * 64, points=[(3, 4)])
        with pytest.raises(PupilaError, match="found both image and image_id"):
            client.segment(PHOTO, image_id="x", points=[(3, 4)])
        with pytest.raises(PupilaError, match="found no point and no box"):
            client.segment(PHOTO)
        with pytest.raises(PupilaError, match="needs a prompt"):
            client.predict(PHOTO)
        with pytest.raises(PupilaError, match="needs a prompt"):
            client.predict_batch([PHOTO])


def test_health_and_info_and_a_model_without_prompts_or_maps(
    colours: str, connect: Callable[..., Any]
) -> None:
    with connect(colours) as client:
        health, info = client.health(), client.info()
        assert (health.status, health.model_version) == ("ok", info.model_version)
        assert (client.ready().status, client.ready().reason) == ("ready", None)
        with pytest.raises(pupila.ServiceError, match="404"):
            client.drift()  # of a service that records nothing
        assert (info.task, info.classes) == ("classify", ["red", "green", "blue"])
        assert info.architecture["name"] == "colours"  # what only the bundle has
        with pytest.raises(PupilaError, match="takes no prompts"):
            client.segment(RED, points=[(1, 1)])
        for predict, images in ((client.predict, RED), (client.predict_batch, [RED])):
            with pytest.raises(pupila.ServiceError, match="can't explain this model") as fault:
                predict(images, explain=True)
            assert (fault.value.status, len(fault.value.request_id)) == (422, 32)
        assert client.predict(RED).explanation is None


def test_heat_maps_come_where_they_are_requested(tmp_path: Path) -> None:
    settings = ClassifierSettings(weights="none", model="test_efficientnet", head="linear")
    bundle = write_network(tmp_path / "bundle", draw_network("classify", settings, 64, seed=3))
    with pupila.serve(bundle) as service, pupila.Client(service.url) as client:
        single, (item,) = client.predict(PHOTO, explain=True), client.predict_batch([PHOTO], explain=True)
    for result in (single, item):
        (heat_map,) = result.explanation.maps
        assert heat_map.label == result.prediction
        assert np.array(heat_map.values).shape == (2, 2)


def test_a_service_of_another_task_or_of_another_kind_is_an_error() -> None:
    info = {"task": "caption", "classes": [], "model_version": "x"}
    with (
        run_scripted(response(200, json.dumps(info).encode()), response(200, b"<html>")) as server,
        pupila.Client(server.url) as client,
    ):
        with pytest.raises(
            PupilaError, match=r"can't read the service's task: found caption; expected classify, "
        ):
            client.predict(RED)
        with pytest.raises(pupila.ServiceError, match=r"The response can't be read: found Invalid JSON"):
            client.health()


def test_the_token_comes_from_the_argument_the_environment_or_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text(f"\n {TOKEN}-file \n")
    sent = []
    for setting, value, argument in (
        ("PUPILA_TOKEN", f"{TOKEN}-env", None), ("PUPILA_TOKEN_FILE", str(file), None),
        ("PUPILA_TOKEN", "other", f"{TOKEN}-given"), ("UNUSED", "", None),
    ):  # fmt: skip
        with monkeypatch.context() as patch, run_scripted(response(200, b'{"status": "ok"}')) as server:
            patch.setenv(setting, value)
            with pupila.Client(server.url, argument) as client:
                client.health()
                assert TOKEN not in repr(client) + repr(vars(client)) + str(client.summary())
            sent += [
                line.split()[-1].decode()
                for line in server.requests[0][1].split(b"\r\n")
                if b"Bearer" in line
            ]
    assert sent == [f"{TOKEN}-env", f"{TOKEN}-file", f"{TOKEN}-given"]


def test_a_service_with_tokens_takes_the_right_one(tmp_path: Path, connect: Callable[..., Any]) -> None:
    bundle, tokens = write_colours(tmp_path / "bundle"), str(tmp_path / "tokens.json")
    _, secret = add_token(tokens, ["predict"], None, None, "a test")
    _, other = add_token(tokens, ["feedback"], None, None, "a test")
    with pupila.serve(bundle.folder, tokens=tokens) as service:
        with connect(service.url, secret) as client:
            assert client.predict(RED).prediction == "red"
        for token, status, reason in ((None, 401, "unauthenticated"), (other, 403, "forbidden")):
            with connect(service.url, token) as client, pytest.raises(pupila.ServiceError) as fault:
                client.predict(RED)
            assert (fault.value.status, fault.value.reason) == (status, reason)
            assert fault.value.request_id
            assert other not in str(fault.value)


def test_what_is_no_address_is_refused() -> None:
    for address, shown in ((None, "None"), ("localhost:8000", "localhost:8000")):
        with pytest.raises(PupilaError, match=f"Not the address of a service: found {shown}"):
            pupila.Client(address)  # type: ignore[arg-type]


def test_errors_and_logs_never_have_the_token(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    body = json.dumps({"error": f"Unknown token {TOKEN}"}).encode()
    with run_scripted(response(401, body)) as server, pupila.Client(server.url, TOKEN) as client:
        with pytest.raises(pupila.ServiceError) as fault:
            client.health()
        assert str(fault.value) == "Unknown token ***.\n  HTTP 401"
    with (
        contextlib.suppress(pupila.ServiceUnreachable),
        pupila.Client(server.url, TOKEN, retries=0) as client,
    ):
        client.health()
    assert TOKEN not in caplog.text
    with pytest.raises(PupilaError, match="characters that no HTTP header") as refused:
        pupila.Client("http://127.0.0.1", f"{TOKEN}\n{TOKEN}")
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize("body", [b'{"error": "Queue full"}', b'{"status": "error"}', b"<html>", b"[]"])
def test_a_503_that_is_no_state_of_a_service_is_an_error_of_health(body: bytes) -> None:
    with run_scripted(response(503, body)) as server, pupila.Client(server.url, retries=0) as client:
        with pytest.raises(pupila.ServiceError) as fault:
            client.health()
        assert fault.value.status == 503
