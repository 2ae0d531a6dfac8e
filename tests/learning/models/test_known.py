"""Encoders that were built before: the same network without building it, restored where it runs or is trained."""

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from pupila.core import files
from pupila.learning.export.weights import encode_weights
from pupila.learning.models import classify
from pupila.learning.models.classify import build_classifier
from pupila.learning.models.network import Network
from pupila.learning.models.settings import ClassifierSettings
from pupila.learning.models.weights import hash_module

MODEL = "test_efficientnet"


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PUPILA_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "efficient.safetensors"
    torch.manual_seed(0)
    save_file(timm.create_model(MODEL).state_dict(), path)
    return str(path)


def build(weights: str) -> Network:
    torch.manual_seed(3)
    return build_classifier(ClassifierSettings(model=MODEL, weights=weights), 2, 64)


def fail(*_: object, **__: object) -> None:
    raise AssertionError("it is built again")


def test_a_further_network_is_the_same_and_builds_no_encoder(
    weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build(weights)
    stored = encode_weights(first)
    with monkeypatch.context() as patched:
        for name in ("_create_model", "load_timm", "hash_module", "load_weights"):
            patched.setattr(classify, name, fail)
        again = build(weights)
        assert encode_weights(again) == stored
        assert (again.parameters, again.body.depth) == (first.parameters, len(first.blocks))
        assert (again.weights, again.weights_hash, again.preprocessing, again.architecture, again.size) == (
            first.weights, first.weights_hash, first.preprocessing, first.architecture, first.size,
        )  # fmt: skip
    assert hash_module(again.encoder, "", {}) == hash_module(first.encoder, "", {})
    pixels = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert again.encoder.eval()(pixels).equal(first.encoder.eval()(pixels))
    assert [len(list(b.parameters())) for b in again.blocks] == [
        len(list(b.parameters())) for b in first.blocks
    ]


def test_restoring_an_encoder_moves_no_random_number(weights: str) -> None:
    build(weights)
    again = build(weights)
    drawn = torch.rand(1, generator=torch.Generator().set_state(torch.get_rng_state()))
    assert again.encoder is not None and torch.rand(1).equal(drawn)


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x02\x00\x00\x00\x00\x00\x00\x00{}"])
def test_a_record_that_can_not_be_read_is_made_again(weights: str, content: bytes) -> None:
    first = build(weights)
    (path,) = (files.cache_folder() / "encoders").glob("*.safetensors")
    files.write_to_cache(path, content)
    again = build(weights)
    assert again.weights_hash == first.weights_hash and build(weights).weights_hash == first.weights_hash


def test_an_encoder_is_built_again_where_the_cache_was_cleaned_meanwhile(weights: str) -> None:
    build(weights)
    again = build(weights)
    for path in (files.cache_folder() / "encoders").glob("*.safetensors"):
        path.unlink()
    assert hash_module(again.encoder, MODEL, {}) == again.weights_hash
