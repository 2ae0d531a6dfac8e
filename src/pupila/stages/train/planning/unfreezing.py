"""Decide how much of a classifier's encoder is unfrozen: as much as can be fine-tuned within minutes."""

from typing import Any

from pupila.core.messages import number, say
from pupila.learning.loop import PRECISIONS
from pupila.learning.models.network import Network
from pupila.stages.train.measure import measure_precision, time_step
from pupila.stages.train.trials.trial import Trials

# What `recipe=strong` sets where the user did not.
STRONG: dict[str, Any] = {
    "unfreeze": "all", "finetune_epochs": 20, "finetune_lr": 5e-4, "layer_decay": 0.8, "ema_decay": 0.99, "cutmix": 1.0,
    "label_smoothing": 0.1, "augment": "wide",
}  # fmt: skip
FEW_BLOCKS = 3  # the last ones, where all take longer
FINETUNE_EPOCHS = 10  # of a fine-tuning that "auto" decides on, at most
LEAST_EPOCHS: dict[int | str, int] = {"all": 5, FEW_BLOCKS: 2}  # of blocks, tried in this order
FINETUNE_SECONDS = 150.0  # of such a fine-tuning, by the time of a step: more is for the user to ask for
RATE_SHARE = 0.3  # of lr, for unfrozen blocks
OVERHEAD = 1.25  # time of an epoch over that of its steps: images are augmented, and epochs validated
_OF_UNFROZEN_BLOCKS = {
    "finetune_epochs", "finetune_lr", "batch_norm", "layer_decay", "mixup", "cutmix",
}  # fmt: skip


def default_settings(loss: str) -> dict[str, Any]:
    """What "auto" means for a classifier where nothing is measured."""
    return {
        "loss": loss, "epochs": 20, "finetune_epochs": FINETUNE_EPOCHS, "batch_norm": "frozen", "recipe": "standard",
        "class_weights": "none", "finetune_share": RATE_SHARE,
    }  # fmt: skip


def decide_unfreezing(settings: Any, plan: Any, trials: Trials) -> Any:
    """The plan with `unfreeze` where it is "auto", and with what belongs to it.

    The training itself is the trial: unfrozen blocks are trained after the head, and the weights of an epoch take the
    place of the frozen encoder's only where they score higher on validation.

    Args:
        settings: of the user.
        plan: with a frozen encoder.
        trials: of the training.
    """
    network = trials.build(plan)
    if settings.unfreeze != "auto" or not network.pretrained or not plan.epochs:
        return plan
    required = _asks_for_unfreezing(settings)
    if not required and not trials.split.validation:
        return _explain(plan, say("no validation images, which show whether unfrozen blocks are better"))
    reasons = dict(plan.reasons)
    decided: dict[str, Any] = {"unfreeze": "all", "precision": plan.precision}
    if settings.precision == "auto":
        decided["precision"], reasons["precision"] = measure_precision(network, plan.device)
    reasons["unfreeze"] = say("a setting of unfrozen blocks was given")
    if not required:
        blocks, epoch = _pick_blocks(network, plan, decided["precision"], len(trials.split.train))
        if not blocks:
            return _explain(plan, _explain_too_slow(epoch))
        fitting = int(FINETUNE_SECONDS / max(epoch, 1e-9))
        decided |= {"unfreeze": blocks, "finetune_epochs": min(FINETUNE_EPOCHS, fitting)}
        reasons["unfreeze"] = say(
            "the weights of an epoch replace those of the frozen encoder where they score higher on validation"
        )
        reasons["finetune_epochs"] = say(
            "as many as take {seconds} s, at most {most}",
            seconds=number(FINETUNE_SECONDS, 0),
            most=FINETUNE_EPOCHS,
        )
    return plan.model_copy(update={**decided, "reasons": reasons})


def _pick_blocks(network: Network, plan: Any, precision: str, images: int) -> tuple[int | str, float]:
    """The blocks that can be fine-tuned in the time, 0 where none can, and the seconds of an epoch with them."""
    seconds = 0.0
    for blocks, least in LEAST_EPOCHS.items():
        if blocks == FEW_BLOCKS >= network.body.depth:
            continue  # which are all
        step = time_step(network, plan.device, PRECISIONS[precision], blocks, alone=True)
        seconds = OVERHEAD * images * step
        if least * seconds <= FINETUNE_SECONDS:
            return blocks, seconds
    return 0, seconds


def _explain(plan: Any, reason: str) -> Any:
    """The plan with the reason why its encoder stays frozen."""
    return plan.model_copy(update={"reasons": {**plan.reasons, "unfreeze": reason}})


def _asks_for_unfreezing(settings: Any) -> bool:
    """Whether the user set something that has an effect on unfrozen blocks only."""
    if settings.precision not in ("auto", "float32"):  # which a frozen encoder has anyway
        return True
    fields = type(settings).model_fields
    return any(getattr(settings, name) != fields[name].default for name in _OF_UNFROZEN_BLOCKS)


def _explain_too_slow(epoch: float) -> str:
    """Why the encoder stays frozen."""
    return say(
        "an epoch with the last {blocks} blocks unfrozen takes {seconds} s on this machine, and there are {limit} s "
        "for at least {least}; --budget or --unfreeze {blocks} gives more",
        blocks=FEW_BLOCKS, seconds=number(epoch, 0), limit=number(FINETUNE_SECONDS, 0), least=LEAST_EPOCHS[FEW_BLOCKS],
    )  # fmt: skip
