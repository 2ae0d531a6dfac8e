"""Nets: each name becomes logits at any side that it allows, and our own nets are built as they say."""

import pytest
import torch
from torch import nn

from pupila.core.errors import PupilaError
from pupila.learning.models.classify import build_classifier as build
from pupila.learning.models.nets import NETS
from pupila.learning.models.network import Network, WholeNetwork, build_head, describe_head
from pupila.learning.models.settings import ClassifierSettings

# The smallest of timm's kinds: one that takes any side, and two whose side is fixed when they are created.
TIMM = ("test_resnet", "test_vit_relpos", "test_coatnet")


def untrained(model: str, side: int | None = None, classes: int = 3) -> Network:
    return build(ClassifierSettings(model=model, weights="none"), classes, side)


@pytest.mark.parametrize(
    ("model", "side"), [(name, side) for name in NETS for side in (64, 96)] + [(name, 96) for name in TIMM]
)
@torch.inference_mode()
def test_every_network_returns_logits_for_the_requested_image_size(model: str, side: int) -> None:
    network = untrained(model, side)
    assert (network.preprocessing.height, network.preprocessing.width) == (side, side)
    logits, embedding = WholeNetwork(network).eval()(torch.zeros(2, 3, side, side))
    assert logits.shape == (2, 3)
    assert embedding.shape == (2, network.size)


@pytest.mark.parametrize("model", NETS)
def test_our_own_blocks_are_the_whole_encoder_each_part_once(model: str) -> None:
    network = untrained(model)
    parts = [id(p) for block in network.blocks for p in block.parameters()]
    assert sorted(parts) == sorted(id(p) for p in network.encoder.parameters())
    assert not network.pretrained


def test_the_lenet_bends_with_tanh_alone() -> None:
    kinds = [type(part) for part in untrained("lenet").encoder.modules()]
    assert kinds.count(nn.Tanh) == 4
    assert nn.ReLU not in kinds
    assert kinds.count(nn.Conv2d) == kinds.count(nn.AvgPool2d) == 3


def test_the_dropout_grows_with_depth() -> None:
    encoder = untrained("resnet_dropout").encoder
    shares = [part.p for part in encoder.modules() if isinstance(part, nn.Dropout2d) and part.p]
    assert shares == [0.1, 0.2, 0.3, 0.5]
    assert [part.p for part in encoder.modules() if isinstance(part, nn.Dropout)] == [0.5]


def test_the_big_net_has_the_convolutions_of_a_resnet_18() -> None:
    # one in the stem, 2 in each of 8 blocks, and 3 shortcuts where the width changes
    parts = untrained("resnet_dropout").encoder.modules()
    assert sum(isinstance(part, nn.Conv2d) for part in parts) == 1 + 16 + 3


def test_the_head_is_dense_or_linear_as_requested() -> None:
    dense = build_head(8, describe_head(3, ClassifierSettings(head="dense", head_width=5, dropout=0.25)))
    assert [tuple(p.shape) for p in dense.parameters()] == [(5, 8), (5,), (3, 5), (3,)]
    assert [part.p for part in dense.modules() if isinstance(part, nn.Dropout)] == [0.25]
    assert [
        tuple(p.shape)
        for p in build_head(8, describe_head(3, ClassifierSettings(head="linear"))).parameters()
    ] == [
        (3, 8),
        (3,),
    ]


def test_the_same_seed_gives_the_same_net_and_another_seed_another() -> None:
    hashes = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        hashes.append(untrained("lenet").weights_hash)
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize(
    ("name", "meant"), [("resnet_smal", "resnet_small"), ("mobilenetv2_1000", "mobilenetv2_100")]
)
def test_an_unknown_model_is_answered_with_the_one_meant(name: str, meant: str) -> None:
    with pytest.raises(PupilaError, match=rf"^Unknown model {name}\. Did you mean {meant}\?$"):
        untrained(name)


def test_a_segmentation_model_is_no_classifier() -> None:
    with pytest.raises(
        PupilaError, match=r"^unet is a segmentation model, but this data set has class"
    ) as fault:
        untrained("unet")
    assert fault.value.remedy == "--model mobilenetv2_100"


def test_options_that_no_one_takes_are_refused() -> None:
    with pytest.raises(PupilaError, match=r"test_resnet does not support these options: found .*colour"):
        build(ClassifierSettings(model="test_resnet", weights="none", options={"colour": 1}), 3)
    with pytest.raises(PupilaError, match=r"lenet has no pretrained weights: .*\{'colour': 1\}"):
        build(ClassifierSettings(model="lenet", options={"colour": 1}), 3)


@pytest.mark.parametrize("model", ["lenet", "test_resnet"])
def test_random_weights_bring_no_classifier_to_bundle(model: str) -> None:
    with pytest.raises(PupilaError, match=f"have no classification head: found model={model}, weights=none"):
        build(ClassifierSettings(model=model, weights="none"), None)
