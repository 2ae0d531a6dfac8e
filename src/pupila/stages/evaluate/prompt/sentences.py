"""What an evaluation by prompts says in words."""

from typing import Any

from pupila.core.messages import listing, say, say_count
from pupila.stages.evaluate.evaluator import Compared, Evaluation
from pupila.stages.evaluate.segment.sentences import ceiling_told
from pupila.stages.evaluate.verdicts import compared_with, few_groups_remedy
from pupila.tasks.prompt_strategies import BOX, POINTS


def verdict(e: Evaluation) -> list[str]:
    """How good it is, and than which it is better, way by way; what the labels allow, what it thinks of itself."""
    told = [_headline(e)]
    for way in e["asked"]:
        rows = [row for row in e["comparisons"] if row["way"] == way]
        rivals = [row for row in rows if not row["trivial"]]
        told += [with_way(way, compared_with(row, e, _evidence)) for row in rivals]
        told.append(_failed(e, way, rivals))
        told.append(_beside(e, way, [row for row in rows if row["trivial"]]))
    told += [ceiling_told(e["ceiling"])] if e["ceiling"] else []
    return told + _expecting(e)


def warnings(e: Evaluation) -> list[str]:
    """What could not be judged, or not surely."""
    told = []
    if e["empty"]:
        told.append(say_count(
            "{n} image shows nothing to prompt for, and is left out.",
            "{n} images show nothing to prompt for, and are left out.", e["empty"],
        ))  # fmt: skip
    if e["models"][0]["ways"][POINTS.name]["per_mask"]["IoU"]["mean"]["low"] is None:
        told.append(say("Too few groups for an interval: {remedy}.", remedy=few_groups_remedy(e)))
    return told


def way_titles() -> dict[str, str]:
    """The ways of prompting, as they are told."""
    return {POINTS.name: say("points"), BOX.name: say("a box")}


def with_way(way: str, told: str) -> str:
    """A sentence of one way."""
    return say("With {way}, {told}", way=way_titles()[way], told=told)


def _headline(e: Evaluation) -> str:
    judged, parts = e["models"][0], []
    for way, row in judged["ways"].items():
        mean, title = row["per_mask"]["IoU"]["mean"], way_titles()[way]
        parts.append(
            say("{value:.3f} with {way}", value=mean["value"], way=title) if mean["low"] is None else
            say("{value:.3f} with {way} (95 % interval {low:.3f} to {high:.3f})",
                value=mean["value"], way=title, low=mean["low"], high=mean["high"])
        )  # fmt: skip
    return say(
        "{name}: mean IoU {figures}, over {n} masks of {images} {split} images in {groups} groups.",
        name=judged["name"], figures=listing(parts), n=e["masks"], images=e["images"], split=e["split"],
        groups=e["groups"],
    )  # fmt: skip


def _evidence(row: Compared) -> tuple[str, str]:
    by = row["metrics"][row["by"]]
    told = say("IoU {first:.3f} against {other:.3f}", first=by["first"], other=by["other"])
    if by["change"] is not None:
        told = say("{told}, {change:+.1%}", told=told, change=by["change"])
    return told, say("sign-flip test over groups p = {p:.3g}", p=row["p_holm"])


def _failed(e: Evaluation, way: str, rivals: list[Compared]) -> str:
    judged = e["models"][0]
    failed = judged["ways"][way]["failures"]
    told = say_count(
        "{n} of {all} masks has an IoU below {below}", "{n} of {all} masks have an IoU below {below}",
        failed["masks"], all=e["masks"], below=failed["below"],
    )  # fmt: skip
    parts = []
    for row in rivals:
        pair = row["failures"]
        change = f"{pair['first'] / pair['other'] - 1:+.0%}, " if pair["other"] else ""
        parts.append(say(
            "of {name}'s {n} ({change}exact McNemar p = {p:.3g})",
            n=pair["other"], name=row["name"], change=change, p=pair["p_value"],
        ))  # fmt: skip
    return with_way(way, say("{told}; {others}.", told=told, others=listing(parts)) if parts else f"{told}.")


def _beside(e: Evaluation, way: str, rows: list[Compared]) -> str:
    parts = [
        say("{name} {value:.3f}", name=row["name"], value=row["metrics"][row["by"]]["other"]) for row in rows
    ]
    name, words = e["models"][0]["name"], []
    for verdicts, word in (
        (("worse",), say("{name} is worse than", name=name)),
        (("equivalent", "not distinguishable"), say("{name} is not surely better than", name=name)),
        (("better",), say("{name} is better than", name=name)),
    ):
        those = [row["name"] for row in rows if row["verdict"] in verdicts]
        words += [f"{word} {listing(those)}"] if those else []
    return with_way(
        way, say("trivial answers reach: {parts}; {words}.", parts=listing(parts), words="; ".join(words))
    )


def _expecting(e: Evaluation) -> list[str]:
    judged: dict[str, Any] = e["models"][0]
    if not judged["prompted"]:
        return []
    parts = [
        say("{error:.3f} with {way}", error=row["expected"]["error"]["value"], way=way_titles()[way])
        for way, row in judged["ways"].items()
    ]
    return [
        say(
            "The IoU that {name} expects of its answers is off by {parts}.",
            name=judged["name"],
            parts=listing(parts),
        )
    ]
