"""What the service does not answer with a prediction: images above the queue, and predictions that are no numbers."""

import asyncio
import json
import pkgutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import pytest

import pupila
from pupila.artifacts.bundle.folder import read_bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.bundle.prompter import EncodedImage, Prompter
from pupila.imaging.images.decode import Array
from pupila.stages.serve import app as serve_app
from pupila.stages.serve.app import make_service
from pupila.stages.serve.batcher import Batcher
from pupila.stages.serve.settings import ServeSettings
from pupila.tasks.prompt import Prompt, PromptPrediction
from tests.colours import plain, write_colours, write_painted, write_pointing
from tests.pictures import encoded
from tests.stages.serve.test_metrics import scrape
from tests.stages.serve.test_segment import click
from tests.stages.serve.test_service import form, send_request

RED, GREEN = encoded(plain(255, 0, 0)), encoded(plain(0, 255, 0))


class Broken(Predictor):
    """A predictor whose model gives no number for green images."""

    def logits(self, pixels: Array, all_cores: bool = False) -> Array:
        logits = super().logits(pixels, all_cores)
        logits[logits.argmax(axis=1) == 1] = float("nan")
        return logits


def send(app: Any, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """Status and body of an app's answer, without a server."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def collect(message: Any) -> None:
        sent.append(message)

    named = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": named}
    asyncio.run(app(scope, receive, collect))
    return sent[0]["status"], json.loads(b"".join(message.get("body", b"") for message in sent[1:]))


def test_a_prediction_that_is_no_number_never_becomes_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve_app, "Predictor", Broken)
    app = make_service(read_bundle(write_colours(tmp_path / "bundle").folder), ServeSettings(threads=1))
    status, body = send(app, "/predict/single", *form(("a.png", GREEN)))
    assert (status, body["error"]) == (500, "The model's output is not a finite number")
    assert body["remedy"]
    status, body = send(app, "/predict/batch", *form(("a.png", RED), ("b.png", GREEN), field="files"))
    assert status == 200
    first, second = body["items"]
    assert first["result"]["prediction"] == "red" and first["error"] is None
    assert second["result"] is None and second["error"]["code"] == "not-finite"


def test_a_batch_above_the_queue_is_refused_before_its_files_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError("read")

    batchers: list[Batcher] = []
    create = Batcher.__init__

    def remember(self: Batcher, *given: Any) -> None:
        create(self, *given)
        batchers.append(self)

    monkeypatch.setattr(Batcher, "__init__", remember)
    monkeypatch.setattr(Batcher, "predict", never)
    app = make_service(
        read_bundle(write_colours(tmp_path / "bundle").folder), ServeSettings(threads=1, queue=4)
    )
    body, headers = form(*[("a.png", RED)] * 3, field="files")
    with batchers[0].queue.reserve(2):  # as if others were being predicted
        status, result = send(app, "/predict/batch", body, headers)
        assert (status, result["actual"]) == (503, "2 waiting images")
    with batchers[0].queue.reserve(4):  # full: not even the form is read
        assert send(app, "/predict/batch", b"", headers)[0] == 503


class Nowhere(Predictor):
    """A predictor whose model gives no numbers at all."""

    def logits(self, pixels: Array, all_cores: bool = False) -> Array:
        return super().logits(pixels, all_cores) * np.float32("nan")


class Numberless(Prompter):
    """A prompter whose confidence is no number."""

    def predict(self, image: EncodedImage, prompt: Prompt) -> PromptPrediction:
        return replace(super().predict(image, prompt), confidence=float("nan"))


@pytest.mark.parametrize(
    ("write", "path", "accept"),
    [
        (write_colours, "/predict/single", "*/*"), (write_colours, "/predict/batch", "*/*"),
        (write_painted, "/predict/single", "*/*"), (write_painted, "/predict/single", "image/png"),
        (write_pointing, "/segment", "*/*"), (write_pointing, "/segment", "image/png"),
    ],
)  # fmt: skip
def test_what_is_no_number_is_no_counted_prediction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Any, path: str, accept: str
) -> None:
    monkeypatch.setattr(serve_app, "Predictor", Nowhere)
    monkeypatch.setattr(serve_app, "Prompter", Numberless)
    with pupila.serve(write(tmp_path / "b").folder, threads=1) as service:
        address = service.url.removeprefix("http://")
        body, headers = form(("a.png", GREEN), field="files" if path == "/predict/batch" else "file")
        if path == "/segment":
            body, headers = click(GREEN, points="[[3,3]]")
        status, result, _ = send_request(address, "POST", path, body, {**headers, "Accept": accept})
        samples = scrape(address)
    assert (status, result.get("error")) in ((500, "The model's output is not a finite number"), (200, None))
    assert (status == 200) == (path == "/predict/batch")
    for name in ("predictions_total", "prediction_confidence_count", "prediction_confidence_sum"):
        assert samples[f"pupila_{name}", ()] == 0
    assert samples["pupila_queue_images", ()] == 0


@pytest.mark.parametrize(
    ("write", "path", "accept", "work"),
    [
        (write_painted, "/predict/single?boxes=true", "*/*", "segment.find_boxes"),
        (write_painted, "/predict/batch?boxes=true", "*/*", "segment.find_boxes"),
        (write_painted, "/predict/single", "*/*", "segment.to_rle"),
        (write_painted, "/predict/single?overlay=true", "image/png", "predict_routes.draw_overlay"),
        (write_pointing, "/segment?overlay=true", "image/png", "segment_routes.draw_overlay"),
        (write_pointing, "/segment", "*/*", "segment_routes.to_rle"),
    ],
)  # fmt: skip
def test_a_request_has_its_place_in_the_queue_until_its_response_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Any, path: str, accept: str, work: str
) -> None:
    drawing, end = threading.Event(), threading.Event()
    name = f"pupila.stages.serve.{work}"
    original = pkgutil.resolve_name(name)

    def block(*given: Any) -> Any:
        if not drawing.is_set():  # the first one
            drawing.set()
            assert end.wait(60)
        return original(*given)

    monkeypatch.setattr(name, block)
    body, headers = form(("a.png", GREEN), field="files" if "batch" in path else "file")
    if path.startswith("/segment"):
        body, headers = click(GREEN, points="[[3,3]]")
    with (
        pupila.serve(write(tmp_path / "b").folder, threads=1, queue=1) as service,
        ThreadPoolExecutor() as threads,
    ):
        request = Request(service.url + path, body, {**headers, "Accept": accept})
        first = threads.submit(lambda: urlopen(request).status)
        assert drawing.wait(60)
        try:
            status, refusal, _ = send_request(
                service.url.removeprefix("http://"), "POST", path, body, {**headers, "Accept": accept}
            )
        finally:
            end.set()
        assert (status, refusal["actual"]) == (503, "1 waiting image")
        assert first.result() == 200
