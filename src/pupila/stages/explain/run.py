"""Explain some images with one bundle, check the maps, and write the report."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.report.explanation import ExplainedImage, ExplainReport, MapFile
from pupila.core import files
from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.imaging.images.heat import encode_heat
from pupila.stages.explain.clicks import summarise_clicks
from pupila.stages.explain.explainers import EXPLAINERS
from pupila.stages.explain.explanation import Explanation, ImagesToExplain
from pupila.stages.explain.localisation import localise
from pupila.stages.explain.settings import PERTURBING, ExplainSettings

_USUAL = 0.95  # quantile of the images' strongest cells that ends the colour scale


@dataclass(frozen=True, slots=True)
class ExplainResult:
    """Explanations, and the report on them that is not written yet."""

    report: ExplainReport
    explanations: list[Explanation]


def explain_images(
    bundle: Bundle, name: str, images: ImagesToExplain, settings: ExplainSettings
) -> ExplainResult:
    """Explain images.

    Args:
        bundle: of the model.
        name: of the model, for the report.
        images: to explain.
        settings: the method, the class to explain, and whether the maps are checked.

    Raises:
        PupilaError: an unknown class, or a method that the model does not take.
    """
    explainer = EXPLAINERS[bundle.info.task](bundle, settings)
    explanations = []
    with progress(say("explaining"), len(images.sources)) as advance:
        for explanation in explainer.explain(images):
            explanations.append(explanation)
            advance(1)
    report = ExplainReport(
        model=name, version=bundle.hash, task=bundle.info.task, method=explainer.method, split=images.split,
        unit=explainer.unit, prompt=images.prompt.options,
        clicks=summarise_clicks([each.clicks for each in explanations], images.groups),
        limits=_find_limits(explanations),
        images=[_describe(number, each) for number, each in enumerate(explanations)],
        left_out=images.left_out, skipped=images.skipped,
        grid=_find_grid(explainer.method, explanations),
    )  # fmt: skip
    if images.region is not None:
        regions = [
            images.region(number, each.label) if each.maps else None
            for number, each in enumerate(explanations)
        ]
        report = report.model_copy(update={"localisation": localise(explanations, regions, images.groups)})
    if settings.check:
        report = report.model_copy(update=explainer.check(explanations, images))
    return ExplainResult(report, explanations)


def _find_grid(method: str, explanations: Sequence[Explanation]) -> tuple[int, int] | None:
    """The rows and columns of the coarsest map; None where maps are of predictions alone."""
    if method in PERTURBING:
        return None
    shapes = [each.cells.shape[-2:] for explanation in explanations for each in explanation.maps]
    return min(shapes, key=min, default=None)


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
        fault="" if explanation.fault is None else str(explanation.fault), clicks=explanation.clicks,
    )  # fmt: skip


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
