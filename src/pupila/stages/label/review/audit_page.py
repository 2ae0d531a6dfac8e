"""The report of an audit, as sentences for the terminal and as a page."""

import contextlib
from typing import Any

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report import charts
from pupila.artifacts.report.gallery import SIDE, embed_image, load_image, make_thumbnail
from pupila.artifacts.report.page import Page, PageImage, Section, Table
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import integer, listing, number, percent, say, say_count
from pupila.core.vocabulary import AUDIT_FILE
from pupila.imaging.masks.drawing import overlay
from pupila.stages.label.review.accuracy import Audit
from pupila.stages.label.review.app import read_mask
from pupila.statistics.intervals import MIN_GROUPS, RESAMPLES

MAX_ERRORS_SHOWN = 48  # images
MAX_MATRIX_CLASSES = 20  # with more classes the confusion matrix is left out


def sentences(audit: Audit) -> list[str]:
    """The findings, the most important first."""
    return [
        *_describe_accuracy(audit),
        *_describe_limits(audit),
        *_advise(audit),
        *_describe_uncertain(audit),
        *_describe_unanswered(audit),
    ]


def _describe_accuracy(audit: Audit) -> list[str]:
    random, accuracy = audit["random"], audit["random"]["accuracy"]
    if not random["answered"]:
        return [say("No answers yet; the accuracy of the {n} labels is unknown.", n=audit["labels"])]
    values = {"value": number(accuracy["value"]), "correct": random["correct"], "n": random["answered"],
              "total": audit["labels"]}  # fmt: skip
    if accuracy["low"] is None:
        return [say("Label accuracy {value} ({correct} of {n} labels drawn at random); fewer than {min} answers give "
                    "no confidence interval.", **values, min=MIN_GROUPS)]  # fmt: skip
    if random["answered"] == audit["labels"]:
        return [say("Label accuracy {value} ({correct} of {n} labels). All labels were reviewed, so this is exact.",
                    **values)]  # fmt: skip
    lines = [say("Label accuracy {value} (95 % CI {low} to {high}, n = {n} labels drawn at random from {total}).",
                 **values, low=number(accuracy["low"]), high=number(accuracy["high"]))]  # fmt: skip
    if random["more_to_halve"]:
        lines.append(say_count("One more answer would halve the interval: --sample {sample}.",
                               "{n} more answers would halve the interval: --sample {sample}.",
                               random["more_to_halve"], sample=_suggest_sample(random, audit["labels"])))  # fmt: skip
    return lines


def _suggest_sample(random: dict[str, Any], labels: int) -> int:
    """The sample size that halves the width of the interval."""
    needed = random["answered"] + random["unsure"] + random["more_to_halve"]
    return min(labels, max(int(random["items"]), int(needed)))


def _describe_limits(audit: Audit) -> list[str]:
    """The limits of the estimate: unsure answers, a large sample, few groups."""
    random, lines = audit["random"], []
    if random["unsure"]:
        lines.append(_describe_unsure(random))
    if random["large_share"] and random["answered"] < audit["labels"]:
        lines.append(say("The sample contains {share} of all labels, which narrows the interval.",
                         share=percent(random["answered"] / audit["labels"], 0)))  # fmt: skip
    groups = random["unseen_groups"]
    if groups is not None and groups["low"] is None:
        lines.append(say_count("The answers cover {n} group, too few for a confidence interval on unseen groups.",
                               "The answers cover {n} groups, too few for a confidence interval on unseen groups.",
                               random["groups"]))  # fmt: skip
    elif groups is not None:
        lines.append(say("Accuracy on unseen groups: 95 % CI {low} to {high} (n = {n} images in {groups} groups).",
                         n=random["answered"], groups=random["groups"], low=number(groups["low"]),
                         high=number(groups["high"])))  # fmt: skip
    return lines


def _describe_unsure(random: dict[str, Any]) -> str:
    """How far unsure answers could move the interval."""
    if random["low_if_unsure_wrong"] is None:
        return say_count(
            "One unsure answer is left out.", "{n} unsure answers are left out.", random["unsure"]
        )
    return say_count("One unsure answer is left out. The interval begins at {low} if its label is wrong, and ends at "
                     "{high} if it is correct.",
                     "{n} unsure answers are left out. The interval begins at {low} if all their labels are wrong, and "
                     "ends at {high} if all are correct.", random["unsure"],
                     low=number(random["low_if_unsure_wrong"]),
                     high=number(random["high_if_unsure_correct"]))  # fmt: skip


def _advise(audit: Audit) -> list[str]:
    """The most frequent confusions, and the classes with more errors than average."""
    wrong = sum(confusion["count"] for confusion in audit["confusions"])
    frequent = [
        confusion
        for confusion in audit["confusions"][:3]
        if confusion["count"] > 1 and 4 * confusion["count"] >= wrong
    ]
    lines = [
        say("{n} of {total} errors label '{actual}' as '{predicted}'; describe the difference in the prompt.",
            actual=confusion["actual"], predicted=confusion["predicted"], n=confusion["count"], total=wrong)
        for confusion in frequent
    ]  # fmt: skip
    worse = [
        name for name, row in audit["classes"].items()
        if row["precision"]["high"] is not None and row["precision"]["high"] < audit["random"]["accuracy"]["value"]
    ]  # fmt: skip
    if worse:
        quoted = listing([f"'{name}'" for name in worse])
        lines.append(say("These labels are wrong more often than average: {names}.", names=quoted))
    if audit["label_type"] == "classes" and wrong and not lines:
        lines.append(say("These answers show no pattern in the errors."))
    return lines


def _describe_uncertain(audit: Audit) -> list[str]:
    uncertain, lines = audit["uncertain"], []
    if uncertain["answered"]:
        lines.append(say("Of the {n} labels with the lowest confidence {correct} are correct; they are not a random "
                         "sample and do not count towards the accuracy.", correct=uncertain["correct"],
                         n=uncertain["answered"]))  # fmt: skip
    if uncertain["unlabelled"]:
        lines.append(say_count("On one of the reviewed images the labeller was unsure.",
                               "On {n} of the reviewed images the labeller was unsure.",
                               uncertain["unlabelled"]))  # fmt: skip
    return lines


def _describe_unanswered(audit: Audit) -> list[str]:
    left = audit["items"] - audit["answered"]
    if not left:
        return []
    return [say("{n} of {total} questions are answered; run the same command to resume.", n=audit["answered"],
                total=audit["items"])]  # fmt: skip


def audit_page(audit: Audit, data: Dataset) -> Page:
    """The report as a page.

    Args:
        audit: see `measure_accuracy`.
        data: the data set.
    """
    by = ", ".join(f"{name} ({count})" for name, count in audit["labellers"].items())
    footnote = say(
        "Labels by {labellers}. The accuracy is estimated from the random part of the sample, with Wilson intervals "
        "for a finite population; for unseen groups with a cluster bootstrap, {resamples} resamples. Below {min} "
        "answers there is no interval.",
        labellers=by, resamples=integer(RESAMPLES), min=MIN_GROUPS,
    )  # fmt: skip
    classes = [_class_section(audit)] if audit["classes"] else []
    return Page(
        say("Label audit: {name}", name=files.absolute(data.root).rpartition("/")[2]),
        sentences(audit),
        [*classes, _error_section(audit, data)],
        footnote,
    )


def _class_section(audit: Audit) -> Section:
    names = list(audit["classes"])
    rows = [
        [name, str(row["labels"]), f"{row['correct']} / {row['predicted']}", *_format_estimate(row["precision"]),
         f"{row['correct']} / {row['actual']}", *_format_estimate(row["recall"])]
        for name, row in audit["classes"].items()
    ]  # fmt: skip
    header = [
        say("class"), say("labels"), say("correct / labelled so"), say("precision"), say("95 % CI"),
        say("correct / class members"), say("recall"), say("95 % CI"),
    ]  # fmt: skip
    points = {
        name: (row["precision"]["value"], row["precision"]["low"], row["precision"]["high"])
        for name, row in audit["classes"].items()
        if row["precision"]["value"] is not None
    }
    drawings = [charts.intervals(say("Precision per class"), points)] if points else []
    if len(names) <= MAX_MATRIX_CLASSES and audit["random"]["answered"]:
        title = say("Reviewer (rows) and labeller (columns)")
        drawings.append(charts.confusion_matrix(title, audit["confusion_matrix"], names))
    return Section(say("Classes"), charts=drawings, tables=[Table(header, rows)])


def _format_estimate(estimate: dict[str, float | None]) -> list[str]:
    value, low, high = estimate["value"], estimate["low"], estimate["high"]
    shown = "" if value is None else number(value)
    if low is None or high is None:
        return [shown, say("too few") if value is not None else ""]
    return [shown, say("{low} to {high}", low=number(low), high=number(high))]


def _error_section(audit: Audit, data: Dataset) -> Section:
    errors = audit["disagreements"]
    if not errors:
        return Section(say("Wrong labels"), [say("The reviewer found none.")])
    rows = {digest: row for row, digest in enumerate(data.images["sha256"])}
    photos, notes = [], []
    for error in errors[:MAX_ERRORS_SHOWN]:
        with contextlib.suppress(PupilaError):  # a mask or an image was deleted since
            photos += [_error_image(error, rows[error["sha256"]], data)] if error["sha256"] in rows else []
    if deleted := len(errors[:MAX_ERRORS_SHOWN]) - len(photos):
        notes.append(say_count("One image can't be shown: its file or mask was deleted.",
                               "{n} images can't be shown: their files or masks were deleted.", deleted))  # fmt: skip
    if len(errors) > MAX_ERRORS_SHOWN:
        notes.append(say("{n} more are listed in {file}.", n=len(errors) - MAX_ERRORS_SHOWN, file=AUDIT_FILE))
    return Section(say("Wrong labels"), notes, galleries=[(say("Highest confidence first"), photos)])


def _error_image(error: dict[str, Any], row: int, data: Dataset) -> PageImage:
    confidence = None if error["confidence"] is None else percent(error["confidence"], 0)
    if data.label_map is not None:
        small = make_thumbnail(
            overlay(data.pixels(row), read_mask(data, row, error["label"]), len(data.classes)), SIDE
        )
        caption = (
            say("rejected") if confidence is None else say("rejected (confidence {share})", share=confidence)
        )
        return embed_image(small, caption, error["image"])
    classes = {"label": error["label"], "answer": error["answer"]}
    if confidence is None:
        caption = say("label {label}, reviewer {answer}", **classes)
    else:
        caption = say("label {label} (confidence {share}), reviewer {answer}", **classes, share=confidence)
    return load_image(data.path(row), caption, data.bands)
