"""Heat maps of the service: those of `pupila explain`, placed on the image, bounded, and refused without one."""

import asyncio
import json
import threading
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import pupila
from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.bundle.outputs import FEATURE_MAP, LOGITS
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.bundle.session import Session
from pupila.artifacts.web.refusals import Refusal
from pupila.learning.models.settings import ClassifierSettings
from pupila.stages.serve.batcher import Batcher
from pupila.stages.serve.classify import CLASSIFY
from pupila.stages.serve.explanations import ExplainedPrediction, explain_image
from pupila.stages.serve.settings import ServeSettings
from tests.colours import plain, write_colours, write_painted
from tests.pictures import encoded, photo
from tests.stages.serve.test_metrics import scrape
from tests.stages.serve.test_service import send_request
from tests.untrained import draw_network, write_network

SIDE = 96
TINY = ClassifierSettings(weights="none", model="test_efficientnet", head="linear")
PHOTOS = [encoded(photo(seed, 90, 120), "JPEG") for seed in range(3)]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_network(
        tmp_path_factory.mktemp("served") / "bundle", draw_network("classify", TINY, SIDE, seed=3)
    )


@pytest.fixture(scope="module")
def server(bundle: Bundle) -> Iterator[str]:
    with pupila.serve(bundle) as service:
        yield service.url.removeprefix("http://")


def form(*images: bytes, field: str = "file", explain: str = "true") -> tuple[bytes, dict[str, str]]:
    head = f'--mark\r\nContent-Disposition: form-data; name="explain"\r\n\r\n{explain}'.encode()
    parts = [
        f'--mark\r\nContent-Disposition: form-data; name="{field}"; filename="{n}"\r\n\r\n'.encode() + image
        for n, image in enumerate(images)
    ]
    body = b"\r\n".join([head, *parts, b"--mark--", b""])
    return body, {"Content-Type": "multipart/form-data; boundary=mark"}


def ask(server: str, image: bytes, explain: str = "true") -> dict[str, Any]:
    status, body, _ = send_request(server, "POST", "/predict/single", *form(image, explain=explain))
    assert status == 200, body
    return body


def close(values: list[list[float]], known: Any) -> bool:
    return bool(np.abs(np.array(values) - known).max() <= 1e-5 * np.abs(known).max())


def test_a_map_is_that_of_pupila_explain(server: str, bundle: Bundle) -> None:
    known = pupila.explain(bundle, PHOTOS)
    for image, expected in zip(PHOTOS, known, strict=True):
        body = ask(server, image)
        explanation = body["explanation"]
        (heat_map,), (cells,) = explanation["maps"], expected.maps.values()
        assert heat_map["label"] == body["prediction"] == expected.label
        assert close(heat_map["values"], cells) and cells.shape == (3, 3)
        assert heat_map["total"] == pytest.approx(float(cells.sum()), rel=1e-4)
        assert heat_map["speaks_for"] is bool((cells > 0).any())
        assert explanation["limit"] == pytest.approx(float(np.abs(cells).max()), rel=1e-5)


@pytest.mark.parametrize("explain", ["false", ""])
def test_without_explain_there_is_none_and_the_prediction_is_the_same(server: str, explain: str) -> None:
    bare, explained = ask(server, PHOTOS[0], explain), ask(server, PHOTOS[0])
    assert bare["explanation"] is None and explained["explanation"]
    assert bare["probabilities"] == pytest.approx(explained["probabilities"], abs=1e-6)


def test_what_is_neither_true_nor_false_is_refused(server: str) -> None:
    status, body, _ = send_request(server, "POST", "/predict/single", *form(PHOTOS[0], explain="occlusion"))
    assert (status, body["error"], body["actual"]) == (422, "Invalid field explain", "occlusion")


def test_several_images_have_their_maps_and_a_bad_one_its_error(server: str) -> None:
    files = form(PHOTOS[0], b"<html>", *PHOTOS[1:], field="files")
    status, body, _ = send_request(server, "POST", "/predict/batch", *files)
    first, bad, *others = body["items"]
    assert status == 200 and bad["result"] is None and bad["error"]["code"] == "not-an-image"
    for item, image in zip([first, *others], PHOTOS, strict=True):
        assert item["result"]["explanation"] == ask(server, image)["explanation"]


def test_explained_images_are_counted(server: str) -> None:
    stage = "pupila_stage_duration_seconds_count", ("model",)
    counted = (
        ("pupila_explanations_total", ()),
        ("pupila_predictions_total", ()),
        ("pupila_batch_size_images_sum", ()),
    )
    before = scrape(server)
    assert send_request(server, "POST", "/predict/batch", *form(*PHOTOS, field="files"))[0] == 200
    after = scrape(server)
    assert {after[sample] - before[sample] for sample in (*counted, stage)} == {len(PHOTOS)}


def test_each_of_several_labels_has_a_map(tmp_path: Path) -> None:
    drawn = write_network(tmp_path / "bundle", draw_network("multilabel", TINY, SIDE, seed=2))
    path = tmp_path / "x.png"
    with pupila.serve(drawn) as service:
        for seed in range(2):
            path.write_bytes(encoded(photo(seed, 60, 60)))
            body = ask(service.url.removeprefix("http://"), path.read_bytes())
            maps = body["explanation"]["maps"]
            assert [each["label"] for each in maps] == body["labels"]
            assert len(maps) == 2
            known = [pupila.explain(drawn, path, label=label)[0].maps for label in body["labels"]]
            for each, expected in zip(maps, known, strict=True):
                assert close(each["values"], next(iter(expected.values())))
            strongest = [abs(value) for each in maps for row in each["values"] for value in row]
            assert body["explanation"]["limit"] == max(strongest)


def test_no_label_has_no_map(bundle: Bundle) -> None:
    predictor = Predictor(bundle)
    explained = explain_image(predictor, predictor.preprocess(PHOTOS[0]), lambda prediction: (), False)
    assert explained.explanation.maps == [] and explained.explanation.limit == 0


def test_the_box_is_that_of_the_upright_image(server: str) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    upright = ask(server, encoded(photo(0, 90, 120), "JPEG", exif=turned))["explanation"]
    assert (upright["width"], upright["height"]) in {(90, 120), (120, 90)}
    flat = ask(server, PHOTOS[0])["explanation"]
    assert (flat["width"], flat["height"]) == (upright["height"], upright["width"])
    left, top, right, bottom = flat["box"]
    assert (left + right, top + bottom) == pytest.approx((flat["width"], flat["height"]), abs=2)


def test_evidence_against_alone_is_a_field(tmp_path: Path) -> None:
    network = draw_network("classify", ClassifierSettings(weights="none", model="resnet_small"), SIDE)
    head: Any = network.head
    with torch.no_grad():  # its features are never negative
        head.weight.copy_(-head.weight.abs())
    with pupila.serve(write_network(tmp_path / "bundle", network)) as service:
        (heat_map,) = ask(service.url.removeprefix("http://"), PHOTOS[0])["explanation"]["maps"]
    assert heat_map["speaks_for"] is False and max(map(max, heat_map["values"])) <= 0 > heat_map["total"]


def lenet(folder: Path) -> Bundle:
    return write_network(
        folder, draw_network("classify", ClassifierSettings(weights="none", model="lenet"), SIDE)
    )


@pytest.mark.parametrize("write", [lenet, write_colours, write_painted])
def test_a_model_without_a_closed_form_is_refused(write: Any, tmp_path: Path) -> None:
    with pupila.serve(write(tmp_path / "bundle")) as service:
        server = service.url.removeprefix("http://")
        for path, field in (("/predict/single", "file"), ("/predict/batch", "files")):
            status, body, _ = send_request(server, "POST", path, *form(encoded(plain(9, 9, 9)), field=field))
            assert status == 422 and body["error"] == "The service can't explain this model"
            assert body["actual"] and body["expected"] and "--method occlusion" in body["remedy"]
        assert send_request(server, "POST", "/predict/single", *form(PHOTOS[0], explain="false"))[0] == 200


def test_above_the_limit_explanations_are_refused_and_predictions_are_not(bundle: Bundle) -> None:
    served = Batcher(Predictor(bundle), ServeSettings(max_explanations=2))
    read = partial(bytes, PHOTOS[0])

    async def explain() -> list[ExplainedPrediction | BaseException]:
        return await served.explain([read], served.predictor, CLASSIFY.class_names)

    with served.explanations.reserve(), served.explanations.reserve():
        with pytest.raises(Refusal) as refused:
            asyncio.run(explain())
        (plain_prediction,) = asyncio.run(served.predict([read]))
    (explained,) = asyncio.run(explain())
    served.close()
    assert (refused.value.status_code, refused.value.headers) == (503, {"retry-after": "1"})
    assert refused.value.body["actual"] == "2 open requests" and refused.value.body["expected"] == "at most 2"
    assert isinstance(explained, ExplainedPrediction)
    assert explained.prediction.prediction == plain_prediction.prediction  # type: ignore[union-attr]


def test_a_request_explains_one_image_at_a_time(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    explain, lock, at_once = Batcher._explain, threading.Lock(), [0]
    most = 0

    def count(*arguments: Any) -> ExplainedPrediction:
        nonlocal most
        with lock:
            at_once[0] += 1
            most = max(most, at_once[0])
        try:
            return explain(*arguments)
        finally:
            with lock:
                at_once[0] -= 1

    monkeypatch.setattr(Batcher, "_explain", count)
    served = Batcher(Predictor(bundle), ServeSettings(threads=4))
    reads = [partial(bytes, image) for image in PHOTOS * 2]
    explained = asyncio.run(served.explain(reads, served.predictor, CLASSIFY.class_names))
    served.close()
    assert most == 1 and all(isinstance(each, ExplainedPrediction) for each in explained)


def test_one_run_gives_both_and_a_plain_prediction_asks_for_the_logits_alone(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = Batcher(Predictor(bundle), ServeSettings())
    runs: list[list[str] | None] = []
    run = Session.run

    def record(self: Session, *inputs: Any, outputs: list[str] | None = None, bounded: bool = False) -> Any:
        runs.append(outputs)
        return run(self, *inputs, outputs=outputs, bounded=bounded)

    monkeypatch.setattr(Session, "run", record)
    read = partial(bytes, PHOTOS[0])
    asyncio.run(served.predict([read]))
    asyncio.run(served.explain([read], served.predictor, CLASSIFY.class_names))
    served.close()
    assert runs == [[LOGITS], [LOGITS, FEATURE_MAP]]


def test_the_document_describes_maps_and_the_field(server: str) -> None:
    with urllib.request.urlopen(f"http://{server}/openapi.json") as response:
        described = json.load(response)
    schemas = described["components"]["schemas"]
    assert "explanation" in schemas["ClassResponse"]["properties"]
    for name in ("Explanation", "HeatMap"):
        assert all(field["description"] for field in schemas[name]["properties"].values())
    for path in ("/predict/single", "/predict/batch"):
        content = described["paths"][path]["post"]["requestBody"]["content"]
        assert all(
            "explain" in content[kind]["schema"]["properties"]
            for kind in ("multipart/form-data", "application/json")
        )
    assert "refused with a 422" in described["paths"]["/predict/single"]["post"]["description"]


def test_an_image_whose_logits_are_not_those_of_the_head_has_no_map(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    maps = iter([None, None, np.zeros((1, 2, 2), np.float32)])
    monkeypatch.setattr(Predictor, "heat_maps", lambda *_: next(maps))
    status, body, _ = send_request(server, "POST", "/predict/single", *form(PHOTOS[0]))
    assert status == 422 and "not those of the head" in body["actual"]
    _, body, _ = send_request(server, "POST", "/predict/batch", *form(*PHOTOS[:2], field="files"))
    assert body["items"][0]["error"]["code"] == "no-heat-map"
    explanation = body["items"][1]["result"]["explanation"]
    assert explanation["limit"] == 0 and explanation["maps"][0]["speaks_for"] is False
