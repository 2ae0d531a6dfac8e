"""What an evaluation says in words: the verdict first, then how sure it is, then what to do."""

from pupila.core.messages import say
from pupila.stages.evaluate.evaluator import Evaluation
from pupila.stages.evaluate.evaluators import TELLINGS


def sentences(e: Evaluation) -> list[str]:
    """The verdict, most important first."""
    telling = TELLINGS[e["task"]]
    return telling.verdict(e) + _warnings(e) + telling.warnings(e)


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
