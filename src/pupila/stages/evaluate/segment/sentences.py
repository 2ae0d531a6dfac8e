"""What an evaluation of masks says in words."""

from typing import Any

from pupila.core.messages import say, say_count
from pupila.stages.evaluate.evaluator import Compared, Evaluation
from pupila.stages.evaluate.segment.model_report import collapsed, few_groups, headline
from pupila.stages.evaluate.verdicts import compared, few_groups_remedy, too_few_groups


def verdict(e: Evaluation) -> list[str]:
    """How good it is, beside what, how often it fails, what the labels allow, and better than which."""
    judged = e["models"][0]
    told = [
        _two(e, judged) if len(e["classes"]) == 2 else _more(e, judged),
        _baseline(e, judged),
        _pixels(judged),
    ]
    failed = judged["failures"]
    told.append(say_count(
        "{n} of {all} images has an IoU below {below}.", "{n} of {all} images have an IoU below {below}.",
        failed["images"], all=judged["images"], below=failed["below"],
    ))  # fmt: skip
    told += [ceiling_told(judged["ceiling"])] if judged["ceiling"] else []
    return told + compared(e, evidence)


def evidence(row: Compared) -> tuple[str, str]:
    """What differs, and the test."""
    by = row["metrics"][row["by"]]
    told = say(
        "{metric} {first:.3f} against {other:.3f}", metric=row["by"], first=by["first"], other=by["other"]
    )
    return told, say("sign-flip test over groups p = {p:.3g}", p=row["p_holm"])


def warnings(e: Evaluation) -> list[str]:
    """A collapse, images without labels, classes of few groups."""
    judged, told = e["models"][0], []
    if collapsed(judged):
        told.append(say("The model answers one class only: it is collapsed."))
    if judged["unlabelled"]:
        told.append(say_count(
            "{n} image without a labelled pixel is left out.", "{n} images without a labelled pixel are left out.",
            judged["unlabelled"],
        ))  # fmt: skip
    few = few_groups(judged)
    if few:
        told.append(too_few_groups(e, few))
    return told


def _two(e: Evaluation, judged: dict[str, Any]) -> str:
    row, name = judged["per_image"]["Dice"]["mean"], e["classes"][1]
    told = say(
        "{name}: mean Dice {dice:.3f} and IoU {iou:.3f} of {class_name} over {n} {split} images in {groups} groups",
        name=judged["name"], dice=row["value"], iou=judged["per_image"]["IoU"]["mean"]["value"], class_name=name,
        n=judged["images"], split=e["split"], groups=judged["groups"],
    )  # fmt: skip
    return _sure(e, told, row, say("Dice"))


def _more(e: Evaluation, judged: dict[str, Any]) -> str:
    row = judged["pooled"]["IoU"]
    there = {name: one["pooled"]["IoU"]["value"] for name, one in judged["classes"].items()}
    worst = min((name for name in there if there[name] is not None), key=lambda name: there[name])
    told = say(
        "{name}: mean IoU {value:.3f} over {classes} classes, the pixels of {n} {split} images in {groups} groups "
        "pooled; the worst class is {worst} with {low:.3f}",
        name=judged["name"], value=row["value"], classes=len(there), n=judged["images"], split=e["split"],
        groups=judged["groups"], worst=worst, low=there[worst],
    )  # fmt: skip
    return _sure(e, told, row, say("mean IoU"))


def _sure(e: Evaluation, told: str, row: dict[str, Any], name: str) -> str:
    if row["low"] is None:
        return say(
            "{told}; too few groups for an interval: {remedy}.", told=told, remedy=few_groups_remedy(e)
        )
    return say(
        "{told}; 95 % interval of the {name} {low:.3f} to {high:.3f}.", told=told, name=name, low=row["low"],
        high=row["high"],
    )  # fmt: skip


def _baseline(e: Evaluation, judged: dict[str, Any]) -> str:
    place, figure = headline(len(e["classes"]))
    row, base = judged[place][figure], judged["baseline"]
    row = row["mean"] if place == "per_image" else row
    told = say(
        "Answering {name} everywhere, the best that one class can do, would reach {base:.3f}",
        name=base["class"], base=base[place][figure],
    )  # fmt: skip
    if row["low"] is None:
        return say("{told}; the model reaches {value:.3f}.", told=told, value=row["value"])
    if row["low"] > base[place][figure]:
        return say("{told}; the model reaches {value:.3f}, surely more.", told=told, value=row["value"])
    return say(
        "{told}; the model reaches {value:.3f}, which is not surely more.", told=told, value=row["value"]
    )


def _pixels(judged: dict[str, Any]) -> str:
    base = judged["baseline"]["pixel accuracy"]
    return say(
        "{value:.1%} of the pixels are right; with {name} everywhere, {base:.1%} would be.",
        value=judged["pixel accuracy"]["value"], name=base["class"], base=base["value"],
    )  # fmt: skip


def ceiling_told(found: dict[str, Any]) -> str:
    """What the labels allow."""
    told = say_count(
        "One picture is labelled twice and unlike in these data: the two labellings agree with Dice {dice:.3f}, "
        "IoU {iou:.3f}",
        "{n} pairs of pictures are labelled twice and unlike in these data: their labellings agree with a mean Dice of "
        "{dice:.3f}, IoU {iou:.3f}",
        found["pairs"], dice=found["Dice"]["value"], iou=found["IoU"]["value"],
    )  # fmt: skip
    if found["Dice"]["low"] is not None:
        told = say("{told} (95 % interval of the Dice {low:.3f} to {high:.3f})", told=told,
                   low=found["Dice"]["low"], high=found["Dice"]["high"])  # fmt: skip
    return say("{told}: about the ceiling that these labels allow.", told=told)
