"""The hub: without a connection training gives up within seconds, quietly, and the cache is still read."""

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from pupila.core.errors import PupilaError
from pupila.learning.models import hub
from pupila.learning.models.classify import build_classifier
from pupila.learning.models.hub import hub_access, hub_error
from pupila.learning.models.prompt import build_promptable
from pupila.learning.models.segment import build_segmenter
from pupila.learning.models.settings import ClassifierSettings, EncoderSettings


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


class Refusing(BaseHTTPRequestHandler):
    """Answers every request with 404."""

    def do_HEAD(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a server that responds, though only with an error."""
    with HTTPServer(("127.0.0.1", 0), Refusing) as served:
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()
        thread.join()


@pytest.fixture
def black_hole(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server that accepts connections and says nothing; nobody waits long for it."""
    monkeypatch.setattr(hub, "_PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield f"http://127.0.0.1:{silent.getsockname()[1]}"


def test_a_hub_that_responds_is_used(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", server)
    with hub_access("x"):
        assert not constants.HF_HUB_OFFLINE


def test_a_hub_behind_a_proxy_is_reached_by_the_proxy(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://no-such-host.invalid")
    monkeypatch.setenv("http_proxy", server)
    with hub_access("x"):
        assert not constants.HF_HUB_OFFLINE


def test_a_proxy_that_refuses_or_is_silent_is_no_connection(
    server: str, black_hole: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "https://no-such-host.invalid")
    for proxy in (server, black_hole):  # the first answers CONNECT with an error
        monkeypatch.setenv("https_proxy", proxy)
        with hub_access("x"):
            assert constants.HF_HUB_OFFLINE


@pytest.mark.parametrize(
    ("build", "settings"),
    [
        (build_classifier, {"model": "test_resnet"}),
        (build_segmenter, {"model": "unet", "encoder": "test_resnet"}),
        (build_promptable, {"model": "pupila-sam", "encoder": "test_resnet"}),
        (build_promptable, {"model": "sam-vit-base"}),
    ],
)
def test_a_silent_hub_is_one_error_for_every_library(
    black_hole: str, build: Any, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", black_hole)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    name = settings.get("encoder", settings["model"])
    kind: Any = ClassifierSettings if build is build_classifier else EncoderSettings
    with pytest.raises(PupilaError, match=f"Can't download the weights of {name}: no connection to the hub"):
        build(kind(**settings), 3, 64 if name == "test_resnet" else None)


def test_without_a_connection_the_cache_alone_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with hub_access("x"):
        assert constants.HF_HUB_OFFLINE
    assert not constants.HF_HUB_OFFLINE


def test_a_slow_lookup_of_the_host_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "_PATIENCE", 0.1)

    def look_up(*_: object, **__: object) -> None:
        time.sleep(1)
        raise OSError("no answer")

    monkeypatch.setattr(socket, "create_connection", look_up)
    start = time.monotonic()
    with hub_access("x"):
        assert constants.HF_HUB_OFFLINE
    assert time.monotonic() - start < 0.9


def test_weights_that_can_not_be_downloaded_are_one_quick_and_quiet_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    start = time.monotonic()
    with pytest.raises(PupilaError) as fault:
        build_classifier(ClassifierSettings(model="test_resnet"), 3)
    assert time.monotonic() - start < 5
    assert str(fault.value) == (
        "Can't download the weights of test_resnet: no connection to the hub.\n"
        "  Try: --weights FILE.safetensors, or --weights none"
    )
    assert capfd.readouterr().err == ""


def test_another_fault_of_the_hub_is_named() -> None:
    assert hub_error("x", OSError("the disk is full\nmore")).actual == "the disk is full"
