"""What an evaluation of a classifier says in words."""

from typing import Any

from pupila.core.messages import say, say_count
from pupila.stages.evaluate.evaluator import Compared, Evaluation
from pupila.stages.evaluate.verdicts import compared, few_groups_remedy, too_few_groups


def verdict(e: Evaluation) -> list[str]:
    """How good it is, and beside what; better than which."""
    return [_headline(e, e["models"][0]), _baseline(e["models"][0]), *compared(e, evidence)]


def evidence(row: Compared) -> tuple[str, str]:
    """What differs, and the test."""
    told = say(
        "{a} images only the first got right, {b} only the second", a=row["only_first"], b=row["only_other"]
    )
    return told, say("exact McNemar p = {p:.3g}", p=row["p_holm"])


def warnings(e: Evaluation) -> list[str]:
    """A collapse, classes of few groups, and what a threshold buys."""
    judged, told = e["models"][0], []
    if sum(map(bool, map(sum, zip(*judged["confusion"], strict=True)))) < 2:
        told.append(say("The model answers one class only: it is collapsed."))
    few = [name for name, row in judged["classes"].items() if row["recall"]["low"] is None]
    if few:
        told.append(too_few_groups(e, few))
    if e["threshold"]:
        told.append(_threshold(e["threshold"]))
    return told


def _headline(e: Evaluation, judged: dict[str, Any]) -> str:
    f1 = judged["metrics"]["macro F1"]
    told = say(
        "{name}: {right} of {n} {split} images right, macro F1 {value:.3f}",
        name=judged["name"], right=judged["right"], n=judged["n"], split=e["split"], value=f1["value"],
    )  # fmt: skip
    if f1["low"] is None:
        return say(
            "{told}; too few groups for an interval ({few}): {remedy}.",
            told=told,
            few=_fewest(judged),
            remedy=few_groups_remedy(e),
        )
    return say("{told}, 95 % interval {low:.3f} to {high:.3f}.", told=told, low=f1["low"], high=f1["high"])


def _fewest(judged: dict[str, Any]) -> str:
    """The class with the fewest groups, of those that are there."""
    there = {name: row["groups"] for name, row in judged["classes"].items() if row["images"]}
    name = min(there, key=lambda one: there[one])
    return say_count("{name} has one", "{name} has {n}", there[name], name=name)


def _baseline(judged: dict[str, Any]) -> str:
    base, accuracy = judged["baseline"], judged["metrics"]["accuracy"]
    told = say(
        "Always answering {name} would be right for {share:.1%}", name=base["class"], share=base["accuracy"]
    )
    if accuracy["low"] is None:
        return say("{told}; the model is right for {value:.1%}.", told=told, value=accuracy["value"])
    if accuracy["low"] > base["accuracy"]:
        return say(
            "{told}; the model is right for {value:.1%}, surely more.", told=told, value=accuracy["value"]
        )
    return say(
        "{told}; the model is right for {value:.1%}, which is not surely more.",
        told=told,
        value=accuracy["value"],
    )


def _threshold(t: dict[str, Any]) -> str:
    told = say(
        "The threshold {threshold:.2f} for {positive}, tuned on validation for {objective}: {missed[0]} missed become "
        "{missed[1]}, {false_alarms[0]} false alarms become {false_alarms[1]}.",
        **t,
    )
    recall = t["recall"][1]
    if recall["low"] is None:
        return told + " " + say("Its recall is {value:.3f}; too few groups for an interval.", **recall)
    return told + " " + say("Its recall is {value:.3f}, 95 % interval {low:.3f} to {high:.3f}.", **recall)
