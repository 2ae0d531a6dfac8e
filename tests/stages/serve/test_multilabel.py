"""The service of several labels: thresholds beside the labels, equal figures everywhere, a described response."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pupila
from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.cli.run import run
from tests.colours import BLUE_DOWN, BLUE_UP, DOWN, UP, plain, write_labelled
from tests.pictures import encoded, photo
from tests.stages.serve.test_service import form, send_request

THRESHOLDS = {"red": 0.7, "green": 0.3, "blue": 0.3}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_labelled(tmp_path_factory.mktemp("served") / "bundle")


@pytest.fixture(scope="module")
def server(bundle: Bundle) -> Iterator[str]:
    with pupila.serve(bundle) as service:
        yield service.url.removeprefix("http://")


def ask(server: str, image: bytes) -> dict[str, Any]:
    status, body, _ = send_request(server, "POST", "/predict/single", *form(("x.png", image)))
    assert status == 200
    return body


def test_the_labels_come_with_every_probability_and_threshold(server: str, bundle: Bundle) -> None:
    body = ask(server, encoded(plain(255, 255, 0)))
    assert (body["labels"], body["abstained"]) == (["red", "green"], False)
    assert body["probabilities"] == pytest.approx({"red": UP, "green": UP, "blue": BLUE_DOWN}, abs=1e-6)
    assert body["thresholds"] == THRESHOLDS
    assert body["confidence"] == pytest.approx(UP, abs=1e-6)
    assert body["model_version"] == bundle.hash
    assert list(body["probabilities"]) == list(body["thresholds"]) == bundle.info.classes
    assert "prediction" not in body


def test_no_label_and_an_abstention(server: str) -> None:
    black, blue = ask(server, encoded(plain(0, 0, 0))), ask(server, encoded(plain(0, 0, 255)))
    assert (black["labels"], black["abstained"]) == ([], False)
    assert black["confidence"] == pytest.approx(1 - DOWN, abs=1e-6)
    assert (blue["labels"], blue["abstained"]) == (["blue"], True)
    assert blue["confidence"] == pytest.approx(BLUE_UP, abs=1e-6)


def test_one_invalid_file_of_a_batch_gets_an_error_and_the_others_labels(server: str) -> None:
    red, black = encoded(plain(255, 0, 0)), encoded(plain(0, 0, 0))
    files = (("a.png", red), ("b.png", b"<html>"), ("c.png", black))
    status, body, _ = send_request(server, "POST", "/predict/batch", *form(*files, field="files"))
    assert status == 200
    first, second, third = body["items"]
    assert (first["result"]["labels"], third["result"]["labels"]) == (["red"], [])
    assert first["result"]["thresholds"] == THRESHOLDS
    assert (second["result"], second["error"]["code"]) == (None, "not-an-image")


@pytest.mark.parametrize("seed", range(4))
def test_service_table_python_and_predictor_agree(
    seed: int, server: str, bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image, path = encoded(photo(seed, 90, 60), "JPEG"), tmp_path / "x.jpg"
    path.write_bytes(image)
    predictor = Predictor(bundle)
    known = predictor.predict_batch([predictor.preprocess(image)])[0]
    (python,) = pupila.predict(bundle, path)
    served = ask(server, image)
    assert run(["predict", bundle.folder, str(path), "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert list(known.labels) == list(python.labels) == served["labels"] == row["labels"]
    assert known.probabilities == python.probabilities
    assert served["probabilities"] == pytest.approx(known.probabilities, abs=1e-6)
    assert row["probabilities"] == pytest.approx(known.probabilities, abs=1e-6)
    assert known.abstained == python.abstained == served["abstained"] == row["abstained"]
    assert known.thresholds == python.thresholds == served["thresholds"]


def test_the_document_describes_the_labels_and_no_single_class(server: str) -> None:
    with urllib.request.urlopen(f"http://{server}/openapi.json") as response:
        described = json.load(response)
    single = described["paths"]["/predict/single"]["post"]["responses"]["200"]
    assert single["content"]["application/json"]["schema"]["$ref"].endswith("/LabelsResponse")
    schema = described["components"]["schemas"]["LabelsResponse"]
    own = ("labels", "confidence", "probabilities", "thresholds", "abstained")
    assert all(schema["properties"][name]["description"] for name in own)
    assert {*own} <= {*schema["required"]} and "prediction" not in schema["properties"]
    batch = described["paths"]["/predict/batch"]["post"]["responses"]["200"]
    assert batch["content"]["application/json"]["schema"]["$ref"].endswith("/Batch_LabelsResponse_")


def test_the_information_says_which_classes_share_a_threshold(server: str) -> None:
    _, body, _ = send_request(server, "GET", "/model/info")
    assert body["classes"] == list(THRESHOLDS)
    assert body["post_processing"]["thresholds"] == list(THRESHOLDS.values())
    assert body["post_processing"]["shared_threshold"] == ["green", "blue"]
