"""The service as a client sees it: a real server on a free port, asked over HTTP, ended by SIGTERM."""

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pupila.api.serve import serve_forever
from pupila.artifacts.bundle.folder import read_bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.core.errors import PupilaError
from pupila.demo.round_trip import serve_bundle
from tests.artifacts.web.clients import PROBLEM_FIELDS
from tests.colours import plain, write_colours
from tests.pictures import encoded, photo

RED = encoded(plain(255, 0, 0))
PHOTO = encoded(photo(5, 300, 200), "JPEG")
LIMITS = ("--max-bytes=200000", "--max-pixels=90000", "--max-files=3")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_colours(tmp_path_factory.mktemp("served") / "bundle").folder


@pytest.fixture(scope="module")
def server(bundle: str) -> Iterator[str]:
    with serve_bundle(bundle, *LIMITS) as address:
        yield address.removeprefix("http://")


def form(*files: tuple[str, bytes], field: str = "file") -> tuple[bytes, dict[str, str]]:
    """A multipart body and its headers."""
    parts = [
        f'--mark\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'.encode() + data
        for name, data in files
    ]
    body = b"\r\n".join([*parts, b"--mark--", b""])
    return body, {"Content-Type": "multipart/form-data; boundary=mark"}


def send_request(
    server: str, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, dict[str, Any], dict[str, str]]:
    connection = http.client.HTTPConnection(server, timeout=60)
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    result = json.loads(response.read())
    connection.close()
    return response.status, result, {name.lower(): value for name, value in response.getheaders()}


def test_one_image_gets_the_prediction_of_predict(server: str, bundle: str) -> None:
    predictor = Predictor(read_bundle(bundle))
    known = predictor.predict_batch([predictor.preprocess(PHOTO)])[0]
    status, body, headers = send_request(server, "POST", "/predict/single", *form(("x.jpg", PHOTO)))
    assert status == 200
    assert body["prediction"] == known.prediction
    assert body["probabilities"] == pytest.approx(known.probabilities, abs=1e-6)
    assert body["confidence"] == pytest.approx(known.confidence, abs=1e-6)
    assert body["abstained"] is False
    assert body["model_version"] == predictor.bundle.hash
    assert body["processing_time"] > 0
    assert body["request_id"] == headers["x-request-id"]


def test_one_invalid_file_of_a_batch_gets_an_error_and_the_others_predictions(server: str) -> None:
    files = (("a.png", RED), ("b.png", b"<html>"), ("c.png", encoded(plain(0, 0, 255))))
    status, body, _ = send_request(server, "POST", "/predict/batch", *form(*files, field="files"))
    assert status == 200
    first, second, third = body["items"]
    assert (first["result"]["prediction"], third["result"]["prediction"]) == ("red", "blue")
    assert second["result"] is None
    assert (second["file"], second["error"]["code"]) == ("b.png", "not-an-image")


HUGE = encoded(plain(1, 2, 3, side=400))  # 160,000 pixels in a small file


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (form(("x.jpg", b"")), 422, "the file has no bytes"),
        (form(("x.jpg", b"%PDF-1.7 this is no image")), 415, "not an image in a supported format"),
        (form(("x.jpg", PHOTO[: len(PHOTO) // 2])), 422, "ends in the middle of the image"),
        (form(("x.png", HUGE)), 413, "400 x 400 pixels; the limit is 90000"),
        (form(("x.jpg", bytes(200_001))), 413, "200001 bytes; the limit is 200000"),
        (form(("x.jpg", bytes(700_000))), 413, "700085 bytes at most 600000 send fewer"),
        (
            form(("x.jpg", RED), field="image"),
            422,
            "a file in the field `image` one image send the image as multipart field 'file', as a raw image body, or "
            'as JSON {"image": base64}',
        ),
        ((b"", {}), 422, "no body one image send the image as multipart field 'file'"),
        ((b"{}", {"Content-Type": "application/json"}), 422, "a body of type application/json"),
    ],
    ids=["empty", "no image", "cut", "pixels", "bytes", "request", "another field", "no body", "JSON"],
)
def test_an_invalid_request_gets_a_remedy(
    server: str, body: tuple[bytes, dict[str, str]], status: int, says: str
) -> None:
    got, result, headers = send_request(server, "POST", "/predict/single", *body)
    assert (got, set(result)) == (status, PROBLEM_FIELDS)
    assert says.lower() in " ".join(map(str, result.values())).lower()
    assert result["request_id"] == headers["x-request-id"] != ""


def test_a_request_that_hides_its_length_is_cut_off(server: str) -> None:
    body, headers = form(("x.jpg", bytes(700_000)))
    connection = http.client.HTTPConnection(server, timeout=60)
    pieces = (body[start : start + 50_000] for start in range(0, len(body), 50_000))
    connection.request("POST", "/predict/single", pieces, headers, encode_chunked=True)
    response = connection.getresponse()
    result = json.loads(response.read())
    connection.close()
    assert (response.status, result["expected"]) == (413, "at most 600000")


def test_a_truncated_body_gets_an_error_of_the_same_form(server: str) -> None:
    body, headers = form(("x.jpg", RED))
    status, result, _ = send_request(server, "POST", "/predict/single", body[4:], headers)
    assert status in (400, 422)
    assert set(result) == PROBLEM_FIELDS


def test_too_many_files_are_refused_whole(server: str) -> None:
    files = [(f"{n}.png", RED) for n in range(4)]
    status, body, _ = send_request(server, "POST", "/predict/batch", *form(*files, field="files"))
    assert status == 413
    assert (body["actual"], body["expected"]) == ("more than 3", "at most 3")


def test_health_info_and_unknown_addresses(server: str, bundle: str) -> None:
    version = read_bundle(bundle).hash
    assert send_request(server, "GET", "/health")[:2] == (200, {"status": "ok", "model_version": version})
    status, body, _ = send_request(server, "GET", "/model/info")
    assert (status, body["classes"], body["model_version"]) == (200, ["red", "green", "blue"], version)
    for method, path, expected in (("GET", "/nothing", 404), ("GET", "/predict/single", 405)):
        status, body, _ = send_request(server, method, path)
        assert (status, body["remedy"]) == (expected, "see /docs")


def test_the_clients_own_request_number_is_kept(server: str) -> None:
    assert (
        send_request(server, "GET", "/health", headers={"X-Request-ID": "mine-7"})[2]["x-request-id"]
        == "mine-7"
    )


def test_the_description_names_every_route(server: str) -> None:
    with urllib.request.urlopen(f"http://{server}/openapi.json") as response:
        described = json.load(response)
    assert {"/predict/single", "/predict/batch", "/health", "/model/info"} <= set(described["paths"])
    refusals = described["paths"]["/predict/batch"]["post"]["responses"]
    assert {"413", "415", "422", "503"} <= set(refusals)
    for code in ("413", "422"):  # 422 in our own form, not in FastAPI's
        assert refusals[code]["content"]["application/problem+json"]["schema"]["$ref"].endswith("/Problem")


def test_the_description_and_the_answers_bound_a_batch(server: str) -> None:
    with urllib.request.urlopen(f"http://{server}/openapi.json") as response:
        content = json.load(response)["paths"]["/predict/batch"]["post"]["requestBody"]["content"]
    for kind, field in (("multipart/form-data", "files"), ("application/json", "images")):
        files = content[kind]["schema"]["properties"][field]
        assert (files["minItems"], files["maxItems"]) == (1, 3)
    two = form(("a.png", RED), ("b.png", RED))
    status, body, _ = send_request(server, "POST", "/predict/single", *two)
    assert (status, body["actual"], body["expected"]) == (413, "more than 1", "at most 1")


def test_a_taken_port_is_an_error_before_serving_is_printed(bundle: str) -> None:
    ready: list[bool] = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PupilaError, match=f"Can't listen on 127.0.0.1, port {port}"):
            serve_forever(bundle, port=port, ready=lambda: ready.append(True))
    assert not ready


def test_sigterm_loses_no_accepted_request(bundle: str) -> None:
    command = [sys.executable, "-m", "pupila", "serve", bundle, "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    printed = re.search(r"Serving at http://127.0.0.1:(\d+)", process.stdout.readline())
    assert printed is not None
    body, headers = form(("x.png", RED))
    result = socket.create_connection(("127.0.0.1", int(printed[1])), timeout=60)
    # The server has accepted the request once it asks for the body: only then is it told to end.
    head = "".join(
        f"{name}: {value}\r\n" for name, value in {**headers, "Content-Length": str(len(body))}.items()
    )
    result.sendall(f"POST /predict/single HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n{head}\r\n".encode())
    assert result.recv(100).startswith(b"HTTP/1.1 100")
    process.send_signal(signal.SIGTERM)
    result.sendall(body)
    prediction = b""
    while chunk := result.recv(65_536):
        prediction += chunk
    result.close()
    assert prediction.startswith(b"HTTP/1.1 200")
    assert b'"prediction":"red"' in prediction
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")


def test_port_0_prints_the_port_that_was_taken(bundle: str) -> None:
    command = [sys.executable, "-m", "pupila", "serve", bundle, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            printed = re.search(r"http://([^ ]+)", process.stdout.readline())
            assert printed is not None and not printed[1].endswith(":0")
            assert send_request(printed[1], "GET", "/health")[0] == 200
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_the_process_holds_no_torch_and_no_tables(bundle: str) -> None:
    heavy = "{'torch', 'timm', 'polars', 'scipy', 'sklearn'}"
    code = (
        "import sys; from pupila.artifacts.run.source import parse_predicting; "
        "from pupila.stages.serve.app import make_service; "
        "from pupila.stages.serve.settings import ServeSettings; "
        f"make_service(parse_predicting(sys.argv[1]).bundle, ServeSettings()); print({heavy} & set(sys.modules))"
    )
    body = subprocess.run([sys.executable, "-c", code, bundle], capture_output=True, text=True, check=True)
    assert body.stdout.strip() == "set()"


def test_a_bundle_that_is_not_sound_is_not_served(tmp_path: Path) -> None:
    folder = Path(write_colours(tmp_path / "bundle").folder)
    (folder / "model.onnx").write_bytes(b"changed")
    command = [sys.executable, "-m", "pupila", "serve", str(folder), "--port", "0"]
    body = subprocess.run(command, capture_output=True, text=True, check=False)
    assert body.returncode == 2
    assert "model.onnx was changed" in body.stderr
