"""The log of predictions: what is served is recorded, whatever fails, and drift is monitored live."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from pupila.artifacts.bundle.folder import Bundle, read_bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.predictions.log import PredictionRecord, observe_records, read_predictions
from pupila.core.errors import PupilaError
from pupila.core.files import sha256
from pupila.stages.serve.app import Followed, make_service
from pupila.stages.serve.drift import LiveMonitor
from pupila.stages.serve.recording import ImageTrace, PredictionLog, RequestNote
from pupila.stages.serve.settings import ServeSettings
from pupila.stages.serve.stored_images import StoredImages
from pupila.statistics.drift.detector import DriftDetector
from tests.colours import CLASSES, plain, write_colours, write_painted, write_pointing
from tests.pictures import encoded
from tests.stages.serve.referenced import PROJECTION, colours, write_referenced


@contextmanager
def served(
    bundle: Bundle, folder: Path, followed: Followed | None = None, **settings: Any
) -> Iterator[TestClient]:
    chosen = ServeSettings(threads=2, log_predictions=str(folder), poll_seconds=0, **settings)
    with TestClient(
        make_service(bundle, chosen, followed), "http://127.0.0.1", client=("127.0.0.1", 1)
    ) as client:
        yield client


def read(folder: Path) -> list[PredictionRecord]:
    return list(read_predictions(folder))


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("not in 10 s")


def post(client: TestClient, content: bytes, route: str = "/predict/single", **fields: str) -> dict[str, Any]:
    response = client.post(route, files={"file": ("a.png", content)}, data=fields)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def test_a_record_has_what_was_served(tmp_path: Path) -> None:
    bundle = write_referenced(tmp_path / "b")
    content = encoded(plain(255, 51, 0))
    with served(bundle, tmp_path / "log", keep_images="share=1") as client:
        response = post(client, content, group="box 7")
    (record,) = read(tmp_path / "log")
    assert record.request_id == response["request_id"] and record.model_version == bundle.hash
    assert record.image == sha256(content) and (record.width, record.height, record.group) == (
        16,
        16,
        "box 7",
    )
    assert record.predicted == [response["prediction"]] == ["red"]
    assert record.outputs == pytest.approx(response["probabilities"], rel=1e-5)
    assert record.confidence == pytest.approx(response["confidence"], rel=1e-5)
    assert record.brightness == pytest.approx(0.4) and record.sharpness == pytest.approx(0, abs=1e-6)
    assert record.embedding == pytest.approx((np.array([1, 0.2, 0]) @ PROJECTION).tolist(), rel=1e-5)
    assert record.seconds > 0 and Path(tmp_path, "log", record.file).read_bytes() == content
    assert record.file == f"images/{record.image}.png"


def test_a_batch_is_recorded_by_image_and_a_fault_is_not(tmp_path: Path) -> None:
    files = [
        ("files", ("a", content))
        for content in (encoded(plain(9, 0, 0)), b"no image", encoded(plain(0, 9, 0)))
    ]
    with served(write_colours(tmp_path / "b"), tmp_path / "log") as client:
        response = client.post("/predict/batch", files=files, data={"group": "g"}).json()
    records = sorted(read(tmp_path / "log"), key=lambda record: record.item)
    assert [record.item for record in records] == [0, 2]
    assert {record.request_id for record in records} == {response["request_id"]}
    assert [record.predicted for record in records] == [["red"], ["green"]]
    assert all(
        record.embedding == [] and record.file == "" for record in records
    )  # without reference or share


def test_masks_prompts_and_explanations_are_recorded(tmp_path: Path) -> None:
    picture = encoded(np.hstack([plain(255, 0, 0), plain(0, 255, 0)]))
    with served(write_painted(tmp_path / "m", view="resize"), tmp_path / "masks") as client:
        post(client, picture)
    (mask,) = read(tmp_path / "masks")
    assert mask.outputs == pytest.approx({"red": 0.5, "green": 0.5, "blue": 0}) and mask.predicted == [
        "red",
        "green",
    ]
    with served(write_pointing(tmp_path / "p"), tmp_path / "prompts", keep_images="share=1") as client:
        first = post(client, picture, "/segment", points="[[2, 2]]")
        again = client.post(
            "/segment", files={"image_id": (None, first["image_id"]), "points": (None, "[[30, 2]]")}
        )
        assert again.status_code == 200
    prompts = read(tmp_path / "prompts")
    assert [record.image for record in prompts] == [sha256(picture)] * 2
    assert prompts[0].outputs == pytest.approx({"mask": first["share"]}) and prompts[0].brightness is None
    assert [bool(record.file) for record in prompts] == [True, False]  # the second request brought no file


def test_a_share_of_the_images_is_stored_and_the_oldest_ones_go(tmp_path: Path) -> None:
    images = colours(100)
    size = max(map(len, images))
    with served(
        write_colours(tmp_path / "b"), tmp_path / "log", keep_images=0.5, keep_images_bytes=10 * size
    ) as client:
        for content in images:
            post(client, content)
    records = read(tmp_path / "log")
    stored = [record for record in records if record.file]
    assert 30 <= len(stored) <= 70 and len(records) == 100
    there = {file.stem for file in Path(tmp_path, "log", "images").glob("*.png")}
    assert 5 <= len(there) <= 12 and there <= {record.image for record in stored[-12:]}
    reopened = StoredImages(str(tmp_path / "log"), 1, size)  # what an earlier process stored counts
    reopened.store("0" * 64, images[0])
    assert len(list(Path(tmp_path, "log", "images").glob("*.png"))) == 1
    large = StoredImages(str(tmp_path / "log"), 1, size)
    assert large.store("1" * 64, bytes(size + 1)) == ""  # what is above the limit alone displaces nothing
    assert [file.stem for file in Path(tmp_path, "log", "images").glob("*.png")] == ["0" * 64]


def test_which_images_are_stored_is_the_secret_of_the_folder(tmp_path: Path) -> None:
    digests = [sha256(b"%d" % n) for n in range(400)]
    drawn = {}
    for folder in ("first", "second"):
        images = StoredImages(str(tmp_path / folder), 0.25, 1000)
        drawn[folder] = [images.takes(digest) for digest in digests]
        assert 60 <= sum(drawn[folder]) <= 140  # 100 expected, sd 8.7
        again = StoredImages(str(tmp_path / folder), 0.25, 1000)
        assert [again.takes(digest) for digest in digests] == drawn[folder]
        salt = tmp_path / folder / "images" / ".salt"
        assert len(salt.read_bytes()) == 32 and salt.stat().st_mode & 0o777 == 0o600
    assert drawn["first"] != drawn["second"]
    (tmp_path / "file").write_text("")
    with pytest.raises(PupilaError, match="Can't write"):
        StoredImages(str(tmp_path / "file"), 0.25, 1000)


def test_images_without_a_log_and_senseless_shares_are_refused(tmp_path: Path) -> None:
    bundle = write_colours(tmp_path / "b")
    with pytest.raises(PupilaError, match="--log-predictions FOLDER"):
        make_service(bundle, ServeSettings(keep_images=0.1))
    for share in ("share=2", "share=", "-0.1"):
        with pytest.raises(PupilaError):
            ServeSettings.parse({"keep_images": share}, "serve")
    Path(tmp_path, "file").write_text("")
    with pytest.raises(PupilaError, match="Can't write"):
        make_service(bundle, ServeSettings(log_predictions=str(tmp_path / "file")))


def test_a_folder_that_can_no_longer_be_written_fails_no_request(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = tmp_path / "log"
    with served(write_colours(tmp_path / "b"), log, keep_images=1) as client:
        post(client, encoded(plain(1, 0, 0)))
        wait_for(lambda: (log / "images").is_dir())
        for file in [*log.rglob("*.*")]:
            file.unlink()
        (log / "images").rmdir()
        (log / "images").write_text("no folder")
        for red in (2, 3):
            post(client, encoded(plain(red, 0, 0)))
    assert [record.file for record in read(log)][-2:] == ["", ""]
    assert sum("Can't store images" in message for message in caplog.messages) == 1  # once


def test_drift_is_reported_once_and_equals_the_detector(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bundle = write_referenced(tmp_path / "b")
    with served(bundle, tmp_path / "log", false_alarm_every=400) as client:
        wait_for(lambda: client.get("/model/drift").json()["status"] == "quiet")
        for content in [*colours(20), *colours(40, seed=2, shift=100)]:
            post(client, content)
        wait_for(lambda: client.get("/model/drift").json()["groups"] == 60)
        live, metrics = client.get("/model/drift").json(), client.get("/metrics").text
    assert live["status"] == "alarm" and 20 < live["alarm_at"] <= 60
    assert (
        "pupila_drift_alarm 1.0" in metrics and 'pupila_drift_stream_evidence{stream="brightness"}' in metrics
    )
    assert sum("Drift" in message for message in caplog.messages) == 1
    again = DriftDetector(Predictor(bundle).reference.observations, 400)  # type: ignore[union-attr]
    for record in read(tmp_path / "log"):
        again.update(observe_records([record], CLASSES))
    assert again.evidence == live["evidence"] and again.alarm_at == live["alarm_at"]
    with served(bundle, tmp_path / "log", false_alarm_every=400) as client:  # after a restart
        wait_for(lambda: client.get("/model/drift").json()["groups"] == 60)
        assert client.get("/model/drift").json() == live


def test_another_model_is_monitored_from_its_own_first_image(tmp_path: Path) -> None:
    first, second = write_referenced(tmp_path / "a"), write_referenced(tmp_path / "b", scale=5)
    current = [first]
    monitor = LiveMonitor(str(tmp_path / "log"), 1000, lambda: current[0])
    monitor.start(threading.Event())

    def add(bundle: Bundle, number: int) -> None:
        monitor.add(record_for(bundle, number), bundle)

    add(first, 1)
    current[0] = second
    assert monitor.describe().groups == 0 and monitor.describe().status == "quiet"
    add(second, 2)
    add(first, 3)  # of a request that still drains
    add(second, 4)
    assert monitor.describe().groups == 2 and monitor.describe().model_version == second.hash
    current[0] = first  # a rollback continues where the version ended
    assert monitor.describe().groups == 1
    add(first, 1)  # the id of another client's request
    add(first, 5)
    assert monitor.describe().groups == 2  # of which one is the same image again
    monitor.miss()
    monitor.fail()
    assert (monitor.describe().status, monitor.describe().unmonitored) == ("failed", 1)


def record_for(bundle: Bundle, number: int) -> PredictionRecord:
    return PredictionRecord(
        time="2026-11-30T10:00:00+00:00", request_id=str(number), item=0, model_version=bundle.hash, image=str(number),
        width=8, height=8, predicted=["red"], outputs={"red": 0.4, "green": 0.3, "blue": 0.3}, confidence=0.4,
        abstained=False, brightness=0.2, sharpness=0.0, embedding=[0.1, 0.2], seconds=0.1,
    )  # fmt: skip


def test_lines_of_others_stop_no_monitor(tmp_path: Path) -> None:
    bundle, log = write_referenced(tmp_path / "b"), tmp_path / "log"
    log.mkdir()
    own = record_for(bundle, 1)
    strange = [own.model_copy(update=change) for change in (
        {"embedding": [0.1] * 5}, {"outputs": {"cat": 1.0}}, {"confidence": float("inf")}, {"time": "never"},
    )]  # fmt: skip
    lines = [each.model_dump_json().replace('null,"abst', 'Infinity,"abst') for each in [*strange, own]]
    Path(log, "predictions.jsonl").write_text("\n".join(["[" * 200_000, *lines, ""]))
    Path(log, "predictions.jsonl.1").mkdir()
    os.mkfifo(log / "predictions.jsonl.2")
    with served(bundle, log) as client:
        wait_for(lambda: client.get("/model/drift").json()["groups"] == 1)
        post(client, encoded(plain(9, 0, 0)))
        wait_for(lambda: client.get("/model/drift").json()["groups"] == 2)


def test_a_bundle_without_reference_is_recorded_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with served(write_colours(tmp_path / "b"), tmp_path / "log") as client:
        post(client, encoded(plain(9, 9, 9)))
        assert client.get("/model/drift").json()["status"] == "no-reference"
    assert len(read(tmp_path / "log")) == 1
    assert any("has no reference" in message for message in caplog.messages)


class Broken:
    """A monitor that fails."""

    failed = False

    def start(self, ending: threading.Event) -> None:
        pass

    def miss(self) -> None:
        pass

    def fail(self) -> None:
        self.failed = True

    def add(self, record: PredictionRecord, bundle: Bundle) -> None:
        raise RuntimeError("broken")


def test_a_monitor_that_fails_stops_neither_service_nor_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bundle = write_colours(tmp_path / "b")
    predictor, log = Predictor(bundle), PredictionLog(str(tmp_path / "log"), 10**6)
    log.start(broken := Broken())
    image = predictor.preprocess(encoded(plain(9, 0, 0)))
    (prediction,) = predictor.predict_batch([image])
    trace = ImageTrace(RequestNote("r", "", time.perf_counter()), "a", None, 8, 8, None)
    for _ in range(3):
        log.write(trace, prediction, read_bundle(bundle.folder))
    log.close()
    assert len(read(tmp_path / "log")) == 3 and broken.failed
    assert sum("no longer monitored" in message for message in caplog.messages) == 1


def test_a_fault_of_the_log_fails_no_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a fault")

    with served(write_colours(tmp_path / "b"), tmp_path / "log") as client:
        for name in ("measure_appearance", "_make_record"):
            with monkeypatch.context() as patched:
                patched.setattr(f"pupila.stages.serve.recording.{name}", fail)
                post(client, encoded(plain(9, 0, 0)))
        post(client, encoded(plain(9, 0, 0)))
    assert len(read(tmp_path / "log")) == 1
    assert sum("can't be recorded" in message for message in caplog.messages) == 1


def test_images_that_wait_take_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pupila.stages.serve.recording._MOST_BYTES", 1000)
    bundle, log = write_colours(tmp_path / "b"), tmp_path / "log"
    predictor = Predictor(bundle)
    recorded = PredictionLog(str(log), 10**6, StoredImages(str(log), 1, 10**6))
    (prediction,) = predictor.predict_batch([predictor.preprocess(encoded(plain(9, 0, 0)))])
    note = RequestNote("r", "", time.perf_counter())
    for number in range(5):  # before anything is stored
        content = partial(bytes, [number] * 300)
        recorded.write(ImageTrace(note, f"{number:064x}", content, 8, 8, None), prediction, bundle)
    recorded.start(Broken())
    recorded.close()
    assert [bool(record.file) for record in read(log)] == [True, True, True, False, False]


def test_lines_are_json_without_private_content(tmp_path: Path) -> None:
    with served(write_colours(tmp_path / "b"), tmp_path / "log") as client:
        client.post("/predict/single", files={"file": ("name of a person.png", encoded(plain(9, 0, 0)))})
    content = Path(tmp_path, "log", "predictions.jsonl").read_text()
    assert "person" not in content
    assert set(json.loads(content)) == set(PredictionRecord.model_fields)
