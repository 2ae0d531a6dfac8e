"""The service of a bundle of masks: shares and run lengths as JSON, or the mask itself as a PNG."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pupila.demo.round_trip import served
from pupila.imaging.images.bands import BandSettings
from pupila.imaging.masks.codec import from_png
from pupila.imaging.regions import from_rle
from tests.colours import PLAIN, write_painted
from tests.imaging.geotiff.test_scene import write
from tests.pictures import encoded
from tests.stages.predict.test_segment import scene, truth
from tests.stages.serve.test_service import asked, form

PICTURE = encoded(scene())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = write_painted(tmp_path_factory.mktemp("served") / "bundle").folder
    with served(folder) as address:
        yield address.removeprefix("http://")


def test_a_mask_is_told_by_shares_size_and_run_lengths(server: str) -> None:
    status, told, headers = asked(server, "POST", "/predict/single", *form(("x.png", PICTURE)))
    assert status == 200
    assert (told["height"], told["width"], told["abstained"]) == (20, 30, False)
    assert told["shares"] == pytest.approx({"red": 476 / 600, "green": 34 / 600, "blue": 0.15})
    assert told["request_id"] == headers["x-request-id"]
    drawn = np.stack([from_rle(told["masks"][name]) for name in ("red", "green", "blue")])
    assert (drawn.argmax(axis=0) == truth()).all()
    assert (drawn.sum(axis=0) == 1).all()


def test_who_accepts_a_png_gets_the_mask(server: str) -> None:
    body, headers = form(("x.png", PICTURE))
    request = urllib.request.Request(
        f"http://{server}/predict/single", body, {**headers, "Accept": "image/png"}
    )
    with urllib.request.urlopen(request) as response:
        assert response.headers["content-type"] == "image/png"
        assert response.headers["x-request-id"]
        assert (from_png(response.read()) == truth()).all()


def test_a_refusal_is_json_whatever_is_accepted(server: str) -> None:
    body, headers = form(("x.png", b"<html>"))
    status, told, _ = asked(server, "POST", "/predict/single", body, {**headers, "Accept": "image/png"})
    assert (status, told["error"]) == (415, "The file can't be answered")


def test_a_batch_has_masks_and_errors(server: str) -> None:
    files = (("a.png", PICTURE), ("b.png", b"<html>"))
    status, told, _ = asked(server, "POST", "/predict/batch", *form(*files, field="files"))
    assert status == 200
    first, second = told["items"]
    assert first["answer"]["shares"]["blue"] == pytest.approx(0.15)
    assert second["failure"]["code"] == "not-an-image"


def test_the_description_names_what_is_answered(server: str) -> None:
    with urllib.request.urlopen(f"http://{server}/openapi.json") as response:
        described = json.load(response)
    answer = described["components"]["schemas"]["MaskAnswered"]["properties"]
    assert {"shares", "masks", "height", "width"} <= set(answer)
    content = described["paths"]["/predict/single"]["post"]["responses"]["200"]["content"]
    assert set(content) == {"application/json", "image/png"}


def test_the_same_answer_as_predict_writes(server: str, tmp_path: Path) -> None:
    from pupila.cli.run import run

    bundle = write_painted(tmp_path / "bundle").folder
    (tmp_path / "a.png").write_bytes(PICTURE)
    assert run(["predict", bundle, str(tmp_path / "a.png"), "--out", str(tmp_path / "out")]) == 0
    _, told, _ = asked(server, "POST", "/predict/single", *form(("x.png", PICTURE)))
    written = from_png((tmp_path / "out/masks/a.png").read_bytes())
    assert (from_rle(told["masks"]["green"]) == (written == 1)).all()


def test_a_scene_of_many_bands_is_answered_by_the_bands_that_the_bundle_keeps(tmp_path: Path) -> None:
    bands = np.full((5, 20, 30), 9_000, np.uint16)
    bands[[3, 2, 1]] = 300 + 20 * scene().transpose(2, 0, 1).astype(np.uint16)
    sent = Path(write(tmp_path / "scene.tif", bands)).read_bytes()
    kept = BandSettings(bands=(4, 3, 2), low=300, high=300 + 20 * 255)
    spec = PLAIN.model_copy(update={"view": "tile", "overlap": 2, "bands": kept})
    folder = write_painted(tmp_path / "bundle", preparation=spec).folder
    with served(folder) as address:
        answered = asked(address.removeprefix("http://"), "POST", "/predict/single", *form(("x.tif", sent)))
    assert answered[0] == 200
    drawn = np.stack([from_rle(answered[1]["masks"][name]) for name in ("red", "green", "blue")])
    assert (drawn.argmax(axis=0) == truth()).all()
