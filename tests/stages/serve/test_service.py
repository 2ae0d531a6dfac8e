"""The service as a client sees it: a real server on a free port, asked over HTTP, ended by SIGTERM."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pupila.artifacts.bundle.folder import read_bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.demo.round_trip import served
from tests.colours import plain, write_colours
from tests.pictures import encoded, photo

RED = encoded(plain(255, 0, 0))
PHOTO = encoded(photo(5, 300, 200), "JPEG")
LIMITS = ("--set", "max_bytes=200000", "--set", "max_pixels=90000", "--set", "max_files=3")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_colours(tmp_path_factory.mktemp("served") / "bundle").folder


@pytest.fixture(scope="module")
def server(bundle: str) -> Iterator[str]:
    with served(bundle, *LIMITS) as address:
        yield address.removeprefix("http://")


def form(*files: tuple[str, bytes], field: str = "file") -> tuple[bytes, dict[str, str]]:
    """A multipart body and its headers."""
    parts = [
        f'--mark\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'.encode() + data
        for name, data in files
    ]
    body = b"\r\n".join([*parts, b"--mark--", b""])
    return body, {"Content-Type": "multipart/form-data; boundary=mark"}


def asked(
    server: str, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, dict[str, Any], dict[str, str]]:
    connection = http.client.HTTPConnection(server, timeout=60)
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    told = json.loads(response.read())
    connection.close()
    return response.status, told, {name.lower(): value for name, value in response.getheaders()}


def test_one_image_is_answered_as_predict_answers_it(server: str, bundle: str) -> None:
    predictor = Predictor(read_bundle(bundle))
    known = predictor.answers([predictor.prepare(PHOTO)])[0]
    status, told, headers = asked(server, "POST", "/predict/single", *form(("x.jpg", PHOTO)))
    assert status == 200
    assert told["prediction"] == known.prediction
    assert told["probabilities"] == pytest.approx(known.probabilities, abs=1e-6)
    assert told["confidence"] == pytest.approx(known.confidence, abs=1e-6)
    assert told["abstained"] is False
    assert told["model_version"] == predictor.bundle.hash
    assert told["processing_time"] > 0
    assert told["request_id"] == headers["x-request-id"]


def test_one_bad_file_of_a_batch_gets_an_error_and_the_rest_is_answered(server: str) -> None:
    files = (("a.png", RED), ("b.png", b"<html>"), ("c.png", encoded(plain(0, 0, 255))))
    status, told, _ = asked(server, "POST", "/predict/batch", *form(*files, field="files"))
    assert status == 200
    first, second, third = told["items"]
    assert (first["answer"]["prediction"], third["answer"]["prediction"]) == ("red", "blue")
    assert second["answer"] is None
    assert (second["file"], second["failure"]["code"]) == ("b.png", "not-an-image")


HUGE = encoded(plain(1, 2, 3, side=400))  # 160,000 pixels in a small file


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (form(("x.jpg", b"")), 422, "the file has no bytes"),
        (form(("x.jpg", b"%PDF-1.7 this is no image")), 415, "no image format"),
        (form(("x.jpg", PHOTO[: len(PHOTO) // 2])), 422, "ends before the picture does"),
        (form(("x.png", HUGE)), 413, "400 x 400 pixels, allowed are 90000"),
        (form(("x.jpg", bytes(200_001))), 413, "200001 bytes, allowed are 200000"),
        (form(("x.jpg", bytes(700_000))), 413, "700085 bytes at most 600000 send fewer"),
        (form(("x.jpg", RED), field="image"), 422, "file: field required"),
        ((b"", {}), 422, "file: field required"),
        ((b"{}", {"Content-Type": "application/json"}), 422, "file: field required"),
    ],
    ids=["empty", "no image", "cut", "pixels", "bytes", "request", "another field", "no body", "JSON"],
)
def test_a_bad_request_is_told_what_to_do(
    server: str, body: tuple[bytes, dict[str, str]], status: int, says: str
) -> None:
    got, told, headers = asked(server, "POST", "/predict/single", *body)
    assert (got, set(told)) == (status, {"error", "found", "wanted", "remedy", "request_id"})
    assert says.lower() in " ".join(map(str, told.values())).lower()
    assert told["request_id"] == headers["x-request-id"] != ""


def test_a_request_that_hides_its_length_is_cut_off(server: str) -> None:
    body, headers = form(("x.jpg", bytes(700_000)))
    connection = http.client.HTTPConnection(server, timeout=60)
    pieces = (body[start : start + 50_000] for start in range(0, len(body), 50_000))
    connection.request("POST", "/predict/single", pieces, headers, encode_chunked=True)
    response = connection.getresponse()
    told = json.loads(response.read())
    connection.close()
    assert (response.status, told["wanted"]) == (413, "at most 600000")


def test_a_body_that_is_cut_is_answered_in_the_same_form(server: str) -> None:
    body, headers = form(("x.jpg", RED))
    status, told, _ = asked(server, "POST", "/predict/single", body[4:], headers)
    assert status in (400, 422)
    assert set(told) == {"error", "found", "wanted", "remedy", "request_id"}


def test_too_many_files_are_refused_whole(server: str) -> None:
    files = [(f"{n}.png", RED) for n in range(4)]
    status, told, _ = asked(server, "POST", "/predict/batch", *form(*files, field="files"))
    assert status == 413
    assert (told["found"], told["wanted"]) == ("4", "at most 3")


def test_health_info_and_unknown_addresses(server: str, bundle: str) -> None:
    version = read_bundle(bundle).hash
    assert asked(server, "GET", "/health")[:2] == (200, {"status": "ok", "model_version": version})
    status, told, _ = asked(server, "GET", "/model/info")
    assert (status, told["classes"], told["model_version"]) == (200, ["red", "green", "blue"], version)
    for method, path, wanted in (("GET", "/nothing", 404), ("GET", "/predict/single", 405)):
        status, told, _ = asked(server, method, path)
        assert (status, told["remedy"]) == (wanted, "see /docs")


def test_the_clients_own_request_number_is_kept(server: str) -> None:
    assert asked(server, "GET", "/health", headers={"X-Request-ID": "mine-7"})[2]["x-request-id"] == "mine-7"


def test_the_description_names_every_route(server: str) -> None:
    with urllib.request.urlopen(f"http://{server}/openapi.json") as response:
        described = json.load(response)
    assert {"/predict/single", "/predict/batch", "/health", "/model/info"} <= set(described["paths"])
    refusals = described["paths"]["/predict/batch"]["post"]["responses"]
    assert {"413", "415", "422", "503"} <= set(refusals)
    for code in ("413", "422"):  # 422 in our own form, not in FastAPI's
        assert refusals[code]["content"]["application/json"]["schema"]["$ref"].endswith("/Problem")
    with urllib.request.urlopen(f"http://{server}/docs") as response:
        assert b"swagger" in response.read().lower()


def test_sigterm_loses_no_accepted_request(bundle: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "pupila", "serve", bundle, "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    body, headers = form(("x.png", RED))
    told = wait_for(port)
    # The server has accepted the request once it asks for the body: only then is it told to end.
    head = "".join(
        f"{name}: {value}\r\n" for name, value in {**headers, "Content-Length": str(len(body))}.items()
    )
    told.sendall(f"POST /predict/single HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n{head}\r\n".encode())
    assert told.recv(100).startswith(b"HTTP/1.1 100")
    process.send_signal(signal.SIGTERM)
    told.sendall(body)
    answer = b""
    while chunk := told.recv(65_536):
        answer += chunk
    told.close()
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"prediction":"red"' in answer
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "Serving at http://127.0.0.1" in out


def wait_for(port: int) -> socket.socket:
    """A connection to the server, as soon as it listens."""
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=60)
        except ConnectionRefusedError:
            continue


def test_the_process_holds_no_torch_and_no_tables(bundle: str) -> None:
    heavy = "{'torch', 'timm', 'polars', 'scipy', 'sklearn'}"
    code = (
        "import sys; from pupila.stages.serve.app import make_service; "
        "from pupila.stages.serve.settings import ServeSettings; "
        f"make_service(sys.argv[1], ServeSettings()); print({heavy} & set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", code, bundle], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"


def test_a_bundle_that_is_not_sound_is_not_served(tmp_path: Path) -> None:
    folder = Path(write_colours(tmp_path / "bundle").folder)
    (folder / "model.onnx").write_bytes(b"changed")
    command = [sys.executable, "-m", "pupila", "serve", str(folder), "--port", "0"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 2
    assert "model.onnx was changed" in told.stderr
