"""What the service does not answer with a prediction: images above the queue, and predictions that are no numbers."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from pupila.artifacts.bundle.folder import read_bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.imaging.images.decode import Array
from pupila.stages.serve import app as serve_app
from pupila.stages.serve.app import make_service
from pupila.stages.serve.batcher import Batcher
from pupila.stages.serve.settings import ServeSettings
from tests.colours import plain, write_colours
from tests.pictures import encoded
from tests.stages.serve.test_service import form

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
