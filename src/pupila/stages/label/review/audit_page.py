"""The page of an audit, and what it says in sentences: for the terminal as well."""

import contextlib
from typing import Any

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report import charts
from pupila.artifacts.report.gallery import SIDE, picture, picture_of, thumbnail
from pupila.artifacts.report.page import Page, Picture, Section, Table
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count
from pupila.core.vocabulary import AUDIT_FILE
from pupila.imaging.masks.drawing import overlay
from pupila.stages.label.review.accuracy import Audit
from pupila.stages.label.review.app import mask_of
from pupila.statistics.intervals import FEW_GROUPS

SHOWN = 48  # disagreements
MATRIX = 20  # classes up to which the matrix is drawn


def sentences(audit: Audit) -> list[str]:
    """What a tired person has to know, most important first."""
    return [*_verdict(audit), *_doubt(audit), *_advice(audit), *_doubtful(audit), *_unfinished(audit)]


def _verdict(audit: Audit) -> list[str]:
    drawn, accuracy = audit["random"], audit["random"]["accuracy"]
    if not drawn["answered"]:
        return [say("Nothing is answered yet, so nothing is known of the {n} labels.", n=audit["labels"])]
    told = say("{share:.1%} of the machine's labels are right: {right} of {n} that were drawn at random.",
               share=accuracy["value"], right=drawn["right"], n=drawn["answered"])  # fmt: skip
    if accuracy["low"] is None:
        few = say("Under {few} answers there is no interval: answer more.", few=FEW_GROUPS)
        return [f"{told} {few}"]
    if drawn["answered"] == audit["labels"]:
        return [told, say("All labels were looked at: this is no estimate.")]
    sure = say("With 95 % confidence {low:.1%} to {high:.1%} of all {labels} are right.", low=accuracy["low"],
               high=accuracy["high"], labels=audit["labels"])  # fmt: skip
    more = drawn["more_to_halve"]
    if not more:
        return [f"{told} {sure}"]
    wish = say_count("One more answer would halve the interval: --sample {sample}.",
                     "{n} more answers would halve the interval: --sample {sample}.", more,
                     sample=_sample(drawn, audit["labels"]))  # fmt: skip
    return [f"{told} {sure}", wish]


def _sample(drawn: dict[str, Any], labels: int) -> int:
    """The sample that brings the answers that are lacking."""
    lacking = drawn["answered"] + drawn["unsure"] + drawn["more_to_halve"]
    return min(labels, max(int(drawn["asked"]), int(lacking)))


def _doubt(audit: Audit) -> list[str]:
    """What bounds the interval besides chance."""
    drawn, found = audit["random"], []
    if drawn["unsure"]:
        found.append(say_count("One answer was unsure and is left out.", "{n} answers were unsure and are left out.",
                               drawn["unsure"]) + _bounds(drawn))  # fmt: skip
    if drawn["large_share"] and drawn["answered"] < audit["labels"]:
        found.append(say("The sample is {share:.0%} of all labels, so the interval is narrower than that of endlessly "
                         "many.", share=drawn["answered"] / audit["labels"]))  # fmt: skip
    new = drawn["new_groups"]
    if new is not None and new["low"] is None:
        found.append(say("The {n} answers are of {groups} groups: too few for an interval on pictures of other groups.",
                         n=drawn["answered"], groups=drawn["groups"]))  # fmt: skip
    elif new is not None:
        found.append(say("The {n} answers are of {groups} groups: of pictures from other groups {low:.1%} to "
                         "{high:.1%} would be labelled rightly.", n=drawn["answered"], groups=drawn["groups"],
                         low=new["low"], high=new["high"]))  # fmt: skip
    return found


def _bounds(drawn: dict[str, Any]) -> str:
    """How far unsure answers could move the interval."""
    if drawn["at_worst"] is None:
        return ""
    return " " + say("If such labels are all wrong, it may be {low:.1%} that are right; if all right, {high:.1%}.",
                     low=drawn["at_worst"], high=drawn["at_best"])  # fmt: skip


def _advice(audit: Audit) -> list[str]:
    """Which classes to prompt better: those that the most errors have in common."""
    wrong = sum(one["times"] for one in audit["confused"])
    often = [one for one in audit["confused"][:3] if one["times"] > 1 and 4 * one["times"] >= wrong]
    found = [
        say("Say better in the prompt what makes '{truth}' and not '{machine}': {n} of {all} errors.",
            truth=one["is"], machine=one["said"], n=one["times"], all=wrong)
        for one in often
    ]  # fmt: skip
    worse = [
        name for name, row in audit["classes"].items()
        if row["precision"]["high"] is not None and row["precision"]["high"] < audit["random"]["accuracy"]["value"]
    ]  # fmt: skip
    if worse:
        found.append(say("Labels of {names} are wrong more often than others.", names=listing(worse)))
    if audit["kind"] == "classes" and audit["answered"] and not found:
        found.append(
            say("No class stands out: nothing that the errors have in common can be told from these answers.")
        )
    return found


def _doubtful(audit: Audit) -> list[str]:
    told, found = audit["doubtful"], []
    if told["answered"]:
        found.append(say("Of those that the machine doubted most {right} of {n} are right; they are no random sample "
                         "and count in no share.", right=told["right"], n=told["answered"]))  # fmt: skip
    if told["without_label"]:
        found.append(say_count("Of one picture that was asked about the machine had been unsure.",
                               "Of {n} pictures that were asked about the machine had been unsure.",
                               told["without_label"]))  # fmt: skip
    return found


def _unfinished(audit: Audit) -> list[str]:
    left = audit["asked"] - audit["answered"]
    if not left:
        return []
    return [say("{done} of {all} questions are answered: the same command goes on.", done=audit["answered"],
                all=audit["asked"])]  # fmt: skip


def audit_page(audit: Audit, data: Dataset) -> Page:
    """The report.

    Args:
        audit: see `judge`.
        data: the data set.
    """
    by = ", ".join(f"{name} ({count})" for name, count in audit["labellers"].items())
    footnote = say(
        "Labels by {labellers}. Accuracy: of the random part; Wilson's interval for a share of finitely many labels; "
        "of pictures from other groups 2000 draws of whole groups. Under {few} answers there is no interval.",
        labellers=by, few=FEW_GROUPS,
    )  # fmt: skip
    classes = [_by_class(audit)] if audit["classes"] else []
    return Page(
        say("Audit of the labels of {name}", name=files.absolute(data.root).rpartition("/")[2]),
        sentences(audit),
        [*classes, _wrong(audit, data)],
        footnote,
    )


def _by_class(audit: Audit) -> Section:
    names = list(audit["classes"])
    rows = [
        [name, str(row["labels"]), f"{row['right']} / {row['said']}", *_cells(row["precision"]),
         f"{row['right']} / {row['true']}", *_cells(row["recall"])]
        for name, row in audit["classes"].items()
    ]  # fmt: skip
    header = [
        say("class"), say("labels"), say("right of those that say so"), "", say("interval"),
        say("found of those that are so"), "", say("interval"),
    ]  # fmt: skip
    points = {
        name: (row["precision"]["value"], row["precision"]["low"], row["precision"]["high"])
        for name, row in audit["classes"].items()
        if row["precision"]["value"] is not None
    }
    drawn = [charts.intervals(say("Share of right labels, by label"), points)] if points else []
    if len(names) <= MATRIX and audit["random"]["answered"]:
        title = say("Person and machine")
        drawn.append(charts.matrix(title, audit["matrix"], names))
    return Section(say("Class by class"), charts=drawn, tables=[Table(header, rows)])


def _cells(told: dict[str, float | None]) -> list[str]:
    value, low, high = told["value"], told["low"], told["high"]
    shown = "" if value is None else f"{value:.1%}"
    if low is None or high is None:
        return [shown, say("too few") if value is not None else ""]
    return [shown, say("{low:.1%} to {high:.1%}", low=low, high=high)]


def _wrong(audit: Audit, data: Dataset) -> Section:
    told = audit["disagreements"]
    if not told:
        return Section(say("Labels that are wrong"), [say("None was found.")])
    rows = {digest: row for row, digest in enumerate(data.images["sha256"])}
    photos, notes = [], []
    for one in told[:SHOWN]:
        with contextlib.suppress(PupilaError):  # a mask or a picture was deleted since
            photos += [_photo(one, rows[one["sha256"]], data)] if one["sha256"] in rows else []
    if gone := len(told[:SHOWN]) - len(photos):
        notes.append(say_count("One can't be shown any more: its picture or mask is gone.",
                               "{n} can't be shown any more: their pictures or masks are gone.", gone))  # fmt: skip
    if len(told) > SHOWN:
        notes.append(say("{n} more are in {file}.", n=len(told) - SHOWN, file=AUDIT_FILE))
    return Section(say("Labels that are wrong"), notes, galleries=[(say("The surest first"), photos)])


def _photo(one: dict[str, Any], row: int, data: Dataset) -> Picture:
    sure = "" if one["confidence"] is None else f" ({one['confidence']:.0%})"
    if data.legend is not None:
        small = thumbnail(
            overlay(data.pixels(row), mask_of(data, row, one["machine"]), len(data.classes)), SIDE
        )
        return picture_of(small, say("rejected{sure}", sure=sure), one["image"])
    caption = say(
        "is {person}, machine said {machine}{sure}", person=one["person"], machine=one["machine"], sure=sure
    )
    return picture(data.path(row), caption, data.bands)
