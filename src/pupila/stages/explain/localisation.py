"""Whether the evidence lies on the known regions of the class."""

from collections.abc import Sequence

import numpy as np

from pupila.artifacts.report.explanation import Localisation
from pupila.imaging.images.decode import Array
from pupila.stages.explain.estimates import estimate_difference, estimate_mean
from pupila.stages.explain.explanation import Explanation
from pupila.statistics.localisation import centred_bump, energy_inside, hits


def localise(
    explanations: Sequence[Explanation], regions: Sequence[Array | None], groups: Array
) -> list[Localisation]:
    """The figures of each layer.

    Args:
        explanations: of N images.
        regions: of each, (H, W) bool over its view: where the explained class is; None: not known.
        groups: (N,) group numbers.
    """
    usable = [
        (explanation, region, group)
        for explanation, region, group in zip(explanations, regions, groups.tolist(), strict=True)
        if explanation.maps and region is not None and region.any() and not region.all()
        and all(heat_map.speaks_for for heat_map in explanation.maps)
    ]  # fmt: skip
    if not usable:
        return []
    shown, areas, own_groups = zip(*usable, strict=True)
    numbers = np.array(own_groups)
    centre = np.array([energy_inside(centred_bump(*area.shape), area) for area in areas])
    layers = []
    for place in range(len(shown[0].maps)):
        placed = [explanation.maps[place].placed for explanation in shown]
        energy = np.array([energy_inside(heat, area) for heat, area in zip(placed, areas, strict=True)])
        pointing = np.array([float(hits(heat, area)) for heat, area in zip(placed, areas, strict=True)])
        layers.append(
            Localisation(
                layer=shown[0].maps[place].layer, images=len(shown), groups=len(set(own_groups)),
                energy=estimate_mean(energy, numbers),
                area=float(np.mean([area.mean() for area in areas])), pointing=estimate_mean(pointing, numbers),
                centre=estimate_difference(energy, centre, numbers),
            )
        )  # fmt: skip
    return layers
