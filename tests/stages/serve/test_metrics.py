"""/metrics of a running service: what was sent is what is counted, under load, after swaps, and with prompts."""

import socket
import threading
import urllib.request
from pathlib import Path
from typing import Any

import pytest

import pupila
from pupila.api.registry import ModelRegistry
from pupila.artifacts.bundle.folder import read_bundle
from pupila.tasks.task import PostProcessing
from tests.artifacts.web.scrapes import GROWING, Samples, read_samples
from tests.colours import plain, write_colours, write_painted, write_pointing
from tests.pictures import encoded
from tests.stages.serve.test_service import form, send_request
from tests.stages.serve.test_swaps import Clients, fill, promote, wait_for

RED, GREEN, BLUE = (encoded(plain(*colour)) for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255)))


def scrape(address: str, types: tuple[str, ...] = ()) -> Samples:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=60) as response:
        assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
        return read_samples(response.read().decode(), types)


def send(address: str, *images: bytes, route: str = "/predict/single", fields: Any = ()) -> int:
    field = "files" if route == "/predict/batch" else "file"
    body, headers = form(*((f"{n}.png", image) for n, image in enumerate(images)), field=field)
    for name, value in fields:
        part = f'--mark\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        body = part + body
    return send_request(address, "POST", route, body, headers)[0]


def test_predictions_stages_and_refusals_are_counted(tmp_path: Path) -> None:
    # The largest probability of a pure colour is 0.58, so that it abstains below 0.6.
    bundle = write_colours(tmp_path / "b", post_processing=PostProcessing(abstain_below=0.6))
    with pupila.serve(bundle.folder, threads=1) as service:
        address = service.url.removeprefix("http://")
        assert [send(address, RED), send(address, RED), send(address, GREEN)] == [200, 200, 200]
        assert send(address, RED, b"no image", BLUE, route="/predict/batch") == 200
        assert send(address, b"no image") == 415
        assert send_request(address, "GET", "/nothing")[0] == 404
        assert send_request(address, "PATCH", "/nowhere/else")[0] == 404
        samples = scrape(address)
    classes = {
        labels[0]: value
        for (name, labels), value in samples.items()
        if name == "pupila_predicted_classes_total"
    }
    assert classes == {"red": 3, "green": 1, "blue": 1}
    assert samples["pupila_predictions_total", ()] == 5
    assert samples["pupila_abstentions_total", ()] == 5
    assert samples["pupila_prediction_confidence_bucket", ("0.6",)] == 5
    assert samples["pupila_prediction_confidence_bucket", ("0.5",)] == 0
    assert samples["pupila_invalid_images_total", ("not-an-image",)] == 2
    assert samples["pupila_http_requests_total", ("POST", "/predict/single", "200")] == 3
    assert samples["pupila_http_requests_total", ("POST", "/predict/single", "415")] == 1
    assert samples["pupila_http_requests_total", ("GET", "other", "404")] == 1
    assert samples["pupila_http_refusals_total", ("not-an-image",)] == 1
    assert samples["pupila_http_refusals_total", ("not-found",)] == 2
    counts = {
        stage: samples["pupila_stage_duration_seconds_count", (stage,)]
        for stage in ("read", "decode", "wait")
    }
    assert counts == {"read": 5, "decode": 7, "wait": 5}  # requests, images, predicted images
    assert (
        samples["pupila_stage_duration_seconds_count", ("model",)]
        == samples["pupila_batch_size_images_count", ()]
    )
    assert samples["pupila_batch_size_images_sum", ()] == 5
    assert samples["pupila_ready", ()] == 1
    assert (samples["pupila_queue_images", ()], samples["pupila_queue_limit_images", ()]) == (0, 256)
    assert samples["pupila_http_connections", ()] >= 1
    assert samples["pupila_model_info", ("colours", "", "classify", bundle.hash[:12])] == 1


def test_explained_images_and_classes_of_masks_are_counted(tmp_path: Path) -> None:
    half = plain(255, 0, 0)
    half[:, 8:] = (0, 0, 255)
    with pupila.serve(write_painted(tmp_path / "b").folder) as service:
        address = service.url.removeprefix("http://")
        assert send(address, encoded(half)) == 200
        assert send(address, RED, fields=[("explain", "true")]) == 422
        samples = scrape(address)
    assert samples["pupila_predicted_classes_total", ("red",)] == 1
    assert samples["pupila_predicted_classes_total", ("green",)] == 0
    assert samples["pupila_predicted_classes_total", ("blue",)] == 1
    assert samples["pupila_predictions_total", ()] == 1
    assert samples["pupila_http_refusals_total", ("no-heat-map",)] == 1


def test_a_promptable_bundle_has_its_own_stages_and_its_cache(tmp_path: Path) -> None:
    with pupila.serve(write_pointing(tmp_path / "b").folder) as service:
        address = service.url.removeprefix("http://")
        for image in (RED, RED, GREEN):
            assert send(address, image, route="/segment", fields=[("points", "[[3,3]]")]) == 200
        samples = scrape(address)
    stages = {
        labels[0]: value
        for (name, labels), value in samples.items()
        if name == "pupila_stage_duration_seconds_count"
    }
    assert stages == {"read": 3, "decode": 2, "wait": 5, "encode": 2, "prompt": 3, "respond": 3}
    assert samples["pupila_embedding_lookups_total", ("hit",)] == 1
    assert samples["pupila_embedding_lookups_total", ("miss",)] == 2
    assert samples["pupila_cached_embeddings", ()] == 2
    assert samples["pupila_cached_embeddings_bytes", ()] > 0
    assert samples["pupila_predictions_total", ()] == 3
    assert not any(name == "pupila_predicted_classes_total" for name, _ in samples)


def test_counters_never_fall_under_load_and_end_at_what_was_sent(tmp_path: Path) -> None:
    with pupila.serve(write_colours(tmp_path / "b").folder, threads=2) as service:
        address = service.url.removeprefix("http://")
        scrapes = []
        with Clients(address, 8) as clients:
            for _ in range(5):
                before = len(clients.responses)
                while len(clients.responses) < before + 16:
                    clients.stop.wait(0.001)
                scrapes.append(scrape(address, GROWING))
        last = scrape(address, GROWING)
    for earlier, later in zip(scrapes, [*scrapes[1:], last], strict=True):
        assert all(later[sample] >= value for sample, value in earlier.items())
        assert later["pupila_predictions_total", ()] > earlier["pupila_predictions_total", ()]
    sent = len(clients.responses)
    assert {status for _, status, _ in clients.responses} == {200}
    assert last["pupila_predictions_total", ()] == sent
    assert last["pupila_prediction_confidence_count", ()] == sent
    assert last["pupila_batch_size_images_sum", ()] == sent
    assert last["pupila_http_requests_total", ("POST", "/predict/single", "200")] == sent
    for stage in ("read", "decode", "wait", "respond"):
        assert last["pupila_stage_duration_seconds_count", (stage,)] == sent


def test_what_the_connection_refuses_is_counted_too(tmp_path: Path) -> None:
    with pupila.serve(write_colours(tmp_path / "b").folder) as service:
        host, port = service.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            connection.sendall(b"this is no HTTP\r\n\r\n")
            while connection.recv(4096):
                pass
        samples = scrape(f"{host}:{port}")
    assert samples["pupila_http_refusals_total", ("invalid-http",)] == 1
    requests = [labels for name, labels in samples if name == "pupila_http_requests_total"]
    assert [(route, status) for _, route, status in requests if status == "400"] == [("other", "400")]


def test_two_services_in_one_process_do_not_clash(tmp_path: Path) -> None:
    bundle = write_colours(tmp_path / "b").folder
    with pupila.serve(bundle) as first, pupila.serve(bundle) as second:
        addresses = [service.url.removeprefix("http://") for service in (first, second)]
        assert send(addresses[0], RED) == 200
        assert [scrape(address)["pupila_predictions_total", ()] for address in addresses] == [1, 0]


def swap_classes(registry: ModelRegistry, root: Path) -> None:
    registry.add(write_colours(root / "other", classes=["cyan", "green", "blue"]).folder, "colours")
    promote(registry, 2)


def test_a_swap_to_other_classes_adds_theirs_and_only_the_current_model_is_named(tmp_path: Path) -> None:
    registry, _ = fill(tmp_path, 1)
    with pupila.serve(f"registry:{registry.uri}#colours", poll_seconds=0.01) as service:
        address = service.url.removeprefix("http://")
        assert send(address, RED) == 200
        swap_classes(registry, tmp_path)
        wait_for(address, lambda f: f["version"] == 2)
        assert send(address, RED) == 200
        samples = scrape(address)
    classes = {
        labels[0]: value
        for (name, labels), value in samples.items()
        if name == "pupila_predicted_classes_total"
    }
    assert classes == {"red": 1, "green": 0, "blue": 0, "cyan": 1}
    models = [labels for name, labels in samples if name == "pupila_model_info"]
    assert models == [("colours", "2", "classify", read_bundle(str(tmp_path / "other")).hash[:12])]
    assert (samples["pupila_model_swaps_total", ()], samples["pupila_model_swap_failed", ()]) == (1, 0)


def test_a_refused_bundle_is_counted_and_makes_the_service_not_ready(tmp_path: Path) -> None:
    registry, _ = fill(tmp_path, 2, corrupt=2)
    with pupila.serve(f"registry:{registry.uri}#colours", poll_seconds=0.01) as service:
        address = service.url.removeprefix("http://")
        assert send_request(address, "GET", "/health/ready")[:1] == (200,)
        promote(registry, 2)
        wait_for(address, lambda f: f["problem"])
        samples = scrape(address)
        status, body, _ = send_request(address, "GET", "/health/ready")
        assert (status, body["status"], body["reason"]) == (503, "not-ready", "swap-failed")
        assert set(body) == {"status", "reason", "model_version"}
        assert send_request(address, "GET", "/health")[:2] == (
            200,
            {"status": "ok", "model_version": body["model_version"]},
        )
        assert send_request(address, "GET", "/health/live")[0] == 200
        assert send(address, RED) == 200
        promote(registry, 1)
        wait_for(address, lambda f: not f["problem"])
        assert send_request(address, "GET", "/health/ready")[0] == 200
    assert samples["pupila_model_swap_failures_total", ()] >= 1
    assert (samples["pupila_model_swap_failed", ()], samples["pupila_ready", ()]) == (1, 0)


def test_the_counts_of_a_scrape_fit_each_other_while_the_model_predicts(tmp_path: Path) -> None:
    with pupila.serve(write_colours(tmp_path / "b").folder) as service:
        address = service.url.removeprefix("http://")
        scrapes: list[Samples] = []
        with Clients(address, 2):
            threads = [threading.Thread(target=lambda: scrapes.append(scrape(address))) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    for samples in scrapes:
        name = "pupila_prediction_confidence"
        assert samples[f"{name}_bucket", ("+Inf",)] == samples[f"{name}_count", ()]
        assert samples[f"{name}_count", ()] == samples["pupila_predictions_total", ()]


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
def test_public_routes_say_state_and_version_alone(tmp_path: Path, path: str) -> None:
    registry, _ = fill(tmp_path, 1)
    with pupila.serve(f"registry:{registry.uri}#colours", poll_seconds=0.01) as service:
        status, body, _ = send_request(service.url.removeprefix("http://"), "GET", path)
    assert status == 200 and set(body) - {"reason"} == {"status", "model_version"}
    assert registry.uri not in str(body)
