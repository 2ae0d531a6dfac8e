"""The service of a promptable bundle: an image once, then a click costs the decoder alone."""

import asyncio
import contextlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pupila.artifacts.bundle.folder import read_bundle
from pupila.artifacts.bundle.prompter import Prompter
from pupila.artifacts.web.app import App, make_app
from pupila.artifacts.web.limits import BodyLimits
from pupila.core.files import sha256
from pupila.demo.round_trip import serve_bundle
from pupila.imaging.masks.codec import decode_png
from pupila.imaging.regions import from_rle
from pupila.stages.serve.embeddings import Embeddings
from pupila.stages.serve.segment_routes import add_segment
from pupila.stages.serve.settings import ServeSettings
from tests.artifacts.web.clients import PROBLEM_FIELDS
from tests.colours import plain, write_pointing
from tests.pictures import encoded, photo
from tests.stages.predict.test_prompt import BLUE, RED, scene, where
from tests.stages.serve.test_service import form, send_request

PICTURE = encoded(scene())
NAME = sha256(PICTURE)
POINT = {"points": "[[9.5, 5.5]]"}
LIMITS = (
    "--max-bytes=200000",
    "--max-pixels=90000",
    "--max-files=3",
    "--max-embeddings=2",
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_pointing(tmp_path_factory.mktemp("served") / "bundle").folder


@pytest.fixture(scope="module")
def server(bundle: str) -> Iterator[str]:
    with serve_bundle(bundle, *LIMITS) as address:
        yield address.removeprefix("http://")


def click(data: bytes | None, /, **fields: str) -> tuple[bytes, dict[str, str]]:
    """A multipart body of a file and text fields, and its headers."""
    parts = [
        f'--mark\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
        for name, text in fields.items()
    ]
    rest, headers = (b"--mark--\r\n", {"Content-Type": "multipart/form-data; boundary=mark"})
    if data is not None:
        rest, headers = form(("x.png", data))
    return b"".join([*parts, rest]), headers


def segment(server: str, data: bytes | None, /, **fields: str) -> dict[str, Any]:
    status, body, headers = send_request(server, "POST", "/segment", *click(data, **fields))
    assert (status, body["request_id"]) == (200, headers["x-request-id"]), body
    return body


def test_the_second_prompt_needs_no_encoding(server: str, bundle: str) -> None:
    first = segment(server, PICTURE, **POINT)
    assert (first["image_id"], first["height"], first["width"], first["encoded"]) == (NAME, 32, 32, True)
    assert (first["predicted_iou"], first["share"], first["abstained"]) == (pytest.approx(0.8), 0.125, False)
    assert first["confidence"] > 0.99 and first["processing_time"] > 0
    assert first["model_version"] == read_bundle(bundle).hash
    assert (from_rle(first["mask"]) == where(RED)).all()
    second = segment(server, None, image_id=NAME, points="[[5, 25]]", negatives="[[9, 9], [1, 1]]")
    assert (second["encoded"], second["image_id"]) == (False, NAME)
    assert (from_rle(second["mask"]) == where(BLUE)).all()
    assert second["predicted_iou"] == pytest.approx(0.9)
    third = segment(server, PICTURE, box="[7, 3, 17, 21]")  # the file again is known by its bytes
    assert (third["encoded"], third["mask"]) == (False, first["mask"])


def test_the_least_recently_used_embedding_is_evicted(server: str) -> None:
    pictures = [encoded(plain(n, 0, 0)) for n in (10, 20, 30)]
    names = [segment(server, data, **POINT)["image_id"] for data in pictures[:2]]
    segment(server, None, image_id=names[0], **POINT)
    assert segment(server, pictures[2], **POINT)["encoded"]  # two are cached, so the second is evicted
    assert not segment(server, None, image_id=names[0], **POINT)["encoded"]
    status, body, _ = send_request(server, "POST", "/segment", *click(None, image_id=names[1], **POINT))
    assert (status, body["error"], body["actual"]) == (404, "Unknown image_id", names[1])
    assert body["remedy"] == "send the image again as file"
    assert segment(server, pictures[1], **POINT)["encoded"]


def test_an_image_that_many_clients_send_is_encoded_once(server: str) -> None:
    data = encoded(photo(3, 200, 150))
    with ThreadPoolExecutor(8) as clients:
        bodies = list(clients.map(lambda _: segment(server, data, **POINT), range(8)))
    assert sorted(response["encoded"] for response in bodies) == [False] * 7 + [True]
    assert len({response["mask"]["counts"] for response in bodies}) == 1


def test_who_accepts_a_png_gets_the_mask_and_the_images_name(server: str) -> None:
    body, headers = click(PICTURE, **POINT)
    request = urllib.request.Request(f"http://{server}/segment", body, {**headers, "Accept": "image/png"})
    with urllib.request.urlopen(request) as response:
        assert response.headers["content-type"] == "image/png"
        assert response.headers["x-image-id"] == NAME
        assert response.headers["x-request-id"]
        assert (decode_png(response.read()) == where(RED)).all()


HUGE = encoded(plain(1, 2, 3, side=400))
MANY = json.dumps([[1, 1]] * 257)


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (click(PICTURE), 422, "The prompt is incomplete no point and no box a foreground point"),
        (click(PICTURE, negatives="[[1,1]]"), 422, "The prompt is incomplete 1 background point only"),
        (click(PICTURE, points="[[1,1,1]]"), 422, "Invalid field points [[1,1,1]] JSON"),
        (click(PICTURE, points="1,1"), 422, "Invalid field points 1,1"),
        (click(PICTURE, points=MANY), 422, "Invalid field points [[1, 1], [1, 1]"),
        (click(PICTURE, points="[[NaN,1]]"), 422, "Invalid field points [[NaN,1]]"),
        (click(PICTURE, negatives="{}", **POINT), 422, "Invalid field negatives {}"),
        (click(PICTURE, box="[1,2,3]"), 422, "Invalid field box [1,2,3]"),
        (click(PICTURE, box="[5,2,5,9]"), 422, "The box has no area 5,2,5,9"),
        (click(PICTURE, box="[40,2,50,9]"), 422, "a box that overlaps the 32 x 32 image points=[[x,y],...] or box="),
        (click(PICTURE, points="[[32,1]]"), 422, "Points outside the image 32,1 x from 0 to below 32"),
        (click(None, **POINT), 422, "Expected exactly one image neither file nor image_id either file or image_id"),
        (click(PICTURE, image_id=NAME, **POINT), 422, "Expected exactly one image both file and image_id"),
        (click(None, image_id="none", **POINT), 404, "Unknown image_id none"),
        (click(b"", **POINT), 422, "the file has no bytes"),
        (click(b"%PDF-1.7 this is no image", **POINT), 415, "not an image in a supported format"),
        (click(PICTURE[: len(PICTURE) // 2], **POINT), 422, "truncated"),
        (click(HUGE, **POINT), 413, "400 x 400 pixels; the limit is 90000"),
        (click(bytes(200_001), **POINT), 413, "200001 bytes; the limit is 200000"),
        (click(bytes(700_000), **POINT), 413, "at most 600000 send fewer"),
        (click(None, file="text", **POINT), 422, "Invalid request"),
        ((b"", {}), 422, "The prompt is incomplete"),
    ],
)  # fmt: skip
def test_an_invalid_request_gets_a_remedy(
    server: str, body: tuple[bytes, dict[str, str]], status: int, says: str
) -> None:
    got, result, headers = send_request(server, "POST", "/segment", *body)
    assert (got, set(result)) == (status, PROBLEM_FIELDS), result
    assert says.lower() in " ".join(map(str, result.values())).lower()
    assert result["request_id"] == headers["x-request-id"] != ""


def test_a_full_queue_answers_with_retry_after(bundle: str) -> None:
    settings = ServeSettings(queue=1, threads=1)
    embeddings = Embeddings(Prompter(read_bundle(bundle), threads=1), settings)
    app = make_app("a test", contextlib.nullcontext, BodyLimits(10**6, 10**7))  # type: ignore[arg-type]
    add_segment(app, embeddings)
    with embeddings.queue.reserve():  # as if another request were running
        status, headers = asyncio.run(sent(app, *click(PICTURE, **POINT)))
    assert (status, headers["retry-after"]) == (503, "1")
    assert asyncio.run(sent(app, *click(PICTURE, **POINT)))[0] == 200
    embeddings.close()


async def sent(app: App, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
    """The status and the headers of what an app answers at /segment, without a server."""
    named = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    result: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        result.append(message)

    scope = {"type": "http", "method": "POST", "path": "/segment", "query_string": b"", "headers": named}
    await app(scope, receive, send)
    return result[0]["status"], {name.decode(): value.decode() for name, value in result[0]["headers"]}


def test_the_description_has_this_route_and_not_those_of_other_tasks(server: str) -> None:
    with urllib.request.urlopen(f"http://{server}/openapi.json") as response:
        described = json.load(response)
    paths = set(described["paths"])
    assert {"/segment", "/health", "/model/info"} <= paths and not any("predict" in path for path in paths)
    predictions = described["paths"]["/segment"]["post"]["responses"]
    assert {"404", "413", "415", "422", "503"} <= set(predictions)
    assert set(predictions["200"]["content"]) == {"application/json", "image/png"}
    content = described["paths"]["/segment"]["post"]["requestBody"]["content"]
    fields = content["multipart/form-data"]["schema"]["properties"]
    assert set(fields) == {"file", "image_id", "points", "negatives", "box", "overlay", "explain", "group"}
    assert send_request(server, "GET", "/model/info")[1]["task"] == "prompt"
    assert send_request(server, "POST", "/predict/single", *form(("x.png", PICTURE)))[0] == 404


def test_the_response_equals_the_row_of_predict(
    server: str, bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pupila.cli.run import run

    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(photo(5, 300, 200), "JPEG"))
    assert run(["predict", bundle, str(path), "--json", "--point", "150,100", "--negative", "10,10"]) == 0
    (predicted,) = map(json.loads, capsys.readouterr().out.splitlines())
    body = segment(server, path.read_bytes(), points="[[150,100]]", negatives="[[10,10]]")
    assert body["mask"] == predicted["mask"] and np.any(from_rle(body["mask"]))
    assert body["confidence"] == pytest.approx(predicted["confidence"], abs=1e-6)


def test_the_process_holds_no_torch_and_no_tables(bundle: str) -> None:
    heavy = "{'torch', 'timm', 'polars', 'scipy', 'sklearn', 'transformers'}"
    code = (
        "import sys; from pupila.artifacts.run.source import parse_predicting; "
        "from pupila.stages.serve.app import make_service; "
        "from pupila.stages.serve.settings import ServeSettings; "
        f"make_service(parse_predicting(sys.argv[1]).bundle, ServeSettings()); print({heavy} & set(sys.modules))"
    )
    body = subprocess.run([sys.executable, "-c", code, bundle], capture_output=True, text=True, check=True)
    assert body.stdout.strip() == "set()"


def test_an_explanation_is_refused(server: str) -> None:
    status, body, _ = send_request(server, "POST", "/segment", *click(PICTURE, **POINT, explain="true"))
    assert (status, body["error"]) == (422, "Promptable models can't be explained")
    assert send_request(server, "POST", "/segment", *click(PICTURE, **POINT, explain="false"))[0] == 200
