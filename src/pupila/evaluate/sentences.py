"""What an evaluation says in words: the verdict first, then how sure it is, then what to do."""

from typing import Any

from pupila.messages import listing, say, say_count

Evaluation = dict[str, Any]


def sentences(e: Evaluation) -> list[str]:
    """The verdict, most important first."""
    judged = e["models"][0]
    told = [_headline(e, judged), _baseline(judged)]
    told += [_compared(judged["name"], row, len(e["comparisons"])) for row in e["comparisons"]]
    told += _warnings(e, judged)
    if e["threshold"]:
        told.append(_threshold(e["threshold"]))
    return told


def verdicts() -> dict[str, str]:
    """The verdicts as words of the user's language."""
    return {
        "better": say("better"), "worse": say("worse"), "equivalent": say("equivalent"),
        "not distinguishable": say("not distinguishable"),
    }  # fmt: skip


def _headline(e: Evaluation, judged: dict[str, Any]) -> str:
    f1 = judged["metrics"]["macro F1"]
    told = say(
        "{name}: {right} of {n} {split} images right, macro F1 {value:.3f}",
        name=judged["name"], right=judged["right"], n=judged["n"], split=e["split"], value=f1["value"],
    )  # fmt: skip
    if f1["low"] is None:
        return say(
            "{told}; too few groups for an interval ({few}): use folds.", told=told, few=_fewest(judged)
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


def _compared(name: str, row: dict[str, Any], rivals: int) -> str:
    words = {
        "better": say("{name} is better than {other}", name=name, other=row["name"]),
        "worse": say("{name} is worse than {other}", name=name, other=row["name"]),
        "equivalent": say(
            "{name} and {other} are equivalent within {margin:.0f} points",
            name=name, other=row["name"], margin=100 * row["margin"],
        ),
        "not distinguishable": say("{name} and {other} are not distinguishable", name=name, other=row["name"]),
    }  # fmt: skip
    test = say("exact McNemar p = {p:.3g}", p=row["p_holm"])
    if rivals > 1:
        test = say("{test}, adjusted by Holm for {n} comparisons", test=test, n=rivals)
    told = say(
        "{words}: {a} images only the first got right, {b} only the second ({test}).",
        words=words[row["verdict"]], a=row["only_first"], b=row["only_other"], test=test,
    )  # fmt: skip
    if row["metrics"]["accuracy"]["low"] is None:
        told += " " + say("There are too few groups for a verdict.")
    elif row["verdict"] == "not distinguishable" and row["images_to_settle"]:
        told += " " + say("About {n} images would settle it.", n=row["images_to_settle"])
    return told


def _warnings(e: Evaluation, judged: dict[str, Any]) -> list[str]:
    told = []
    if e["leaking"]:
        told.append(
            say("The split leaks: images that belong together were parted, so these figures are too good.")
        )
    if e["looks"] > 1:
        told.append(say(
            "The test split was opened before, {n} times in all: choosing by it makes its figures too good.",
            n=e["looks"],
        ))  # fmt: skip
    if e["while_training"]:
        told.append(say(
            "These images chose the best epochs, which flatters: only the sealed test split tells how good it is."
        ))  # fmt: skip
    told += [
        say(
            "{name} learned from {seen} of these {n} images, or was chosen by them: its figures are too good.",
            name=one["name"], seen=one["seen"], n=one["n"],
        )
        for one in e["models"] if one["seen"]
    ]  # fmt: skip
    if sum(map(bool, map(sum, zip(*judged["confusion"], strict=True)))) < 2:
        told.append(say("The model answers one class only: it is collapsed."))
    few = [name for name, row in judged["classes"].items() if row["recall"]["low"] is None]
    if few:
        told.append(say(
            "Too few groups for an interval in {names}: more images, or folds (pupila split DATA --folds 5 --replace), "
            "would tell more.", names=listing(few),
        ))  # fmt: skip
    return told


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
