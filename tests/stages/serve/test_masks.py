"""The service of a bundle of masks: shares and run lengths as JSON, or the mask itself as a PNG."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pupila.demo.round_trip import serve_bundle
from pupila.imaging.images.bands import BandSettings
from pupila.imaging.masks.codec import decode_png
from pupila.imaging.regions import from_rle
from tests.colours import PLAIN, write_painted
from tests.imaging.geotiff.test_scene import write
from tests.pictures import encoded
from tests.stages.predict.test_segment import expected_mask, scene
from tests.stages.serve.test_service import form, send_request

PICTURE = encoded(scene())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = write_painted(tmp_path_factory.mktemp("served") / "bundle").folder
    with serve_bundle(folder) as address:
        yield address.removeprefix("http://")


def test_a_mask_response_has_shares_size_and_run_lengths(server: str) -> None:
    status, body, headers = send_request(server, "POST", "/predict/single", *form(("x.png", PICTURE)))
    assert status == 200
    assert (body["height"], body["width"], body["abstained"]) == (20, 30, False)
    assert body["shares"] == pytest.approx({"red": 476 / 600, "green": 34 / 600, "blue": 0.15})
    assert body["request_id"] == headers["x-request-id"]
    drawn = np.stack([from_rle(body["masks"][name]) for name in ("red", "green", "blue")])
    assert (drawn.argmax(axis=0) == expected_mask()).all()
    assert (drawn.sum(axis=0) == 1).all()


def test_who_accepts_a_png_gets_the_mask(server: str) -> None:
    body, headers = form(("x.png", PICTURE))
    request = urllib.request.Request(
        f"http://{server}/predict/single", body, {**headers, "Accept": "image/png"}
    )
    with urllib.request.urlopen(request) as response:
        assert response.headers["content-type"] == "image/png"
        assert response.headers["x-request-id"]
        assert (decode_png(response.read()) == expected_mask()).all()


def test_a_refusal_is_json_whatever_is_accepted(server: str) -> None:
    body, headers = form(("x.png", b"<html>"))
    status, result, _ = send_request(
        server, "POST", "/predict/single", body, {**headers, "Accept": "image/png"}
    )
    assert (status, result["error"]) == (415, "The file is not a usable image")


def test_a_batch_has_masks_and_errors(server: str) -> None:
    files = (("a.png", PICTURE), ("b.png", b"<html>"))
    status, body, _ = send_request(server, "POST", "/predict/batch", *form(*files, field="files"))
    assert status == 200
    first, second = body["items"]
    assert first["result"]["shares"]["blue"] == pytest.approx(0.15)
    assert second["error"]["code"] == "not-an-image"


def test_the_description_names_the_response_fields(server: str) -> None:
    with urllib.request.urlopen(f"http://{server}/openapi.json") as response:
        described = json.load(response)
    prediction = described["components"]["schemas"]["MaskResponse"]["properties"]
    assert {"shares", "masks", "height", "width"} <= set(prediction)
    content = described["paths"]["/predict/single"]["post"]["responses"]["200"]["content"]
    assert set(content) == {"application/json", "image/png"}


def test_the_response_equals_the_row_of_predict(server: str, tmp_path: Path) -> None:
    from pupila.cli.run import run

    bundle = write_painted(tmp_path / "bundle").folder
    (tmp_path / "a.png").write_bytes(PICTURE)
    assert run(["predict", bundle, str(tmp_path / "a.png"), "--out", str(tmp_path / "out")]) == 0
    _, body, _ = send_request(server, "POST", "/predict/single", *form(("x.png", PICTURE)))
    written = decode_png((tmp_path / "out/masks/a.png").read_bytes())
    assert (from_rle(body["masks"]["green"]) == (written == 1)).all()


def test_a_scene_with_many_bands_uses_the_bands_of_the_bundle(tmp_path: Path) -> None:
    bands = np.full((5, 20, 30), 9_000, np.uint16)
    bands[[3, 2, 1]] = 300 + 20 * scene().transpose(2, 0, 1).astype(np.uint16)
    sent = Path(write(tmp_path / "scene.tif", bands)).read_bytes()
    cached = BandSettings(bands=(4, 3, 2), low=300, high=300 + 20 * 255)
    spec = PLAIN.model_copy(update={"view": "tile", "overlap": 2, "bands": cached})
    folder = write_painted(tmp_path / "bundle", preprocessing=spec).folder
    with serve_bundle(folder) as address:
        response = send_request(
            address.removeprefix("http://"), "POST", "/predict/single", *form(("x.tif", sent))
        )
    assert response[0] == 200
    drawn = np.stack([from_rle(response[1]["masks"][name]) for name in ("red", "green", "blue")])
    assert (drawn.argmax(axis=0) == expected_mask()).all()
