"""Whether maps follow the model: its weights are drawn again, part after part from the head on."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import nn

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.report.explanation import Sanity, SanityStep, SanityVerdict
from pupila.core.messages import mark, say
from pupila.core.progress import progress
from pupila.imaging.images.decode import Array
from pupila.learning.models.network import Network
from pupila.learning.models.rebuild import rebuild_network
from pupila.stages.explain.estimates import estimate_mean
from pupila.statistics.estimate import Estimate
from pupila.statistics.localisation import rank_correlation

SURVIVES = 0.5  # lower bound of the rank correlation of a map that does not need the model
HEAD = mark("head")
DrawMaps = Callable[[Network], list[Array]]  # a network to the maps of all images


def check_sanity(bundle: Bundle, trained: Sequence[Array], draw_maps: DrawMaps, groups: Array) -> Sanity:
    """The rank correlation of each image's map with that of the network, with more and more of its weights drawn.

    Args:
        bundle: has the trained network.
        trained: its maps of N images.
        draw_maps: makes the maps of the same images and classes with another network.
        groups: (N,) group numbers.
    """
    network = rebuild_network(bundle)
    count = 1 + max(len(tower.blocks) for tower in network.towers)
    steps = []
    with progress(say("comparing with random networks"), count) as advance:
        for part in randomise(network):
            values = [rank_correlation(*pair) for pair in zip(trained, draw_maps(network), strict=True)]
            steps.append(SanityStep(part=part, correlation=estimate_mean(np.array(values), groups)))
            advance(1)
    return Sanity(
        images=len(trained), groups=len(np.unique(groups)), steps=steps, verdict=decide(steps[-1].correlation)
    )


def decide(correlation: Estimate) -> SanityVerdict:
    """The verdict from the last step, at which no weight is a trained one."""
    if correlation.low is None or correlation.high is None:
        return "undecided"
    if correlation.low > SURVIVES:
        return "follows the image"
    return "follows the model" if correlation.high < SURVIVES else "undecided"


def randomise(network: Network, seed: int = 0) -> Iterator[str]:
    """Draw the weights again in place, in a cascade from the head to the first block; yields the name of each part.

    After the last part, whatever lies outside of the blocks is drawn, too.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for tower in network.towers:
            _draw(tower.head)
        yield HEAD
        depth = max(len(tower.blocks) for tower in network.towers)
        for number in range(1, depth + 1):
            for tower in network.towers:
                _draw(tower.encoder if number == depth else tower.blocks[-number])
            yield str(depth - number + 1)


def _draw(module: nn.Module) -> None:
    for part in module.modules():
        reset = getattr(part, "reset_parameters", None)
        if callable(reset):
            reset()
