"""Clients of a running service while its model is swapped, as the registry names another one; one bundle is corrupt."""

import http.client
import json
import shutil
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import pupila
from pupila.api.registry import ModelRegistry
from pupila.artifacts.bundle.folder import read_bundle
from pupila.artifacts.bundle.predictor import Predictor
from tests.artifacts.bundle.sealed import edit_info, read_fields
from tests.colours import write_colours, write_painted
from tests.pictures import encoded, photo
from tests.stages.serve.test_service import form, send_request

PHOTOS = [encoded(photo(seed, 60, 40), "JPEG") for seed in range(8)]


@dataclass
class Clients:
    """Threads that send a photo each, again and again."""

    address: str
    count: int
    stop: threading.Event = field(default_factory=threading.Event)
    responses: list[tuple[int, int, dict[str, Any]]] = field(default_factory=list)  # photo, status, body

    def __enter__(self) -> "Clients":
        self.threads = [threading.Thread(target=self.ask, args=(n,)) for n in range(self.count)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def ask(self, number: int) -> None:
        connection = http.client.HTTPConnection(self.address, timeout=60)
        while not self.stop.is_set():
            connection.request("POST", "/predict/single", *form(("x.jpg", PHOTOS[number])))
            response = connection.getresponse()
            self.responses.append((number, response.status, json.loads(response.read())))
        connection.close()


def offline(folder: str) -> tuple[str, list[dict[str, float]]]:
    """The version of a bundle, and the probabilities that it predicts for the photos."""
    predictor = Predictor(read_bundle(folder))
    predictions = (predictor.predict_batch([predictor.preprocess(data)])[0] for data in PHOTOS)
    return predictor.bundle.hash, [prediction.probabilities for prediction in predictions]


def fill(root: Path, count: int, corrupt: int = 0) -> tuple[ModelRegistry, list[str]]:
    """A registry with so many versions, the first one in production; the folders of their bundles.

    The corrupt one has all of its hashes, and golden predictions that are not those of its model.
    """
    registry = pupila.registry(root / "registry")
    folders = [write_colours(root / f"{n}/bundle", scale=1.0 + n).folder for n in range(count)]
    if corrupt:
        home = Path(folders[corrupt - 1])
        golden = {
            name: {label: [9.0] for label in values} for name, values in read_fields(home)["golden"].items()
        }
        edit_info(home, golden=golden)
    for folder in folders:
        registry.add(folder, "colours")
    promote(registry, 1)
    return registry, folders


def promote(registry: ModelRegistry, number: int) -> None:
    registry.promote(f"colours@{number}", force=True, reason="a test of swaps")


def wait_for(address: str, condition: Any) -> dict[str, Any]:
    """What /model/following says, as soon as the condition is true of it."""
    while True:
        _, following, _ = send_request(address, "GET", "/model/following")
        if condition(following):
            return following


def swap_under_load(registry: ModelRegistry, numbers: list[int], corrupt: int, clients: int) -> Clients:
    """Promote one version after the other while clients ask; at a version that is damaged the one before serves on."""
    name = f"registry:{registry.uri}#colours"
    with pupila.serve(name, poll_seconds=0.01, threads=2) as service:
        address = service.url.removeprefix("http://")
        with Clients(address, clients) as asking:
            for number in numbers:
                promote(registry, number)
                if number == corrupt:
                    following = wait_for(address, lambda f: f["problem"])
                    assert "predictions on this machine differ" in following["problem"]
                else:
                    wait_for(address, lambda f, n=number: f["version"] == n)
                before = len(asking.responses)
                while len(asking.responses) < before + 2 * clients:
                    assert all(thread.is_alive() for thread in asking.threads)
                    asking.stop.wait(0.001)
        following = wait_for(address, lambda f: f["draining"] == 0)
        assert following["swaps"] == len([n for n in numbers if n != corrupt])
        assert following["version"] == numbers[-1]
        status, info, _ = send_request(address, "GET", "/model/info")
        _, body, _ = send_request(address, "POST", "/predict/single", *form(("x.jpg", PHOTOS[0])))
        assert (status, info["model_version"]) == (200, body["model_version"])
    return asking


def check_responses(asking: Clients, folders: list[str]) -> Counter[str]:
    """No request failed, and each response is the offline prediction of the version that it names."""
    versions = Counter(body["model_version"] for _, status, body in asking.responses if status == 200)
    served = [folder for folder in folders if read_bundle(folder).hash in versions]
    expected = dict(map(offline, served))
    for number, status, body in asking.responses:
        assert status == 200, body
        assert body["probabilities"] == pytest.approx(expected[body["model_version"]][number], abs=1e-6)
    return versions


def test_no_request_fails_while_the_model_is_swapped(tmp_path: Path) -> None:
    registry, folders = fill(tmp_path, 4, corrupt=3)
    asking = swap_under_load(registry, [2, 3, 4], corrupt=3, clients=3)
    versions = check_responses(asking, folders)
    assert len(versions) == 3  # the corrupt one never predicts
    assert read_bundle(folders[2]).hash not in versions


@pytest.mark.slow
def test_no_request_of_8_clients_fails_in_50_swaps(tmp_path: Path) -> None:
    registry, folders = fill(tmp_path, 52, corrupt=30)
    asking = swap_under_load(registry, list(range(2, 53)), corrupt=30, clients=8)
    versions = check_responses(asking, folders)
    print(f"serve: {len(asking.responses)} responses of {len(versions)} versions")
    assert len(versions) == 51


def test_a_response_in_png_names_its_version_too(tmp_path: Path) -> None:
    bundle = write_painted(tmp_path / "painted")
    with pupila.serve(bundle.folder) as service:
        connection = http.client.HTTPConnection(service.url.removeprefix("http://"), timeout=60)
        body, headers = form(("x.jpg", PHOTOS[0]))
        connection.request("POST", "/predict/single", body, headers | {"Accept": "image/png"})
        response = connection.getresponse()
        assert (response.status, response.getheader("x-model-version")) == (200, bundle.hash)
        response.read()
        connection.close()


def test_a_fixed_version_is_not_polled(tmp_path: Path) -> None:
    registry, _ = fill(tmp_path, 1)
    with pupila.serve(f"registry:{registry.uri}#colours@1", poll_seconds=0.01) as service:
        assert send_request(service.url.removeprefix("http://"), "GET", "/model/following")[0] == 404


def test_a_registry_that_vanishes_and_comes_back(tmp_path: Path) -> None:
    registry, folders = fill(tmp_path, 2)
    with pupila.serve(f"registry:{registry.uri}#colours", poll_seconds=0.01) as service:
        address = service.url.removeprefix("http://")
        shutil.move(registry.uri, tmp_path / "away")
        assert wait_for(address, lambda f: f["unreachable_since"])["version"] == 1
        status, body, _ = send_request(address, "POST", "/predict/single", *form(("x.jpg", PHOTOS[0])))
        assert (status, body["model_version"]) == (200, read_bundle(folders[0]).hash)
        shutil.move(tmp_path / "away", registry.uri)
        promote(registry, 2)
        assert wait_for(address, lambda f: f["version"] == 2)["unreachable_since"] is None
