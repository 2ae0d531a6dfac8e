"""The checks of maps: a cascade of drawn weights, uncovering in their order, and how they lie on regions."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from pupila.imaging.images.decode import Array
from pupila.imaging.images.preprocess import Preprocessing
from pupila.learning.models.settings import ClassifierSettings
from pupila.stages.explain.explanation import Explanation, HeatMap
from pupila.stages.explain.faithfulness import areas, check_faithfulness
from pupila.stages.explain.localisation import localise
from pupila.stages.explain.regions import place_region
from pupila.stages.explain.sanity import check_sanity, decide, randomise
from pupila.statistics.estimate import Estimate
from tests.untrained import draw_network, write_network

SIDE = 40
LEFT = np.zeros((SIDE, SIDE), bool)
LEFT[:, : SIDE // 2] = True


def reads_left(inputs: Array) -> Array:
    """A probability that grows with what is uncovered of the left half."""
    return np.asarray((inputs[:, 0, :, : SIDE // 2] > 0).mean(axis=(1, 2)))


def test_the_areas_are_known_where_the_curve_is() -> None:
    pixels = np.ones((3, SIDE, SIDE), np.float32)
    insertion, deletion = areas(pixels, LEFT.astype(float), reads_left)
    # Uncovered left first: 0, .2, .4, .6, .8, 1, 1, ...; covered left first: the rest of it.
    assert insertion == pytest.approx(0.75) and deletion == pytest.approx(0.25)
    assert areas(pixels, 1.0 - LEFT, reads_left) == pytest.approx((0.25, 0.75))


@pytest.mark.parametrize(("heat", "better"), [(LEFT * 1.0, True), (1.0 - LEFT, False)])
def test_maps_that_matter_beat_random_ones(heat: Array, better: bool) -> None:
    pixels = [np.ones((3, SIDE, SIDE), np.float32)] * 12
    checked = check_faithfulness(pixels, [heat] * 12, [reads_left] * 12, np.arange(12))
    assert checked.insertion.low is not None and checked.insertion.high is not None
    assert (checked.insertion.low > 0) == better and (checked.insertion.high < 0) != better
    assert checked.insertion.other == pytest.approx(0.5, abs=0.05) and checked.images == 12


def explained(heat: Array) -> Explanation:
    return Explanation("a.png", None, "ant", None, [HeatMap("layer", heat[None], heat)])


@pytest.mark.parametrize(("share", "better"), [(1.0, True), (0.5, False), (0.0, False)])
def test_evidence_on_the_region_beats_a_bump_in_the_middle(share: float, better: bool) -> None:
    heat = LEFT * share + ~LEFT * (1 - share)
    (checked,) = localise([explained(heat)] * 12, [LEFT] * 12, np.arange(12))
    assert checked.energy.value == pytest.approx(share) and checked.area == 0.5
    assert checked.centre.low is not None and (checked.centre.low > 0) == better
    assert checked.pointing.value == (1.0 if share >= 0.5 else 0.0)
    assert checked.centre.other == pytest.approx(0.5, abs=0.01)  # half of a symmetrical bump


def test_what_has_no_region_and_what_speaks_against_the_class_is_left_out() -> None:
    heats = [LEFT * 1.0, LEFT * 1.0, -1.0 - LEFT, LEFT * 1.0]
    regions: Sequence[Array | None] = [LEFT, None, LEFT, np.zeros_like(LEFT)]
    (checked,) = localise([explained(heat) for heat in heats], regions, np.arange(4))
    assert checked.images == 1 and checked.energy.low is None  # too few groups
    assert localise([explained(heats[0])], [None], np.arange(1)) == []


@pytest.mark.parametrize("fit", ["squash", "crop", "pad", "corner"])
def test_a_region_lies_where_the_model_sees_it(fit: str) -> None:
    spec = Preprocessing.model_validate({"height": 20, "width": 20, "fit": fit})
    region = np.zeros((30, 60), bool)
    region[:, 30:] = True
    placed = place_region(region, spec)
    rows, columns = placed.nonzero()
    assert columns.min() == 10 and columns.max() == 19
    assert (rows.min(), rows.max()) == {"pad": (5, 14), "corner": (0, 9)}.get(fit, (0, 19))
    assert (place_region(region, spec.model_copy(update={"view": "tile"})) == region).all()


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.6, 0.9, "follows the image"),
        (-0.1, 0.2, "follows the model"),
        (0.3, 0.7, "undecided"),
        (None, None, "undecided"),
    ],
)
def test_the_verdict_needs_an_interval(low: float | None, high: float | None, verdict: str) -> None:
    assert decide(Estimate(value=0.5, low=low, high=high)) == verdict


def test_the_cascade_draws_every_weight_from_the_head_on() -> None:
    network = draw_network("classify", ClassifierSettings(weights="none", model="test_efficientnet"), 64)
    before = {
        name: tensor.clone() for name, tensor in network.encoder.state_dict().items() if tensor.ndim > 1
    }
    head = [tensor.clone() for tensor in network.head.parameters()]
    changed, parts = [], []
    for part in randomise(network):
        parts.append(part)
        changed.append({name for name, tensor in network.encoder.state_dict().items()
                        if name in before and not torch.equal(tensor, before[name])})  # fmt: skip
    assert parts[0] == "head" and parts[-1] == "1" and len(parts) == len(network.blocks) + 1
    assert not changed[0] and changed[-1] == {
        *before
    }  # the head alone at first, and all of the encoder at last
    assert all(earlier <= later for earlier, later in pairwise(changed))
    assert all(not torch.equal(*pair) for pair in zip(head, network.head.parameters(), strict=True))


def test_a_map_that_needs_no_model_follows_the_image(tmp_path: Path) -> None:
    network = draw_network("classify", ClassifierSettings(weights="none", model="test_efficientnet"), 32)
    bundle = write_network(tmp_path / "bundle", network)
    rng = np.random.default_rng(0)
    edges = [rng.random((7, 7)) for _ in range(12)]
    same = check_sanity(
        bundle, edges, lambda network: [each + 0.01 * rng.random((7, 7)) for each in edges], np.arange(12)
    )
    assert same.verdict == "follows the image" and len(same.steps) == len(network.blocks) + 1
    others = check_sanity(bundle, edges, lambda network: [rng.random((7, 7)) for _ in edges], np.arange(12))
    assert others.verdict == "follows the model"
