"""Networks for masks: what holds for every architecture, encoders from files, and refusals."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from pupila.artifacts.bundle.session import Session
from pupila.core.errors import PupilaError
from pupila.learning.export.graph import to_onnx
from pupila.learning.export.parity import check_logits
from pupila.learning.models.network import WholeNetwork
from pupila.learning.models.segment import ARCHITECTURES, build_segmenter
from pupila.learning.models.settings import EncoderSettings

TINY = "test_efficientnet"


def built(classes: int = 3, side: int = 64, **overrides: Any) -> Any:
    torch.manual_seed(0)
    settings = {"weights": "none", "encoder": TINY, **overrides}
    return build_segmenter(EncoderSettings(**settings), classes, side)


@pytest.mark.parametrize("model", ARCHITECTURES)
def test_every_architecture_answers_every_pixel_and_embeds_the_picture(model: str) -> None:
    network = built(model=model, encoder="test_vit" if model == "dpt" else TINY, side=160)
    with torch.inference_mode():
        logits, embedding = WholeNetwork(network).eval()(torch.zeros(2, 3, 160, 160))
    assert logits.shape == (2, 3, 160, 160)
    assert embedding.shape == (2, network.size)
    assert network.preprocessing.height == 160 and not network.task.caches_features


@pytest.mark.parametrize("model", ["unet", "fpn", "deeplabv3plus", "segformer"])
def test_the_exported_network_answers_as_the_trained_one(model: str) -> None:
    network = built(model=model)
    content = to_onnx(WholeNetwork(network), network.preprocessing, ["logits", "embedding"])
    pixels = np.random.default_rng(0).normal(size=(3, 3, 64, 64)).astype(np.float32)
    with torch.inference_mode():
        ours = WholeNetwork(network).eval()(torch.from_numpy(pixels))[0].numpy()
    assert check_logits([(ours, Session(content).run(pixels)[0])]).largest_difference < 1e-3


def test_a_whole_classifier_lends_its_encoder(tmp_path: Path) -> None:
    for name in ("test_efficientnet", "test_convnext", "test_resnet"):
        model = timm.create_model(name, num_classes=5)
        path = tmp_path / f"{name}.safetensors"
        save_file(model.state_dict(), path)
        path.with_suffix(".json").write_text(
            json.dumps({"model": name, "mean": [0.1, 0.2, 0.3], "std": [1, 1, 1]})
        )
        network = built(encoder="auto", weights=str(path))
        assert network.encoder_name == name and network.pretrained
        assert network.preprocessing.mean == (0.1, 0.2, 0.3)
        lent = network.encoder.model.state_dict()
        whole = model.state_dict()
        same = [key for key in lent if key in whole and torch.equal(lent[key], whole[key])]
        assert len(same) >= 0.9 * len(lent) or name == "test_convnext"  # its stages have other names there


def test_real_encoders_fit_under_a_unet(real_weights: Callable[[str], Path]) -> None:
    for name in ("mobilenetv2_100", "tf_efficientnet_b0_encoder"):
        network = built(encoder="auto", weights=str(real_weights(f"{name}.safetensors")))
        assert network.encoder_name == name.removesuffix("_encoder")
        assert network.weights.source == f"file: {name}.safetensors"


def test_weights_of_another_encoder_are_refused(tmp_path: Path) -> None:
    save_file(timm.create_model("test_resnet").state_dict(), tmp_path / "x.safetensors")
    with pytest.raises(PupilaError, match="do not match the model") as fault:
        built(weights=str(tmp_path / "x.safetensors"))
    assert "missing" in fault.value.actual


@pytest.mark.parametrize(("overrides", "message"), [
    ({"model": "resnet18"}, "resnet18 is a classification model, but this data set has masks"),
    ({"model": "unett"}, "Unknown model unett. Did you mean unet?"),
    ({"encoder": "mobilenetv2_10"}, "Unknown encoder mobilenetv2_10. Did you mean mobilenetv2_140?"),
    ({"encoder": "test_vit"}, "unet can't be built with encoder test_vit"),
    ({"options": {"colour": 1}}, "unet can't be built with"),
])  # fmt: skip
def test_what_can_not_be_built_is_refused_by_name(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(PupilaError, match=message) as fault:
        built(**overrides)
    assert fault.value.remedy or "Did you mean" in fault.value.problem
