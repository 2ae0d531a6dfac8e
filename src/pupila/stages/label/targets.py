"""What a labeller may write into data: unlabelled data take the target of their first labels, others keep theirs."""

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, mark, say, translate
from pupila.tasks.task import Target

WORDS: dict[Target, str] = {
    "class": mark("one class per image"),
    "classes": mark("several classes per image"),
    "mask": mark("masks"),
    "regions": mark("regions"),
}


def check_target(data: Dataset, target: Target) -> None:
    """Refuse labels that are of another target than the data.

    Args:
        data: the data set.
        target: of the labels that a labeller gives.

    Raises:
        PupilaError: the data have labels with another target, or the user named another task for them.
    """
    if data.target in (None, target):
        return
    theirs, ours = translate(WORDS[data.target]), translate(WORDS[target])
    if data.task is None and data.requested is not None:
        flag = f"--task {data.requested.name}"
        raise PupilaError(
            say("{flag} asks for {theirs}, but the labels are {ours}", flag=flag, theirs=theirs, ours=ours),
            remedy=say("leave out {flag}, or use a question, bundle or model for {theirs}", flag=flag, theirs=theirs),
        )  # fmt: skip
    raise PupilaError(
        say("The data have {theirs}, but the labels are {ours}", theirs=theirs, ours=ours),
        actual=listing(data.classes), expected=say("unlabelled data, or data with {ours}", ours=ours),
    )  # fmt: skip
