"""Heat maps of a last feature map: torch against the closed form, and both against pytorch-grad-cam."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_grad_cam import GradCAM, HiResCAM  # type: ignore[import-untyped]
from torch import Tensor, nn

from pupila.artifacts.bundle.predictor import Predictor
from pupila.imaging.images.decode import Array
from pupila.learning.models.ensemble import average_networks
from pupila.learning.models.network import MapEncoder, Network, WholeNetwork
from pupila.learning.models.settings import ClassifierSettings, EncoderSettings
from pupila.stages.explain.classify import class_logit
from pupila.stages.explain.gradients import NoFeatureMap, gradient_maps
from pupila.stages.explain.segment import SEGMENT_SCORE
from pupila.stages.explain.target import DECODER, LAST
from tests.untrained import draw_network, write_network

SIDE = 96
TINY = ClassifierSettings(weights="none", model="test_efficientnet", head="linear")
DENSE = ClassifierSettings(weights="none", model="test_efficientnet", head="dense", head_width=32)
OWN = [ClassifierSettings(weights="none", model=name) for name in ("lenet", "resnet_small", "resnet_dropout")]


def photo(seed: int = 0) -> Array:
    """(3, SIDE, SIDE) float32."""
    coarse = np.random.default_rng(seed).standard_normal((3, 12, 12), dtype=np.float32)
    return np.asarray(np.kron(coarse, np.ones((8, 8), np.float32)))


def draw_closed_form(predictor: Predictor, pixels: Array, classes: list[int]) -> tuple[Array, Array | None]:
    """The logits (C,) of (3, SIDE, SIDE) pixels, and their maps (K, h, w) without torch; None: there are none."""
    logits, feature_maps = predictor.logits_with_map(pixels[None])
    assert predictor.draws_heat_maps == (
        feature_maps is not None and predictor.heat_maps(logits[0], feature_maps[0], [0]) is not None
    )
    maps = None if feature_maps is None else predictor.heat_maps(logits[0], feature_maps[0], classes)
    return logits[0], maps


def close(ours: Array, theirs: Array) -> bool:
    return bool(np.abs(ours - theirs).max() <= 1e-5 * np.abs(theirs).max())


class MapAsLayer(nn.Module):
    """An encoder and its head, with the last feature map as the output of a layer that others can hook."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        assert isinstance(network.encoder, MapEncoder)
        self.whole, self.layer = WholeNetwork(network), nn.Identity()

    def forward(self, pixels: Tensor) -> Any:
        _, feature_map = self.whole.encoder.embed_with_map(pixels)  # type: ignore[operator]
        return self.whole.head(self.layer(feature_map).mean(dim=(2, 3)))


class Logits(nn.Module):
    """The logits alone."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.whole = WholeNetwork(network)

    def forward(self, pixels: Tensor) -> Any:
        return self.whole(pixels)[0]


def others(
    kind: Any, model: nn.Module, layer: nn.Module, target: Callable[[Tensor], Tensor], pixels: Array
) -> Array:
    """The raw map of pytorch-grad-cam, which is scaled only where it is drawn."""
    with kind(model=model, target_layers=[layer]) as cam:
        output = cam.activations_and_grads(torch.from_numpy(pixels[None]).requires_grad_(True))
        target(output[0]).backward()  # type: ignore[no-untyped-call]
        activations = cam.activations_and_grads.activations[0].cpu().numpy()
        gradients = cam.activations_and_grads.gradients[0].cpu().numpy()
        return np.asarray(cam.get_cam_image(None, layer, [target], activations, gradients, False)[0])


@pytest.mark.parametrize("settings", [TINY, DENSE])
@pytest.mark.parametrize("number", [0, 2])
def test_the_closed_form_is_the_map_of_torch_and_of_other_software(
    settings: ClassifierSettings, number: int, tmp_path: Path
) -> None:
    network, pixels = draw_network("classify", settings, SIDE), photo()
    ours = gradient_maps(network, pixels, class_logit(number, pixels), "gradcam")[LAST]
    predictor = Predictor(write_network(tmp_path / "bundle", network))
    logits, closed = draw_closed_form(predictor, pixels, [1, number])
    assert closed is not None and close(closed[1], ours) and ours.shape == (3, 3)
    model = MapAsLayer(network)
    assert close(ours, others(GradCAM, model, model.layer, lambda logits: logits[number], pixels))
    assert close(ours, gradient_maps(network, pixels, class_logit(number, pixels), "hirescam")[LAST])
    bias = network.head.state_dict().get("bias", torch.zeros(3))[number]
    if settings is TINY:  # the map sums to the logit minus its bias
        assert ours.sum() == pytest.approx(logits[number] - float(bias), abs=1e-4)


@pytest.mark.parametrize("settings", OWN)
@pytest.mark.parametrize("method", ["gradcam", "hirescam"])
def test_networks_of_our_own_have_the_maps_of_other_software(
    settings: ClassifierSettings, method: str
) -> None:
    network, pixels = draw_network("classify", settings, SIDE), photo(1)
    ours = gradient_maps(network, pixels, class_logit(1, pixels), method)[LAST]
    kind = {"gradcam": GradCAM, "hirescam": HiResCAM}[method]
    model = Logits(network)
    layer = list(model.whole.encoder.children())[-2]
    assert close(ours, others(kind, model, layer, lambda logits: logits[1], pixels))


def test_a_head_with_large_terms_that_cancel_has_its_closed_form(tmp_path: Path) -> None:
    network, pixels = draw_network("classify", TINY, SIDE), photo(5)
    head: Any = network.head
    with torch.no_grad():  # as standardised features leave it: a large shift that the bias takes back
        embedding = network.encoder(torch.from_numpy(pixels[None]))[0]
        head.weight.mul_(1000.0)
        head.bias.copy_(torch.tensor([0.5, -0.25, 0.1]) - head.weight @ embedding)
    predictor = Predictor(write_network(tmp_path / "bundle", network))
    logits, closed = draw_closed_form(predictor, pixels, [0])
    assert np.abs(logits).max() < 1 and closed is not None


def test_what_is_flattened_needs_torch(tmp_path: Path) -> None:
    network = draw_network("classify", OWN[0], SIDE)
    predictor = Predictor(write_network(tmp_path / "bundle", network))
    assert draw_closed_form(predictor, photo(), [0])[1] is None


@pytest.mark.parametrize(("settings", "closed_form"), [(TINY, True), (DENSE, False)])
def test_flips_are_in_the_closed_form_only_where_the_mean_passes_the_head(
    settings: ClassifierSettings, closed_form: bool, tmp_path: Path
) -> None:
    network = replace(draw_network("classify", settings, SIDE), test_time_flips="horizontal")
    pixels = photo(2)
    ours = gradient_maps(network, pixels, class_logit(0, pixels), "gradcam")[LAST]
    single = replace(network, test_time_flips="none")
    both = [
        gradient_maps(single, each, class_logit(0, each), "gradcam")[LAST]
        for each in (pixels, pixels[..., ::-1].copy())
    ]
    assert close(ours, (both[0] + both[1][:, ::-1]) / 2)
    predictor = Predictor(write_network(tmp_path / "bundle", network))
    closed = draw_closed_form(predictor, pixels, [0])[1]
    assert (closed is not None) == closed_form and (closed is None or close(closed[0], ours))


def test_the_map_of_an_ensemble_is_the_mean_of_those_of_its_members(tmp_path: Path) -> None:
    members = [draw_network("classify", DENSE, SIDE, seed) for seed in (0, 1)]
    network, pixels = average_networks(members), photo(3)
    assert len(network.towers) == 2
    score = class_logit(2, pixels)
    apart = [gradient_maps(member, pixels, score, "gradcam")[LAST] for member in members]
    together = gradient_maps(network, pixels, score, "gradcam")[LAST]
    assert close(together, np.mean(apart, axis=0))
    predictor = Predictor(write_network(tmp_path / "bundle", network))
    closed = draw_closed_form(predictor, pixels, [2])[1]
    assert closed is not None and close(closed[0], together)


@pytest.mark.parametrize("method", ["gradcam", "hirescam"])
def test_a_u_net_has_the_maps_of_other_software_at_the_bottleneck_and_in_the_decoder(method: str) -> None:
    settings = EncoderSettings(weights="none", model="unet", encoder="test_efficientnet")
    network, pixels = draw_network("segment", settings, SIDE), photo(4)
    with torch.inference_mode():
        logits = WholeNetwork(network)(torch.from_numpy(pixels[None]))[0][0].numpy()
    region = torch.from_numpy(logits.argmax(axis=0) == 1)
    assert 0 < region.sum() < region.numel()
    ours = gradient_maps(network, pixels, SEGMENT_SCORE.score(1, logits), method)
    assert [*ours] == [LAST, DECODER]
    kind = {"gradcam": GradCAM, "hirescam": HiResCAM}[method]
    model = Logits(network)
    decoder: Any = model.whole.head.decoder
    layers = {LAST: decoder.center, DECODER: decoder.blocks[2]}
    for name, layer in layers.items():
        theirs = others(kind, model, layer, lambda logits: logits[1][region].sum(), pixels)
        assert close(ours[name], theirs), name


def test_tokens_have_no_map() -> None:
    settings = ClassifierSettings(weights="none", model="test_vit", head="linear")
    network = draw_network("classify", settings, 160)
    pixels = np.zeros((3, 160, 160), np.float32)
    with pytest.raises(NoFeatureMap):
        gradient_maps(network, pixels, class_logit(0, pixels), "gradcam")


def test_mobilenet_on_its_weights(real_weights: Callable[[str], Path], tmp_path: Path) -> None:
    weights = str(real_weights("mobilenetv2_100.safetensors"))
    network = draw_network("classify", ClassifierSettings(model="mobilenetv2_100", weights=weights), 128)
    pixels = np.random.default_rng(0).standard_normal((3, 128, 128), dtype=np.float32)
    ours = gradient_maps(network, pixels, class_logit(1, pixels), "gradcam")[LAST]
    model = MapAsLayer(network)
    assert close(ours, others(GradCAM, model, model.layer, lambda logits: logits[1], pixels))
    predictor = Predictor(write_network(tmp_path / "bundle", network))
    closed = draw_closed_form(predictor, pixels, [1])[1]
    assert closed is not None and close(closed[0], ours)
