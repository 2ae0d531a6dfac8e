"""The hub: without a connection training gives up within seconds, quietly, and the cache is still read."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from pupila.core.errors import PupilaError
from pupila.learning.models import hub
from pupila.learning.models.classify import build_classifier
from pupila.learning.models.hub import hub_access, hub_error
from pupila.learning.models.settings import ModelSettings


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "getproxies", dict)


@pytest.fixture
def listener() -> Iterator[str]:
    """The address of a server that accepts connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_hub_that_answers_is_used(listener: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", listener)
    with hub_access():
        assert not constants.HF_HUB_OFFLINE


def test_a_hub_behind_a_proxy_is_reached_by_the_proxy(listener: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "https://no-such-host.invalid")
    monkeypatch.setattr(hub, "getproxies", lambda: {"https": listener})
    with hub_access():
        assert not constants.HF_HUB_OFFLINE


def test_without_a_connection_the_cache_alone_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with hub_access():
        assert constants.HF_HUB_OFFLINE
    assert not constants.HF_HUB_OFFLINE


def test_a_slow_lookup_of_the_host_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "_PATIENCE", 0.1)

    def look_up(*_: object, **__: object) -> None:
        time.sleep(1)
        raise OSError("no answer")

    monkeypatch.setattr(socket, "create_connection", look_up)
    start = time.monotonic()
    with hub_access():
        assert constants.HF_HUB_OFFLINE
    assert time.monotonic() - start < 0.9


def test_weights_that_can_not_be_downloaded_are_one_quick_and_quiet_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    start = time.monotonic()
    with pytest.raises(PupilaError) as fault:
        build_classifier(ModelSettings(model="test_resnet"), 3)
    assert time.monotonic() - start < 5
    assert str(fault.value) == (
        "Can't download the weights of test_resnet: no connection to the hub.\n"
        "  Try: --weights FILE.safetensors, or --weights none"
    )
    assert capfd.readouterr().err == ""


def test_another_fault_of_the_hub_is_named() -> None:
    assert hub_error("x", OSError("the disk is full\nmore")).actual == "the disk is full"
