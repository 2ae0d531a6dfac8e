"""What trainings share: the same numbers as without, one encoder for all heads, and none that is trained."""

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from pupila.learning.engine import make_encoder
from pupila.learning.features import Encoder
from pupila.learning.models.built import BuiltEncoders, own_encoder
from pupila.learning.models.classify import build_classifier
from pupila.learning.models.network import Network, Unfrozen
from pupila.learning.models.settings import ClassifierSettings
from pupila.learning.models.weights import hash_module
from pupila.learning.pool import EncoderPool


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("weights") / "efficient.safetensors"
    torch.manual_seed(0)
    save_file(timm.create_model("test_efficientnet").state_dict(), path)
    return str(path)


def build(weights: str, built: BuiltEncoders | None = None, seed: int = 0, head: str = "dense") -> Network:
    settings = ClassifierSettings.model_validate(
        {"model": "test_efficientnet", "weights": weights, "head": head}
    )
    torch.manual_seed(seed)
    return build_classifier(settings, 2, 64, built)


def test_a_head_on_a_built_encoder_is_drawn_as_on_a_new_one(weights: str) -> None:
    built = BuiltEncoders()
    first = build(weights, built)
    for seed, head in ((0, "linear"), (3, "dense"), (3, "linear"), (0, "dense")):
        shared, alone = build(weights, built, seed, head), build(weights, None, seed, head)
        assert shared.encoder is first.encoder and shared.shared and not alone.shared
        assert hash_module(shared.head, "", {}) == hash_module(alone.head, "", {})
        assert hash_module(shared.encoder, "", {}) == hash_module(alone.encoder, "", {})
        assert shared.weights_hash == alone.weights_hash
        assert torch.rand(1).equal(torch.rand(1, generator=_after(weights, seed, head)))


def _after(weights: str, seed: int, head: str) -> torch.Generator:
    """The random numbers after a network that was built alone, without the one drawn above."""
    state = torch.get_rng_state()
    build(weights, None, seed, head)
    generator = torch.Generator()
    generator.set_state(torch.get_rng_state())
    torch.set_rng_state(state)
    return generator


def test_other_weights_under_the_same_name_are_another_encoder(weights: str, tmp_path: Path) -> None:
    path = tmp_path / "changing.safetensors"
    path.write_bytes(Path(weights).read_bytes())
    built = BuiltEncoders()
    first = build(str(path), built)
    torch.manual_seed(1)
    save_file(timm.create_model("test_efficientnet").state_dict(), path)
    assert build(str(path), built).weights_hash != first.weights_hash


def test_random_weights_are_not_shared() -> None:
    built = BuiltEncoders()
    settings = ClassifierSettings(model="test_efficientnet", weights="none")
    first, second = (build_classifier(settings, 2, 64, built) for _ in range(2))
    assert first.encoder is not second.encoder and not first.shared


def test_a_shared_encoder_is_never_trained_and_a_copy_is(weights: str) -> None:
    shared = build(weights, BuiltEncoders())
    with pytest.raises(AssertionError, match="own_encoder"):
        Unfrozen(shared, 1)
    own = own_encoder(shared)
    assert own.encoder is not shared.encoder and own.head is shared.head
    own_parts = set(own.encoder.modules())
    assert all(part in own_parts for block in own.blocks for part in block.modules() if part in own_parts)
    module = Unfrozen(own, 1)
    trained = [parameter for parameter in module.encoder.parameters() if parameter.requires_grad]
    assert trained and not {id(p) for p in trained} & {id(p) for p in shared.encoder.parameters()}
    assert own_encoder(own) is own


def test_an_engine_is_opened_once_for_a_shared_encoder_and_each_time_for_another(
    weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines: list[str] = []

    def make(engine: str, network: Network, device: str) -> Encoder:
        engines.append(engine)
        return make_encoder(engine, network, device)

    monkeypatch.setattr("pupila.learning.pool.make_encoder", make)
    pool = EncoderPool()
    shared = build(weights, pool.built)
    assert pool.encoder("torch", shared, "cpu") is pool.encoder("torch", shared, "cpu")
    assert pool.encoder("onnxruntime", shared, "cpu") is not pool.encoder("torch", shared, "cpu")
    own = own_encoder(shared)
    assert pool.encoder("torch", own, "cpu") is not pool.encoder("torch", own, "cpu")
    assert engines == ["torch", "onnxruntime", "torch", "torch"]
