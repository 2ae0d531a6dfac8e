"""The page of explanations: what the maps are worth, the maps, and the figures."""

from collections.abc import Sequence
from dataclasses import replace

from pupila.artifacts.report import charts
from pupila.artifacts.report.explanation import (
    Agreement,
    ClickStability,
    ExplainedImage,
    ExplainReport,
    Faithfulness,
    Localisation,
    Sanity,
)
from pupila.artifacts.report.gallery import embed_wide, make_thumbnail
from pupila.artifacts.report.page import Page, PageImage, Section, Table
from pupila.core.messages import integer, mark, number, percent, say, say_images, translate
from pupila.imaging.images.heat import colour_bar
from pupila.stages.explain.clicks import draw_clicks
from pupila.stages.explain.explanation import Explanation
from pupila.stages.explain.sentences import MEASURES, METHODS, sentences

_SIDE = 480  # pixels of the longer side of a drawn image
# Unit of the evidence -> ends of the scale.
_SCALES = {
    "logit": mark("from {low} to {high} in units of the logit"),
    "overlap": mark("from {low} to {high} in units of the soft IoU with the predicted mask"),
}
_CLICK_PLACES = {
    "inside": mark("mean IoU of clicks inside the mask"), "around": mark("mean IoU of clicks around it"),
    "elsewhere": mark("mean IoU of clicks elsewhere"),
}  # fmt: skip
_BAR = (480, 24)  # width and height of the colour scale, pixels


def explanation_page(report: ExplainReport, explanations: Sequence[Explanation]) -> Page:
    """The report as a page.

    Args:
        report: which `explain.json` holds.
        explanations: for the images.
    """
    return Page(
        title=say("Explanations of {model}", model=report.model),
        verdict=sentences(report),
        sections=[
            map_section(report, explanations), *_clicks(report.clicks), *_localisation(report.localisation),
            *_faithfulness(report.faithfulness), *_sanity(report.sanity), *_agreement(report.agreement),
        ],
        footnote=say("Model version {model}.", model=report.version[:12]) + " " + translate(METHODS[report.method]),
    )  # fmt: skip


def map_section(report: ExplainReport, explanations: Sequence[Explanation]) -> Section:
    """The maps of a report by class, and their scale."""
    scales = [
        embed_wide(colour_bar(*_BAR), _describe_scale(layer, limit, report.unit))
        for layer, limit in report.limits.items()
    ]
    galleries = [(say("One scale for all images"), scales)] if scales else []
    by_label: dict[str, list[PageImage]] = {}
    for described, explanation in zip(report.images, explanations, strict=True):
        by_label.setdefault(described.label, []).extend(_draw(described, explanation, report.limits))
    for label, images in by_label.items():
        heading = say("Evidence for {label}", label=label) if label else say("Without a map")
        galleries.append((heading, images))
    text = say(
        "Red speaks for the class, blue against it; no colour is no evidence. A line encloses what exceeds half of the "
        "scale. Images are shown as the model sees them."
    )
    if report.prompt:
        text += " " + say(
            "The prompt is {prompt}; a yellow line encloses the mask that is predicted for it. Evidence is the change "
            "in the soft IoU with this mask as parts of the image are hidden.", prompt=report.prompt,
        )  # fmt: skip
    return Section(say("Maps"), [text], galleries=galleries)


def _describe_scale(layer: str, limit: float, unit: str) -> str:
    ends = translate(_SCALES[unit]).format(low=number(-limit), high=number(limit))
    return f"{translate(layer)}: {ends}" if layer else ends


def _draw(described: ExplainedImage, explanation: Explanation, limits: dict[str, float]) -> list[PageImage]:
    """The image, and each of its maps over it."""
    name = described.image.rpartition("/")[2]
    if explanation.view is None:
        return [PageImage("data:,", f"{name}: {described.fault}", wide=True)]
    view = explanation.draw_over(explanation.view)
    shown = [embed_wide(make_thumbnail(view, _SIDE), f"{name}: {described.prediction}")]
    for entry, heat_map in zip(described.maps, explanation.maps, strict=True):
        drawn = explanation.draw(heat_map, limits[entry.layer])
        words = [translate(entry.layer)] if entry.layer else []
        words.append(say("cells from {low} to {high}, sum {total}", low=number(entry.low), high=number(entry.high),
                         total=number(entry.total)))  # fmt: skip
        if not heat_map.speaks_for:
            words.append(say("nothing speaks for {label}, all evidence is against it", label=described.label))
        shown.append(embed_wide(make_thumbnail(drawn, _SIDE), "; ".join(words)))
    if described.clicks is not None:
        drawn = explanation.draw_over(draw_clicks(explanation.view, described.clicks))
        caption = say("the mask of a click at each square: white IoU 0, green IoU 1; {share} inside have at least 0.8",
                      share=percent(described.clicks.share))  # fmt: skip
        shown.append(embed_wide(make_thumbnail(drawn, _SIDE), caption))
    if len(shown) > 2:  # more than pairs, of which two fill a row
        shown[0] = replace(shown[0], starts_row=True)
    return shown


def _clicks(given: ClickStability | None) -> list[Section]:
    if given is None:
        return []
    rows = [[say("share inside the mask with an IoU of at least 0.8"), given.share.percent_text(),
             given.share.percent_interval_text()]]  # fmt: skip
    rows += [[translate(_CLICK_PLACES[place]), *iou.cells(2)] for place, iou in given.iou.items()]
    text = say(
        "The click moves over a grid of about 100 places inside the mask and one step around it, and over a coarse one "
        "elsewhere; the rest of the prompt stays. Each mask is measured against that of the given click: means over "
        "{images}.", images=say_images(given.images),
    )  # fmt: skip
    header = [say("other clicks"), say("figure"), say("95 % CI")]
    return [Section(say("How the mask changes as the click moves"), [text], tables=[Table(header, rows)])]


def _localisation(layers: Sequence[Localisation]) -> list[Section]:
    if not layers:
        return []
    header = [say("layer"), say("evidence inside the regions"), say("95 % CI"), say("their area"),
              say("a bump in the middle"), say("strongest cell inside"), say("95 % CI")]  # fmt: skip
    rows = [
        [translate(each.layer), each.energy.percent_text(), each.energy.percent_interval_text(), percent(each.area),
         percent(each.centre.other), each.pointing.percent_text(), each.pointing.percent_interval_text()]
        for each in layers
    ]  # fmt: skip
    text = say(
        "Positive evidence only, over {images} with a known region.", images=say_images(layers[0].images)
    )
    return [Section(say("Where the evidence lies"), [text], tables=[Table(header, rows)])]


def _faithfulness(given: Faithfulness | None) -> list[Section]:
    if given is None:
        return []
    header = [
        say("area under the curve"),
        say("maps"),
        say("random maps"),
        say("relative change"),
        say("95 % CI of the difference"),
    ]
    rows = [
        [say("insertion (higher is better)"), *given.insertion.cells()],
        [say("deletion (lower is better)"), *given.deletion.cells()],
    ]
    centre = Table(
        [
            say("area under the curve"),
            say("maps"),
            say("a bump in the middle"),
            say("relative change"),
            say("95 % CI of the difference"),
        ],
        [[say("insertion (higher is better)"), *given.centre.cells()]],
    )
    text = say(
        "The image is uncovered, or covered, in ten steps from the strongest cell on; the curve is the {measure}. "
        "Random maps are smooth, 20 for each image. {images}.", images=say_images(given.images),
        measure=translate(MEASURES[given.measure]),
    )  # fmt: skip
    return [
        Section(
            say("Whether the evidence matters to the model"), [text], tables=[Table(header, rows), centre]
        )
    ]


def _sanity(given: Sanity | None) -> list[Section]:
    if given is None:
        return []
    estimates = {
        say("up to part {part}", part=translate(step.part)): step.correlation for step in given.steps
    }
    chart = charts.intervals(say("Rank correlation with the map of the trained network"), estimates)
    text = say(
        "The weights are drawn again part by part, from the head to the first part. A map that hardly changes does not "
        "show what the model learned."
    )
    return [Section(say("Whether the maps follow the model"), [text], charts=[chart])]


def _agreement(given: Agreement | None) -> list[Section]:
    if given is None:
        return []
    header = [say("fold models"), say("rank correlation of their maps"), say("95 % CI")]
    rows = [[integer(given.members), *given.correlation.cells(2)]]
    text = say(
        "The maps of each two fold models for the class that the ensemble predicts, mean over the pairs and over "
        "{images}. 0 is chance, as with random smooth maps; 1 is the same order of all cells.",
        images=say_images(given.images),
    )  # fmt: skip
    return [
        Section(say("Whether the fold models look at the same places"), [text], tables=[Table(header, rows)])
    ]
