"""Explain some images with one bundle, check the maps, and write the report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.report.explanation import ExplainedImage, ExplainReport, MapFile
from pupila.core import files
from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.imaging.images.decode import Array
from pupila.imaging.images.heat import encode_heat
from pupila.imaging.images.memory import NamedBytes
from pupila.stages.explain.explainer import Explainer
from pupila.stages.explain.explanation import Explanation
from pupila.stages.explain.faithfulness import check_faithfulness
from pupila.stages.explain.localisation import localise
from pupila.stages.explain.settings import ExplainSettings
from pupila.stages.explain.shortcuts import collect_classes, find_shortcut

if TYPE_CHECKING:
    from pupila.learning.models.network import Network

_USUAL = 0.95  # quantile of the images' strongest cells that ends the colour scale


@dataclass(frozen=True, slots=True)
class ImagesToExplain:
    """Images, and what is known of them."""

    sources: Sequence[str | NamedBytes]
    groups: Array  # (N,) group numbers; each image its own where nothing is known
    split: str = ""  # of a data set
    left_out: int = 0  # images that were given and are not among them
    skipped: str = ""  # sentences on the files of folders that are no images
    region: Callable[[int, str], Array | None] | None = (
        None  # number of an image and a class to its (H, W) bool region
    )


@dataclass(frozen=True, slots=True)
class ExplainResult:
    """Explanations, and the report on them that is not written yet."""

    report: ExplainReport
    explanations: list[Explanation]


def explain_images(
    bundle: Bundle, name: str, images: ImagesToExplain, settings: ExplainSettings, check: bool = False
) -> ExplainResult:
    """Explain images.

    Args:
        bundle: of the model.
        name: of the model, for the report.
        images: to explain.
        settings: the method, and the class to explain.
        check: whether the maps are compared with those of networks with random weights, and with random maps.

    Raises:
        PupilaError: an unknown class, or a method that the model does not take.
    """
    explainer = Explainer(bundle, settings)
    explanations = []
    with progress(say("explaining"), len(images.sources)) as advance:
        for explanation in explainer.explain(images.sources):
            explanations.append(explanation)
            advance(1)
    report = ExplainReport(
        model=name, version=bundle.hash, task=bundle.info.task, method=explainer.method, split=images.split,
        limits=_find_limits(explanations), images=[_describe(number, each) for number, each in enumerate(explanations)],
        left_out=images.left_out, skipped=images.skipped,
    )  # fmt: skip
    if images.region is not None:
        regions = [
            images.region(number, each.label) if each.maps else None
            for number, each in enumerate(explanations)
        ]
        report = report.model_copy(update={"localisation": localise(explanations, regions, images.groups)})
    if check:
        report = report.model_copy(update=_check(explainer, explanations, images))
    return ExplainResult(report, explanations)


def _find_limits(explanations: Sequence[Explanation]) -> dict[str, float]:
    """The end of each layer's scale: what 95 % of the images do not exceed."""
    strongest: dict[str, list[float]] = {}
    for explanation in explanations:
        for heat_map in explanation.maps:
            strongest.setdefault(heat_map.layer, []).append(float(np.abs(heat_map.cells).max()))
    return {layer: float(np.quantile(values, _USUAL)) for layer, values in strongest.items()}


def _describe(number: int, explanation: Explanation) -> ExplainedImage:
    maps = [
        MapFile(
            layer=each.layer, file=f"maps/{number:04d}{f'-{place}' if place else ''}.png", low=float(each.cells.min()),
            high=float(each.cells.max()), total=float(each.cells.sum()),
        )
        for place, each in enumerate(explanation.maps)
    ]  # fmt: skip
    return ExplainedImage(
        image=explanation.image, label=explanation.label, maps=maps,
        prediction="" if explanation.prediction is None else str(explanation.prediction),
        fault="" if explanation.fault is None else str(explanation.fault),
    )  # fmt: skip


def _check(
    explainer: Explainer, explanations: Sequence[Explanation], images: ImagesToExplain
) -> dict[str, Any]:
    """The fields of the report that need further predictions."""
    shown = [(each, each.prepared) for each in explanations if each.prepared is not None]
    if not shown:
        return {}
    groups = images.groups[[place for place, each in enumerate(explanations) if each.maps]]

    def draw_maps(network: "Network") -> list[Array]:
        other = explainer.with_network(network)
        return [
            next(iter(other.heat_maps(image, other.logits(image.inputs), each.label).values()))
            for each, image in shown
        ]

    fields: dict[str, Any] = {}
    if explainer.can_rebuild:
        from pupila.stages.explain.sanity import check_sanity

        trained = [each.maps[0].cells for each, _ in shown]
        fields["sanity"] = check_sanity(explainer.bundle, trained, draw_maps, groups)
    if all(len(image.inputs) == 1 for _, image in shown):
        inputs = [image.inputs[0] for _, image in shown]
        logits = [explainer.class_logit(image, each.label) for each, image in shown]
        classes = collect_classes([each for each, _ in shown], inputs, logits, groups)
        fields["shortcuts"] = [each for each in map(find_shortcut, classes) if each is not None]
        probabilities = [explainer.probability(image, each.label) for each, image in shown]
        heats = [each.maps[0].placed for each, _ in shown]
        fields["faithfulness"] = check_faithfulness(inputs, heats, probabilities, groups)
    return fields


def write_explanations(result: ExplainResult, page: str, folder: str) -> None:
    """Write `explain.html`, `explain.json` and the maps into the folder.

    Args:
        result: of `explain_images`.
        page: HTML.
        folder: URI.
    """
    report = result.report
    files.write_json(files.join(folder, "explain.json"), report.model_dump(mode="json", by_alias=True))
    files.write_bytes(files.join(folder, "explain.html"), page.encode())
    for described, explanation in zip(report.images, result.explanations, strict=True):
        for entry, heat_map in zip(described.maps, explanation.maps, strict=True):
            content = encode_heat(heat_map.placed, report.limits[entry.layer])
            files.write_bytes(files.join(folder, entry.file), content)
