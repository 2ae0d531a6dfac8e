"""What an evaluation says in words: the verdict first, then how sure it is, then what to do."""

from typing import Any

from pupila.evaluate.stories import STORIES
from pupila.evaluate.story import Evaluation
from pupila.messages import say


def sentences(e: Evaluation) -> list[str]:
    """The verdict, most important first."""
    story, judged = STORIES[e["task"]], e["models"][0]
    told = story.verdict(e)
    rivals = len(e["comparisons"])
    told += [_compared(judged["name"], row, story.evidence(row), rivals) for row in e["comparisons"]]
    return told + _warnings(e) + story.warnings(e)


def verdicts() -> dict[str, str]:
    """The verdicts as words of the user's language."""
    return {
        "better": say("better"), "worse": say("worse"), "equivalent": say("equivalent"),
        "not distinguishable": say("not distinguishable"),
    }  # fmt: skip


def _compared(name: str, row: dict[str, Any], evidence: tuple[str, str], rivals: int) -> str:
    words = {
        "better": say("{name} is better than {other}", name=name, other=row["name"]),
        "worse": say("{name} is worse than {other}", name=name, other=row["name"]),
        "equivalent": say(
            "{name} and {other} are equivalent within {margin:.0f} points",
            name=name, other=row["name"], margin=100 * row["margin"],
        ),
        "not distinguishable": say("{name} and {other} are not distinguishable", name=name, other=row["name"]),
    }  # fmt: skip
    difference, test = evidence
    if rivals > 1:
        test = say("{test}, adjusted by Holm for {n} comparisons", test=test, n=rivals)
    told = say(
        "{words}: {difference} ({test}).", words=words[row["verdict"]], difference=difference, test=test
    )
    if row["metrics"][row["by"]]["low"] is None:
        told += " " + say("There are too few groups for a verdict.")
    elif row["verdict"] == "not distinguishable" and row["images_to_settle"]:
        told += " " + say("About {n} images would settle it.", n=row["images_to_settle"])
    return told


def _warnings(e: Evaluation) -> list[str]:
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
            "These images chose the best epochs and whatever was tuned, which flatters: only the sealed test split "
            "tells how good it is."
        ))  # fmt: skip
    told += [
        say(
            "{name} learned from {seen} of these {n} images, or was chosen by them: its figures are too good.",
            name=one["name"], seen=one["seen"], n=one["n"],
        )
        for one in e["models"] if one["seen"]
    ]  # fmt: skip
    return told
