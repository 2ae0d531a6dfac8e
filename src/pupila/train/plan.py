"""From the wish to the plan: every "auto" is decided once, each with its reason, before the first step."""

from typing import Any

import torch

from pupila.dataset.manifest import Dataset
from pupila.dataset.splits import LEAKING, SplitFile
from pupila.errors import PupilaError
from pupila.messages import listing, say
from pupila.metrics.threshold import positive_of
from pupila.models.network import Network
from pupila.train.engine import device_of, fastest, step_seconds
from pupila.train.preview import check_preset
from pupila.train.settings import TrainPlan, TrainSettings
from pupila.vocabulary import TRAIN

MOST_VIEWS = 10  # of an image, where "auto" decides
FEW_STEPS = 10  # an epoch, below which "auto" halves the batch
FASTER = 0.9  # of the time, below which a lower precision is taken
_RATES = {"adam": 1e-3, "adamw": 1e-3, "sgd": 1e-2}


def decide(wish: TrainSettings, data: Dataset, splits: SplitFile, network: Network) -> TrainPlan:
    """Decide every "auto" of a wish that was checked.

    Raises:
        PupilaError: a device that is not there, a side that the model can't take, or settings that do nothing.
    """
    reasons: dict[str, str] = {}
    if wish.side != "auto":
        _check_side(network)
    if not network.pretrained and wish.thaw not in ("auto", "all"):
        raise _at_odds(f"weights=none, thaw={wish.thaw}", say("all weights to be trained: there are none to keep"),
                       "thaw=all")  # fmt: skip

    def auto(name: str, value: Any, reason: str) -> Any:
        told = getattr(wish, name)
        if told != "auto":
            return told
        reasons[name] = reason
        return value

    pretrained = network.pretrained
    thaw = auto("thaw", 0 if pretrained else "all", _why_thaw(pretrained))
    images = len(splits.of(TRAIN)) or len(splits.images)
    rate = auto(
        "learning_rate", _RATES[wish.optimizer], say("usual for {optimizer}", optimizer=wish.optimizer)
    )
    device = device_of(wish.device)
    if wish.device == "auto":
        reasons["device"] = say("the fastest that is there")
    values = {
        "model": network.name,
        "options": network.options,
        "side": network.preparation.height,
        "thaw": thaw,
        "learning_rate": rate,
        "fine_learning_rate": auto("fine_learning_rate", rate / 10, say("a tenth of learning_rate")),
        "batch_size": auto("batch_size", _batch(images), say("{n} training images", n=images)),
        "views": auto("views", min(max(wish.epochs, 1), MOST_VIEWS), say("one for each epoch, 10 at most")),
        "device": device,
        "precision": wish.precision,
    }
    if wish.side == "auto":
        reasons["side"] = say("the model's own")
    if wish.augment == "none":
        values["views"] = 1
        reasons["views"] = say("no augmentation, so all views are alike")
    if wish.precision == "auto":
        values["precision"], reasons["precision"] = _precision(network, device, thaw)
    engine = "torch"
    if pretrained and wish.epochs:
        quickest = fastest(network, device)
        engine, reasons["engine"] = quickest.engine, quickest.reason
    return TrainPlan.model_validate({
        **wish.model_dump(), **values, "engine": engine, "threads": torch.get_num_threads(), "reasons": reasons,
        "data_hash": data.hash, "splits_hash": splits.hash, "classes": list(network.classes) or data.classes,
        "leaking": splits.verdict == LEAKING,
        "folds": len({a.fold for a in splits.images if a.fold is not None}),
    })  # fmt: skip


def _check_side(network: Network) -> None:
    """Refuse a side that the encoder can't take, before anything is prepared for it."""
    pixels = torch.zeros(1, 3, network.preparation.height, network.preparation.width)
    try:
        with torch.inference_mode():
            network.encoder.to("cpu").eval()(pixels)
    except (RuntimeError, AssertionError) as fault:
        raise PupilaError(
            say("{model} can't take this side", model=network.name),
            found=f"side={network.preparation.height} ({str(fault).splitlines()[0]})",
            wanted=say("a larger one, or the model's own"), remedy="--set side=auto",
        ) from fault  # fmt: skip


def _batch(images: int) -> int:
    batch = 32
    while batch > 8 and images / batch < FEW_STEPS:
        batch //= 2
    return batch


def as_it_is(wish: TrainSettings) -> bool:
    """Whether the pretrained model is bundled without learning anything."""
    return not wish.epochs and wish.thaw in ("auto", 0)


def _why_thaw(pretrained: bool) -> str:
    return (
        say("pretrained weights: the head first")
        if pretrained
        else say("no weights: everything has to be learned")
    )


def check(wish: TrainSettings, classes: list[str], splits: SplitFile) -> None:
    """Refuse at once, before a model is fetched and built, what can't be honoured.

    Args:
        wish: of the user.
        classes: of the data set.
        splits: made from it.

    Raises:
        PupilaError: one class only, a leaking split, an unknown preset, settings at odds.
    """
    check_preset(wish.augment)
    if len(classes) < 2 and not as_it_is(wish):
        raise PupilaError(
            say("Nothing to tell apart"), found=say("one class: {names}", names=listing(classes)),
            wanted=say("two classes or more"),
        )  # fmt: skip
    if splits.verdict == LEAKING and not wish.allow_leak:
        raise PupilaError(
            say("The split leaks"),
            found=say("{n} pairs that belong together and are parted", n=len(splits.leaks)),
            wanted=say("a clean split: scores on this one would be too good"),
            remedy=say("pupila split DATA --replace, or --allow-leak, which the report will show"),
        )
    if wish.class_weights != "none" and wish.sampling == "balanced":
        raise _at_odds(f"class_weights={wish.class_weights}, sampling=balanced",
                       say("one of them: together they count the rare classes twice"), "sampling=natural")  # fmt: skip
    if wish.threshold is not None:
        if len(classes) != 2:
            raise _at_odds(
                f"threshold={wish.threshold}", say("two classes, not {n}", n=len(classes)), "threshold=null"
            )
        positive_of(wish.threshold, classes)
    if wish.label_smoothing and wish.loss == "focal":
        raise _at_odds(f"loss=focal, label_smoothing={wish.label_smoothing}",
                       say("focal loss without label smoothing"), "label_smoothing=0")  # fmt: skip


def refuse_idle(wish: TrainSettings, plan: TrainPlan, pretrained: bool) -> None:
    """Refuse settings that the user set to another value than the usual one, and that would do nothing.

    Args:
        wish: of the user, before a budget decided anything.
        plan: what it came to.
        pretrained: whether the encoder knows something already.

    Raises:
        PupilaError: such a setting.
    """
    fine, frozen = pretrained and plan.thaw != 0, pretrained and plan.epochs > 0
    longest = max(plan.epochs, plan.fine_epochs if fine else 0)
    thawed = say("thawed blocks of a pretrained encoder, such as thaw=3")
    needs = {
        "focal_gamma": (wish.loss == "focal", "loss=focal"),
        "head_width": (wish.head == "dense", "head=dense"),
        "dropout": (wish.head == "dense", "head=dense"),
        "fine_epochs": (fine, thawed),
        "fine_learning_rate": (fine, thawed),
        "precision": (wish.precision == "float32" or plan.thaw != 0, thawed),
        "views": (
            wish.views == 1 or (frozen and wish.augment != "none"),
            say("a frozen pretrained encoder, and augmentation"),
        ),
        "warmup_epochs": (wish.warmup_epochs <= longest, say("at most the {n} epochs of a phase", n=longest)),
    }
    usual = type(wish).model_fields
    for name, (honoured, need) in needs.items():
        if not honoured and getattr(wish, name) != usual[name].default and not as_it_is(wish):
            raise PupilaError(
                say("A setting that would do nothing"), found=f"{name}={getattr(wish, name)}", wanted=need,
                remedy=say("leave {name} out", name=name),
            )  # fmt: skip


def _at_odds(found: str, wanted: str, remedy: str) -> PupilaError:
    return PupilaError(say("Settings at odds"), found=found, wanted=wanted, remedy=f"--set {remedy}")


def _precision(network: Network, device: str, thaw: int | str) -> tuple[str, str]:
    """float32, unless a lower precision was measured faster for the steps that are to come."""
    if not thaw:
        return "float32", say("only the head is trained, which is quick")
    if device == "mps":
        return "float32", say("not measured on mps")
    lower = "bfloat16"
    if device == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        lower = "float16"
    if device == "cpu" and "bf16" not in _cpu_flags():
        return "float32", say("this CPU has no bfloat16")
    full, half = step_seconds(network, device, torch.float32), step_seconds(network, device, _dtype(lower))
    told = say(
        "a step took {half:.2f} ms an image in {lower}, {full:.2f} ms in float32",
        half=1e3 * half,
        full=1e3 * full,
        lower=lower,
    )
    return (lower if half < FASTER * full else "float32"), told


def _dtype(name: str) -> torch.dtype:
    return torch.bfloat16 if name == "bfloat16" else torch.float16


def _cpu_flags() -> str:
    try:
        with open("/proc/cpuinfo") as stream:  # noqa: PTH123 -- no data file
            return next((line for line in stream if line.startswith(("flags", "Features"))), "")
    except OSError:
        return ""
