"""Sentences about a training: its split, model and batch; how long it takes; and what an interruption leaves."""

from pupila.artifacts.dataset.splits import SplitFile, count_images
from pupila.artifacts.dataset.understood import SPLIT_TITLES
from pupila.artifacts.run.log import EpochLog
from pupila.core.messages import number, say, say_count, translate
from pupila.learning.models.network import Network
from pupila.stages.train.phases import FINETUNE
from pupila.stages.train.settings import TrainPlan


def describe_split(splits: SplitFile) -> list[str]:
    """Where the split came from, and the images and groups of each part, or of the folds."""
    parts = say("Split: {parts}.", parts="; ".join(_describe_parts(splits)))
    groups = [splits.likely_groups.describe()] if splits.likely_groups else []
    return [splits.origin, parts, *groups, *splits.balance.describe_unlabelled()]


def _describe_parts(splits: SplitFile) -> list[str]:
    parts = []
    for name, title in SPLIT_TITLES.items():
        if some := splits.in_split(name):
            parts.append(_count(translate(title), [a.component for a in some]))
    folded = [a for a in splits.images if a.fold is not None]
    if folded:
        title = say("{n} folds", n=len({a.fold for a in folded}))
        parts.insert(0, _count(title, [a.component for a in folded]))
    return parts


def _count(title: str, groups: list[int]) -> str:
    return f"{title} {count_images(len(groups), len(set(groups)))}"


def describe_model(plan: TrainPlan, network: Network) -> str:
    """The model, its size and the origin of its weights, once the plan is made."""
    name = f"{network.name} ({network.encoder_name})" if network.encoder_name else network.name
    values = {"model": name, "size": plan.image_size, "device": plan.device}
    if not network.pretrained:
        return say("Model: {model} at {size} pixels on {device}, from random weights.", **values)
    return say(
        "Model: {model} at {size} pixels on {device}, weights from {source}.",
        source=network.weights_file or network.weights.source,
        **values,
    )


def describe_clamped_batch(plan: TrainPlan) -> str:
    """Says that the batch that was asked for holds more than there is."""
    return say("Batch size {n}: {reason}; an epoch is one step. Try --batch-size auto.",
               n=plan.batch_size, reason=plan.reasons["batch_size"])  # fmt: skip


def describe_time(line: EpochLog, plan: TrainPlan, network: Network) -> str:
    """How long a phase takes at most, from its first epoch."""
    epochs = plan.finetune_epochs if line.phase == FINETUNE and network.pretrained else plan.epochs
    return say_count(
        "{part}: {seconds} s per epoch, at most {total} for {n} epoch.",
        "{part}: {seconds} s per epoch, at most {total} for {n} epochs.", epochs, part=line.part,
        seconds=number(max(line.seconds, 0.1), 1), total=format_time(max(line.seconds * epochs, 1.0)),
    )  # fmt: skip


def describe_interruption(epochs: int, folder: str, exported: str) -> str:
    """What a run has that Ctrl-C ended before its bundle and report were complete, and how it continues.

    Args:
        epochs: that were completed, of all parts.
        folder: of the run.
        exported: when its bundle was written: "now", "before" (at an earlier interruption), or never: "".
    """
    if not epochs:
        return say("Interrupted before the end of the first epoch: --resume --out {folder} starts it again.",
                   folder=folder)  # fmt: skip
    bundles = {
        "now": say("Its bundle is complete, its report is not."),
        "before": say("Its bundle is that of the interruption before."),
        "": say("There is no bundle yet."),
    }
    return say_count(
        "Interrupted: {folder} has the weights of {n} epoch. {bundle} --resume --out {folder} continues, with the "
        "same result as without the interruption.",
        "Interrupted: {folder} has the weights of {n} epochs. {bundle} --resume --out {folder} continues, with the "
        "same result as without the interruption.", epochs, folder=folder, bundle=bundles[exported],
    )  # fmt: skip


def format_time(seconds: float) -> str:
    """Seconds, minutes or hours, whichever is short to read."""
    if seconds < 90:
        return say("{n} s", n=number(seconds, 0))
    if seconds < 90 * 60:
        return say("{n} min", n=number(seconds / 60, 0))
    return say("{n} h", n=number(seconds / 3600, 1))
