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
FINETUNE_EPOCHS, LEAST_EPOCHS = 10, 5  # of a fine-tuning that "auto" decides on
FINETUNE_SECONDS = 120.0  # of such a fine-tuning, by the time of a step: more is for the user to ask for
TRIAL_SECONDS = 48.0  # of one candidate with unfrozen blocks, likewise; most trials have one
TRIAL_EPOCHS, LEAST_TRIAL_EPOCHS = 4, 2  # with unfrozen blocks
RATE_SHARES = (0.1, 0.5)  # of lr: a tenth keeps what was learned from photos, a half learns other images
FEW_IMAGES = 200  # of validation; with fewer, folds of the training images validate as well
MAX_FOLDS = 3
_OF_UNFROZEN_BLOCKS = {
    "finetune_epochs", "finetune_lr", "batch_norm", "layer_decay", "mixup", "cutmix",
}  # fmt: skip


def default_settings(loss: str) -> dict[str, Any]:
    """What "auto" means for a classifier where no trial decides."""
    return {
        "loss": loss, "epochs": 20, "finetune_epochs": FINETUNE_EPOCHS, "batch_norm": "frozen", "recipe": "standard",
        "class_weights": "none",
    }  # fmt: skip


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
    epoch = time_step(network, plan.device, PRECISIONS[precision]) * len(trials.split.train)
    fitting = min(FINETUNE_EPOCHS, int(FINETUNE_SECONDS / max(epoch, 1e-9)))
    frozen = [] if _asks_for_unfreezing(settings) else [Candidate(say("frozen encoder"), {"unfreeze": 0})]
    if frozen and fitting < LEAST_EPOCHS:
        return plan.model_copy(update={"reasons": {**plan.reasons, "unfreeze": _explain_too_slow(epoch)}})
    epochs, splits = _limit(trials, epoch)
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
    reasons = {
        **plan.reasons,
        "unfreeze": describe(results) if results else _explain_no_results(bool(splits)),
    }
    if decided["unfreeze"]:
        reasons |= {"batch_norm": reasons["unfreeze"]} if len(states) > 1 else {}
        reasons |= {"finetune_lr": reasons["unfreeze"]} if len(rates) > 1 else {}
        reasons |= {"precision": fastest} if fastest else {}
        if frozen:
            decided["finetune_epochs"] = fitting
            reasons["finetune_epochs"] = say("as many as take {seconds} s, from {least} to {most}",
                                             seconds=number(FINETUNE_SECONDS, 0), least=LEAST_EPOCHS,
                                             most=FINETUNE_EPOCHS)  # fmt: skip
    return plan.model_copy(update={**decided, "reasons": reasons})


def _asks_for_unfreezing(settings: Any) -> bool:
    """Whether the user set something that has an effect on unfrozen blocks only."""
    if settings.precision not in ("auto", "float32"):  # which a frozen encoder has anyway
        return True
    fields = type(settings).model_fields
    return any(getattr(settings, name) != fields[name].default for name in _OF_UNFROZEN_BLOCKS)


def _limit(trials: Trials, epoch: float) -> tuple[int, list[SplitRows]]:
    """Epochs and splits of a trial with `epoch` seconds for each; none where the time allows too few.

    Where validation images are few and the time allows it, the splits are folds.
    """
    epochs = int(TRIAL_SECONDS / max(epoch, 1e-9))
    folds = min(MAX_FOLDS, 1 + epochs // TRIAL_EPOCHS)  # an epoch of K folds takes as long as K - 1 epochs
    if len(trials.split.validation) < FEW_IMAGES and folds > 1:
        return TRIAL_EPOCHS, trials.fold_rows(folds)
    return min(epochs, TRIAL_EPOCHS), [trials.split] if epochs >= LEAST_TRIAL_EPOCHS else []


def _explain_too_slow(epoch: float) -> str:
    """Why the encoder stays frozen without a trial."""
    return say(
        "not tried: an epoch with unfrozen blocks takes {seconds} s on this machine, and there are {limit} s; "
        "--budget or --unfreeze all gives more",
        seconds=number(epoch, 0), limit=number(FINETUNE_SECONDS, 0),
    )  # fmt: skip


def _explain_no_results(has_time: bool) -> str:
    """Why the first candidate is taken as it is."""
    if has_time:
        return say("not tried: there are no validation images")
    return say(
        "not tried: {epochs} epochs with unfrozen blocks take longer than {limit} s on this machine",
        epochs=LEAST_TRIAL_EPOCHS, limit=number(TRIAL_SECONDS, 0),
    )  # fmt: skip
