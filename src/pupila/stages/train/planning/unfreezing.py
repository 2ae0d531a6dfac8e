"""Decide by a short trial whether the encoder of a classifier is unfrozen, and its batch norm trained."""

from typing import Any

from pupila.core.messages import mark, number, say, translate
from pupila.learning.loop import PRECISIONS
from pupila.learning.trainers.trainer import SplitRows
from pupila.stages.train.measure import measure_precision, time_step
from pupila.stages.train.trials.trial import Candidate, Trials, choose, describe

# What `recipe=strong` sets where the user did not.
STRONG: dict[str, Any] = {
    "unfreeze": "all", "finetune_epochs": 20, "finetune_lr": 5e-4, "layer_decay": 0.8, "ema_decay": 0.99, "cutmix": 1.0,
    "label_smoothing": 0.1, "augment": "wide",
}  # fmt: skip
TRIAL_SECONDS = 60.0  # of one candidate with unfrozen blocks, by the time of a step; most trials have one
TRIAL_EPOCHS = 4  # with unfrozen blocks, at most
LEAST_EPOCHS = 2
LEAST_SHARE, ENOUGH = 0.5, 400  # of the training images: on fewer than either a trial decides by noise
RATE_SHARES = (0.1, 0.5)  # of lr: a tenth keeps what was learned from photos, a half learns other images
FEW_IMAGES = 200  # of validation; with fewer, folds of the training images validate as well
MAX_FOLDS = 3
_OF_UNFROZEN_BLOCKS = {
    "finetune_epochs", "finetune_lr", "batch_norm", "layer_decay", "mixup", "cutmix",
}  # fmt: skip


def default_settings(loss: str) -> dict[str, Any]:
    """What "auto" means for a classifier where no trial decides."""
    return {"loss": loss, "epochs": 20, "finetune_epochs": 10, "batch_norm": "frozen", "recipe": "standard"}


def decide_unfreezing(settings: Any, plan: Any, trials: Trials) -> Any:
    """The plan with `unfreeze` and what belongs to it as a short trial decides them, where they are "auto".

    Args:
        settings: of the user.
        plan: with a frozen encoder.
        trials: of the training.
    """
    network = trials.build(plan)
    if settings.unfreeze != "auto" or not network.pretrained or not plan.epochs:
        return plan
    precision, fastest = plan.precision, ""
    if settings.precision == "auto":
        precision, fastest = measure_precision(network, plan.device)
    states = ["frozen", "trained"] if settings.batch_norm == "auto" else [settings.batch_norm]
    rates = [plan.finetune_lr]
    if settings.finetune_lr == "auto":
        rates = [plan.lr * share for share in RATE_SHARES]
    tried = [("frozen", rate) for rate in rates if "frozen" in states]
    tried += [("trained", rates[-1])] if "trained" in states else []
    step = time_step(network, plan.device, PRECISIONS[precision])
    epochs, splits = _limit(trials, step)
    frozen = [] if _asks_for_unfreezing(settings) else [Candidate(say("frozen encoder"), {"unfreeze": 0})]
    unfrozen = {"unfreeze": "all", "precision": precision, "finetune_epochs": epochs}
    names = {
        "frozen": mark("all blocks at {lr}, batch norm frozen"),
        "trained": mark("all blocks at {lr}, batch norm trained"),
    }
    candidates = [
        *frozen,
        *(
            Candidate(
                translate(names[state]).format(lr=f"{rate:.2g}"),
                {**unfrozen, "batch_norm": state, "finetune_lr": rate},
            )
            for state, rate in tried
        ),
    ]
    results = trials.run(plan, candidates[: len(frozen) + 1], splits) if splits else []
    if results and (not frozen or choose(results) is not results[0]):
        results = trials.run(plan, candidates, splits)
    chosen = choose(results).settings if results else candidates[0].settings
    decided = {name: value for name, value in chosen.items() if name != "finetune_epochs"}
    reasons = {**plan.reasons, "unfreeze": describe(results) if results else _explain_no_trial(trials, step)}
    if decided["unfreeze"]:
        reasons |= {"batch_norm": reasons["unfreeze"]} if len(states) > 1 else {}
        reasons |= {"finetune_lr": reasons["unfreeze"]} if len(rates) > 1 else {}
        reasons |= {"precision": fastest} if fastest else {}
    return plan.model_copy(update={**decided, "reasons": reasons})


def _asks_for_unfreezing(settings: Any) -> bool:
    """Whether the user set something that has an effect on unfrozen blocks only."""
    if settings.precision not in ("auto", "float32"):  # which a frozen encoder has anyway
        return True
    fields = type(settings).model_fields
    return any(getattr(settings, name) != fields[name].default for name in _OF_UNFROZEN_BLOCKS)


def _limit(trials: Trials, step: float) -> tuple[int, list[SplitRows]]:
    """Epochs and splits of a trial with `step` seconds per image; none where the time allows too few images.

    Where validation images are few and the time allows it, the splits are folds.
    """
    split, images = trials.split, TRIAL_SECONDS / step  # of all epochs together
    epochs = int(images / max(1, len(split.train)))
    folds = min(MAX_FOLDS, 1 + epochs // TRIAL_EPOCHS)  # an epoch of K folds takes as long as K - 1 epochs
    if len(split.validation) < FEW_IMAGES and folds > 1:
        return TRIAL_EPOCHS, trials.fold_rows(folds)
    if epochs >= LEAST_EPOCHS:
        return min(epochs, TRIAL_EPOCHS), [split]
    count = int(images / LEAST_EPOCHS)
    if count < min(ENOUGH, LEAST_SHARE * len(split.train)):
        return LEAST_EPOCHS, []
    rows = [split.train[len(split.train) * place // count] for place in range(count)]
    return LEAST_EPOCHS, [SplitRows.of(trials.splits, rows, split.validation)]


def _explain_no_trial(trials: Trials, step: float) -> str:
    """Why nothing was tried."""
    if not trials.split.validation:
        return say("not tried: there are no validation images")
    seconds = number(step * len(trials.split.train), 0)
    return say("not tried: one epoch with unfrozen blocks takes {seconds} s on this machine", seconds=seconds)
