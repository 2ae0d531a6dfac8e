"""What the maps of a model are worth: the checks that need further predictions."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pupila.artifacts.report.explanation import Agreement
from pupila.imaging.images.decode import Array
from pupila.learning.models.network import Network
from pupila.learning.models.rebuild import rebuild_members
from pupila.stages.explain.agreement import check_agreement
from pupila.stages.explain.explanation import Explanation
from pupila.stages.explain.faithfulness import check_faithfulness
from pupila.stages.explain.sanity import check_sanity
from pupila.stages.explain.shortcuts import collect_classes, find_shortcut
from pupila.tasks.task import PreprocessedImage

if TYPE_CHECKING:
    from pupila.stages.explain.explainer import Explainer

Shown = Sequence[tuple[Explanation, PreprocessedImage]]  # images that have maps


def check_maps(explainer: "Explainer", explanations: Sequence[Explanation], groups: Array) -> dict[str, Any]:
    """The fields of the report.

    Args:
        explainer: of the model.
        explanations: of N images.
        groups: (N,) group numbers.
    """
    shown = [(each, each.prepared) for each in explanations if each.prepared is not None]
    if not shown:
        return {}
    groups = groups[[place for place, each in enumerate(explanations) if each.maps]]

    def draw_maps(network: Network) -> list[Array]:
        other = explainer.with_network(network)
        return [_first_map(other, *each, other.logits(each[1].inputs)) for each in shown]

    fields: dict[str, Any] = {}
    if explainer.can_rebuild:
        trained = [each.maps[0].cells for each, _ in shown]
        fields["sanity"] = check_sanity(explainer.bundle, trained, draw_maps, groups)
    if explainer.info.members:
        fields["agreement"] = compare_members(explainer, shown, groups)
    if all(len(image.inputs) == 1 for _, image in shown):
        inputs = [image.inputs[0] for _, image in shown]
        logits = [explainer.class_logit(image, each.label) for each, image in shown]
        classes = collect_classes([each for each, _ in shown], inputs, logits, groups)
        fields["searched"] = [each.label for each in classes]
        fields["shortcuts"] = [each for each in map(find_shortcut, classes) if each is not None]
        probabilities = [explainer.probability(image, each.label) for each, image in shown]
        heats = [each.maps[0].placed for each, _ in shown]
        fields["faithfulness"] = check_faithfulness(inputs, heats, probabilities, groups)
    return fields


def compare_members(explainer: "Explainer", shown: Shown, groups: Array) -> Agreement | None:
    """The maps of each member for the class, and the region, that the ensemble predicts."""
    logits = [explainer.logits(image.inputs) for _, image in shown]
    maps = []
    for member in rebuild_members(explainer.bundle):
        other = explainer.with_network(member)
        maps.append([_first_map(other, *each, own) for each, own in zip(shown, logits, strict=True)])
    return check_agreement(maps, groups) if maps else None


def _first_map(
    explainer: "Explainer", explanation: Explanation, image: PreprocessedImage, logits: Array
) -> Array:
    return next(iter(explainer.heat_maps(image, logits, explanation.label).values()))
