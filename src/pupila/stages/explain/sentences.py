"""What explanations are worth, in sentences."""

from pupila.artifacts.report.explanation import (
    Agreement,
    ClickStability,
    ExplainReport,
    Faithfulness,
    Localisation,
    Sanity,
    Shortcut,
)
from pupila.core.messages import (
    integer,
    listing,
    mark,
    number,
    percent,
    say,
    say_count,
    say_images,
    translate,
)

_COARSE = 5  # cells along a side, below which a map says little of where
METHODS = {
    "gradcam": mark("Grad-CAM: the features of each cell, weighted with the mean gradient of the logit."),
    "hirescam": mark("HiResCAM: the features of each cell, weighted with the gradient of the logit there."),
    "occlusion": mark("Occlusion: the loss of the logit where a patch hides the image."),
    "rise": mark("RISE: the mean score where a pixel is visible minus that where it is hidden."),
}
# Verdict of the sanity check -> sentence.
_SANITY = {
    "follows the model": mark(
        "The maps follow the model: with random weights they are others (rank correlation {correlation})."
    ),
    "follows the image": mark(
        "The maps follow the image, not the model: with random weights they are nearly the same (rank correlation "
        "{correlation}). Do not read them as what the model learned."
    ),
    "undecided": mark(
        "These images are too few to decide whether the maps follow the model: with random weights, the rank "
        "correlation is {correlation}."
    ),
}
# Verdict of the comparison of fold models -> sentence.
_AGREEMENT = {
    "same places": mark(
        "The {members} fold models look at the same places: the rank correlation of their maps is {correlation}."
    ),
    "different places": mark(
        "The {members} fold models look at different places: the rank correlation of their maps is {correlation}. Do "
        "not read details from one map."
    ),
    "undecided": mark(
        "These images are too few to decide whether the {members} fold models look at the same places: the rank "
        "correlation of their maps is {correlation}."
    ),
}
# Verdict on the clicks -> sentence.
_CLICKS = {
    "whole image": mark("The mask is the whole image, wherever the click lies: {figures}."),
    "ignored": mark(
        "The mask does not follow the click: clicks elsewhere in the image give nearly the same one (mean IoU "
        "{elsewhere}; {images})."
    ),
    "hardly": mark("The mask hardly depends on where inside it the click lies: {figures}."),
    "in part": mark("The mask depends in part on where inside it the click lies: {figures}."),
    "depends": mark(
        "The mask depends on where inside it the click lies: {figures}. Give a second point, or a box."
    ),
}
MEASURES = {"probability": mark("probability"), "overlap": mark("overlap")}  # of insertion and deletion


def sentences(report: ExplainReport) -> list[str]:
    """The summary, most important first."""
    texts = [describe_shortcut(each) for each in report.shortcuts]
    texts += [] if report.sanity is None else [_describe_sanity(report.sanity)]
    texts += [] if report.agreement is None else [_describe_agreement(report.agreement)]
    if report.clicks is not None:
        texts.append(_describe_clicks(report.clicks))
    elif report.prompt:
        texts.append(say("How the mask changes as the click moves was not measured: that needs a single foreground "
                         "point, and a mask of more than a pixel."))  # fmt: skip
    texts += [_describe_place(each) for each in sorted(report.localisation, key=_measure_lead)]
    if report.faithfulness is not None:
        texts.append(_describe_faithfulness(report.faithfulness))
    texts += _describe_search(report)
    texts += [_describe_images(report), *filter(None, [report.skipped])]
    if report.grid is not None and min(report.grid) < _COARSE:
        texts.append(say("The maps have {rows} x {columns} cells only: --method occlusion is finer, and so is a model "
                         "of larger images.", rows=report.grid[0], columns=report.grid[1]))  # fmt: skip
    against = [each for each in report.images if each.maps and all(entry.high <= 0 for entry in each.maps)]
    if against:
        texts.append(say_count("In {n} image nothing speaks for the explained class.",
                               "In {n} images nothing speaks for the explained class.", len(against)))  # fmt: skip
    faults = [f"{each.image.rpartition('/')[2]} ({each.fault})" for each in report.images if each.fault]
    if faults:
        texts.append(say_count("{n} image could not be read: {names}.", "{n} images could not be read: {names}.",
                               len(faults), names=listing(faults, 5)))  # fmt: skip
    if report.sanity is None and report.faithfulness is None:
        texts.append(
            say("A map shows where evidence lies, not that the model is right. --check tests the maps.")
        )
    return texts


def _describe_search(report: ExplainReport) -> list[str]:
    """What a search without a result looked at."""
    if report.searched is None or report.shortcuts:
        return []
    if not report.searched:
        return [
            say("Too few images of one class to look for a place that decides it; --most N explains more.")
        ]
    return [say("No place decides {classes} in nearly every image.", classes=listing(report.searched))]


def describe_shortcut(given: Shortcut) -> str:
    """A place that decides a class."""
    values = {
        "label": given.label, "place": translate(given.place), "area": percent(given.area),
        "taken": given.taken.percent_text(), "interval": given.taken.percent_interval_text(),
        "elsewhere": percent(max(0.0, given.elsewhere.other)),
    }  # fmt: skip
    return say(
        "A shortcut: {label} is decided by the {place} ({area} of the image). Hiding it takes {taken} of the evidence "
        "(95 % CI {interval}), hiding the opposite place {elsewhere}. Look there for a watermark, a label or a frame.",
        **values,
    )  # fmt: skip


def _describe_images(report: ExplainReport) -> str:
    shown = say_images(len(report.images))
    place = say("of the {split} split", split=report.split) if report.split else ""
    text = " ".join(filter(None, (shown, place)))
    if report.left_out:
        return say("{images}, evenly drawn of {all}; --most N explains more.", images=text,
                   all=say_images(len(report.images) + report.left_out))  # fmt: skip
    return say("{images}.", images=text)


def _describe_sanity(sanity: Sanity) -> str:
    return translate(_SANITY[sanity.verdict]).format(correlation=sanity.steps[-1].correlation.text(2))


def _describe_agreement(given: Agreement) -> str:
    words = {"members": integer(given.members), "correlation": given.correlation.text(2)}
    return translate(_AGREEMENT[given.verdict]).format(**words)


def _describe_clicks(given: ClickStability) -> str:
    images, elsewhere = say_images(given.images), given.iou.get("elsewhere")
    figures = say_count(
        "of {n} other click there, {share} in the mean of the images give a mask with an IoU of at least 0.8 with it "
        "(mean IoU {iou}; {images})",
        "of {n} other clicks there, {share} in the mean of the images give a mask with an IoU of at least 0.8 with it "
        "(mean IoU {iou}; {images})",
        given.inside, share=given.share.percent_text(), images=images, iou=given.iou["inside"].value_text(2),
    )  # fmt: skip
    words = {"images": images, "elsewhere": "" if elsewhere is None else elsewhere.value_text(2)}
    return translate(_CLICKS[given.verdict]).format(figures=figures, **words)


def _measure_lead(given: Localisation) -> float:
    """Orders layers: the one that lies best in the regions first."""
    return given.centre.other - given.centre.first


def _describe_place(given: Localisation) -> str:
    values = {
        "share": given.energy.percent_text(), "interval": given.energy.percent_interval_text(),
        "area": percent(given.area), "layer": translate(given.layer), "centre": percent(given.centre.other),
    }  # fmt: skip
    if given.centre.low is not None and given.centre.low > 0:
        return say(
            "{share} of the evidence ({layer}; 95 % CI {interval}) lies inside the regions, which have {area} of the "
            "area; a bump in the middle of each image would have {centre} there.", **values,
        )  # fmt: skip
    if given.centre.low is None:
        return say(
            "{share} of the evidence ({layer}) lies inside the regions, which have {area} of the area; a bump in the "
            "middle of each image would have {centre} there: too few groups for a verdict.", **values,
        )  # fmt: skip
    return say(
        "{share} of the evidence ({layer}; 95 % CI {interval}) lies inside the regions, which have {area} of the area: "
        "no better than a bump in the middle of each image ({centre}).", **values,
    )  # fmt: skip


def _describe_faithfulness(given: Faithfulness) -> str:
    values = {
        "measure": translate(MEASURES[given.measure]), "ours": number(given.insertion.first),
        "random": number(given.insertion.other),
    }  # fmt: skip
    if given.insertion.low is None:
        return say("Uncovering in the order of the maps gives a mean {measure} of {ours}, with random maps {random}: "
                   "too few groups for a verdict.", **values)  # fmt: skip
    if given.insertion.low > 0 and (given.centre.low is None or given.centre.low <= 0):
        return say(
            "What the maps show matters more than random places: uncovering in their order gives a mean {measure} of "
            "{ours}, with random maps {random}; but a bump in the middle of each image does as well ({centre}).",
            centre=number(given.centre.other), **values,
        )  # fmt: skip
    if given.insertion.low > 0:
        return say(
            "What the maps show matters to the model: uncovering in their order gives a mean {measure} of {ours}, "
            "with random maps {random}.", **values,
        )  # fmt: skip
    return say(
        "What the maps show matters no more than random places: uncovering in their order gives a mean {measure} of "
        "{ours}, with random maps {random}.", **values,
    )  # fmt: skip
