"""Whether fold models look at the same places: known correlations, and ensembles whose members are drawn."""

import copy
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

import pupila
from pupila.artifacts.bundle.folder import HEADS_FILE, Bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.learning.models.ensemble import average_networks
from pupila.learning.models.network import Body, Network
from pupila.learning.models.rebuild import rebuild_members
from pupila.learning.models.served import ServedNetwork
from pupila.learning.models.settings import ClassifierSettings, EncoderSettings
from pupila.stages.explain.agreement import check_agreement, decide
from pupila.stages.explain.checks import compare_members
from pupila.stages.explain.explainer import Explainer
from pupila.stages.explain.explainers import EXPLAINERS
from pupila.stages.explain.explanation import ImagesToExplain
from pupila.stages.explain.settings import ExplainSettings
from pupila.statistics.estimate import Estimate
from tests.pictures import write_classes
from tests.untrained import CLASSES, draw_network, write_network

SIDE = 64
DRAWN = ClassifierSettings(weights="none", model="test_efficientnet", head="linear")
DENSE = ClassifierSettings(weights="none", model="test_efficientnet", head="dense")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_classes(tmp_path_factory.mktemp("insects") / "insects", dict.fromkeys(CLASSES, 4)) / "ant"


def with_head(network: Network, scale: float, seed: int | None = None) -> Network:
    """A member on the same encoder: its head scaled, or drawn again."""
    head = copy.deepcopy(network.head)
    if seed is not None:
        torch.manual_seed(seed)
    with torch.no_grad():
        for tensor in head.parameters():
            tensor.copy_(scale * (tensor if seed is None else torch.randn_like(tensor)))
    return replace(network, head=head)


def with_encoder(network: Network) -> Network:
    """A member with an equal encoder of its own."""
    encoder, blocks = copy.deepcopy((network.encoder, network.blocks))
    return replace(network, body=Body.of(encoder, blocks), head=copy.deepcopy(network.head))


def test_the_correlation_is_the_mean_over_pairs_of_members() -> None:
    maps = np.random.default_rng(0).random((3, 12, 5, 5))
    checked = check_agreement(list(maps), np.arange(12))
    pairs = [spearmanr(a.ravel(), b.ravel()).statistic
             for row in range(12)
             for a, b in combinations(maps[:, row], 2)]  # fmt: skip
    assert checked.correlation.value == pytest.approx(np.mean(pairs))
    assert (checked.members, checked.images, checked.groups) == (3, 12, 12)
    assert checked.verdict == "different places"


@pytest.mark.parametrize(
    ("sign", "verdict"), [(1, "same places"), (-1, "different places")], ids=["equal", "opposite"]
)
def test_equal_maps_agree_and_opposite_ones_do_not(sign: int, verdict: str) -> None:
    maps = np.random.default_rng(0).random((12, 5, 5))
    checked = check_agreement([list(maps), list(sign * maps)], np.arange(12))
    assert checked.correlation.value == pytest.approx(sign) and checked.verdict == verdict
    assert checked.correlation.low == checked.correlation.high == pytest.approx(sign)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.71, 0.9, "same places"), (0.1, 0.69, "different places"), (0.6, 0.8, "undecided"),
        (None, None, "undecided"),
    ],
)  # fmt: skip
def test_the_verdict_needs_an_interval(low: float | None, high: float | None, verdict: str) -> None:
    assert decide(Estimate(value=0.7, low=low, high=high)) == verdict


def check_members(bundle: Bundle) -> None:
    """The mean of the members' logits is that of the bundle."""
    inputs = np.random.default_rng(0).standard_normal((2, 3, SIDE, SIDE), dtype=np.float32)
    with torch.inference_mode():
        logits = [
            ServedNetwork(each)(torch.from_numpy(inputs))[0].numpy() for each in rebuild_members(bundle)
        ]
    assert len(logits) == 2
    assert np.mean(logits, axis=0) == pytest.approx(Predictor(bundle).logits(inputs), rel=1e-3, abs=1e-3)


def test_the_hidden_layers_of_an_ensemble_on_one_encoder_are_part_of_its_bundle(tmp_path: Path) -> None:
    network = draw_network("classify", DENSE, SIDE)
    members = average_networks([network, with_head(network, 1.0, seed=1)])
    check_members(write_network(tmp_path / "bundle", members))


def compare(bundle: Bundle, photos: Path, most: int) -> float | None:
    """The correlation alone, without the other checks."""
    explainer = EXPLAINERS[bundle.info.task](bundle, ExplainSettings())
    assert isinstance(explainer, Explainer)
    images = ImagesToExplain(sorted(map(str, photos.iterdir()))[:most], np.arange(most))
    shown = [(each, each.prepared) for each in explainer.explain(images) if each.prepared is not None]
    assert len(shown) == most
    agreement = compare_members(explainer, shown, np.arange(most))
    assert agreement is not None
    return agreement.correlation.value


@pytest.mark.parametrize(("scale", "correlation"), [(1.0, 1.0), (-0.5, -1.0)], ids=["equal", "opposite"])
def test_heads_on_one_encoder_agree_as_their_weights_do(
    scale: float, correlation: float, photos: Path, tmp_path: Path
) -> None:
    network = draw_network("classify", DRAWN, SIDE)
    bundle = write_network(tmp_path / "bundle", average_networks([network, with_head(network, scale)]))
    assert HEADS_FILE in bundle.info.files
    check_members(bundle)
    result = pupila.explain(bundle, photos, check=True, out=tmp_path / "out")
    agreement = result.report.agreement
    assert agreement is not None and agreement.members == 2 and agreement.images == 4
    assert agreement.correlation.value == pytest.approx(
        correlation, abs=1e-3
    )  # single cells may be equal but for rounding
    page = (tmp_path / "out/explain.html").read_text()
    assert "the 2 fold models look at the same places" in page and "0 is chance" in page


def test_members_with_encoders_of_their_own_are_compared(photos: Path, tmp_path: Path) -> None:
    network = draw_network("classify", DRAWN, SIDE)
    bundle = write_network(tmp_path / "bundle", average_networks([network, with_encoder(network)]))
    assert HEADS_FILE not in bundle.info.files and "weights_1.safetensors" in bundle.info.files
    check_members(bundle)
    assert compare(bundle, photos, 4) == pytest.approx(1)


def test_masks_are_compared_on_the_region_that_the_ensemble_predicts(photos: Path, tmp_path: Path) -> None:
    network = draw_network(
        "segment", EncoderSettings(weights="none", model="unet", encoder="test_efficientnet"), SIDE
    )
    bundle = write_network(tmp_path / "bundle", average_networks([network, with_encoder(network)]))
    assert compare(bundle, photos, 2) == pytest.approx(1)


def test_a_single_model_has_no_fold_models_to_compare(photos: Path, tmp_path: Path) -> None:
    bundle = write_network(tmp_path / "bundle", draw_network("classify", DRAWN, SIDE))
    result = pupila.explain(bundle, photos, most=2, check=True, out=tmp_path / "out")
    assert result.report.agreement is None and rebuild_members(bundle) == []
    assert "fold models" not in (tmp_path / "out/explain.html").read_text()
