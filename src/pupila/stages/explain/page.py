"""The page of explanations: what the maps are worth, the maps, and the figures."""

from collections.abc import Sequence

from pupila.artifacts.report import charts
from pupila.artifacts.report.explanation import (
    ExplainedImage,
    ExplainReport,
    Faithfulness,
    Localisation,
    Sanity,
)
from pupila.artifacts.report.gallery import embed_wide, make_thumbnail
from pupila.artifacts.report.page import Page, PageImage, Section, Table
from pupila.core.messages import number, percent, say, say_images, translate
from pupila.imaging.images.heat import colour_bar, overlay_heat
from pupila.stages.explain.explanation import Explanation
from pupila.stages.explain.sentences import METHODS, sentences

_SIDE = 480  # pixels of the longer side of a drawn image
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
            map_section(report, explanations), *_localisation(report.localisation), *_faithfulness(report.faithfulness),
            *_sanity(report.sanity),
        ],
        footnote=say("Model version {model}.", model=report.version[:12]) + " " + translate(METHODS[report.method]),
    )  # fmt: skip


def map_section(report: ExplainReport, explanations: Sequence[Explanation]) -> Section:
    """The maps of a report by class, and their scale."""
    scales = [
        embed_wide(colour_bar(*_BAR), _describe_scale(layer, limit)) for layer, limit in report.limits.items()
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
    return Section(say("Maps"), [text], galleries=galleries)


def _describe_scale(layer: str, limit: float) -> str:
    ends = say("from {low} to {high} in units of the logit", low=number(-limit), high=number(limit))
    return f"{translate(layer)}: {ends}" if layer else ends


def _draw(described: ExplainedImage, explanation: Explanation, limits: dict[str, float]) -> list[PageImage]:
    """The image, and each of its maps over it."""
    name = described.image.rpartition("/")[2]
    if explanation.view is None:
        return [PageImage("data:,", f"{name}: {described.fault}", wide=True)]
    shown = [embed_wide(make_thumbnail(explanation.view, _SIDE), f"{name}: {described.prediction}")]
    for entry, heat_map in zip(described.maps, explanation.maps, strict=True):
        drawn = overlay_heat(explanation.view, heat_map.placed, limits[entry.layer])
        words = [translate(entry.layer)] if entry.layer else []
        words.append(say("cells from {low} to {high}, sum {total}", low=number(entry.low), high=number(entry.high),
                         total=number(entry.total)))  # fmt: skip
        if not heat_map.speaks_for:
            words.append(say("nothing speaks for {label}, all evidence is against it", label=described.label))
        shown.append(embed_wide(make_thumbnail(drawn, _SIDE), "; ".join(words)))
    return shown


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
        say("95 % CI"),
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
            say("95 % CI"),
        ],
        [[say("insertion (higher is better)"), *given.centre.cells()]],
    )
    text = say(
        "The image is uncovered, or covered, in ten steps from the strongest cell on; the curve is the probability of "
        "the class. Random maps are smooth, 20 for each image. {images}.", images=say_images(given.images),
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
