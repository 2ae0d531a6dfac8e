"""From the wish to the plan: every "auto" is decided once, each with its reason, before the first step."""

from typing import Any

import torch

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import LEAKING, SplitFile
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.settings import unknown
from pupila.core.vocabulary import TRAIN
from pupila.learning.augment import PRESETS
from pupila.learning.models.network import Network, Whole
from pupila.stages.train.classify import CLASSES
from pupila.stages.train.engine import FASTER, device_of, fastest, has_bfloat16, step_seconds
from pupila.stages.train.recipe import Kind
from pupila.stages.train.settings import TrainPlan, TrainSettings, as_it_is, at_odds

MOST_VIEWS = 10  # of an image, where "auto" decides
FEW_STEPS = 10  # an epoch, below which "auto" halves the batch
_RATES = {"adam": 1e-3, "adamw": 1e-3, "sgd": 1e-2}


def decide(
    wish: TrainSettings, data: Dataset, splits: SplitFile, network: Network, kind: Kind = CLASSES
) -> TrainPlan:
    """Decide every "auto" of a wish that was checked.

    Raises:
        PupilaError: a device that is not there, a side that the model can't take, or settings that do nothing.
    """
    _check_network(wish, network)
    reasons: dict[str, str] = {}

    def auto(name: str, value: Any, reason: str) -> Any:
        told = getattr(wish, name)
        if told != "auto":
            return told
        reasons[name] = reason
        return value

    own = {"augment": kind.augment, **kind.usual(network)}
    thaw = auto("thaw", *_thaw(network))
    images = len(splits.of(TRAIN)) or len(splits.images)
    rate = own.pop("learning_rate", _RATES[wish.optimizer])
    rate = auto("learning_rate", rate, say("usual for {optimizer}", optimizer=wish.optimizer))
    device = device_of(wish.device)
    auto("device", device, say("the fastest that is there"))
    views = own.pop("views", MOST_VIEWS)
    usual = {name: auto(name, value, say("usual")) for name, value in own.items()}
    values = {
        **usual,
        "model": wish.model if network.prompts else network.name,
        "encoder": network.encoder_name,
        "options": network.options,
        "side": network.preparation.height,
        "overlap": network.preparation.overlap,
        "thaw": thaw,
        "learning_rate": rate,
        "fine_learning_rate": auto("fine_learning_rate", rate / 10, say("a tenth of learning_rate")),
        "batch_size": auto("batch_size", _batch(images, kind.batch), say("{n} training images", n=images)),
        "views": auto("views", *_views(usual["epochs"], usual["augment"], views)),
        "device": device,
        "precision": wish.precision,
    }
    for name in ("model", "encoder", "overlap"):
        auto(name, None, say("usual"))
    if wish.side == "auto":
        reasons["side"] = say("the model's own") if network.pooled else say("usual")
    if usual["augment"] == "none":
        values["views"] = 1
    if wish.precision == "auto":
        values["precision"], reasons["precision"] = _precision(network, device, thaw)
    engine = "torch"
    if network.pretrained and network.pooled and usual["epochs"]:
        engine, reasons["engine"] = _engine(network, device)
    return TrainPlan.model_validate({
        **wish.model_dump(), **values, "engine": engine, "threads": torch.get_num_threads(), "reasons": reasons,
        "data_hash": data.hash, "splits_hash": splits.hash, "classes": list(network.classes) or data.classes,
        "leaking": splits.verdict == LEAKING,
        "folds": len({a.fold for a in splits.images if a.fold is not None}),
    })  # fmt: skip


def _engine(network: Network, device: str) -> tuple[str, str]:
    quickest = fastest(network, device)
    return quickest.engine, quickest.reason


def _views(epochs: int, augment: str, most: int) -> tuple[int, str]:
    if augment == "none":
        return 1, say("no augmentation, so all views are alike")
    return min(max(epochs, 1), most), say("one for each epoch, {most} at most", most=most)


def _check_network(wish: TrainSettings, network: Network) -> None:
    """Refuse a side that the network can't take, and to keep weights that are random."""
    if wish.side != "auto":
        _check_stride(network)
        if not network.prompts:  # it was tried when it was built
            _check_side(network)
    spec, blocks = network.preparation, len(network.blocks)
    if spec.view == "tile" and spec.overlap >= spec.height:
        raise at_odds(f"side={spec.height}, overlap={spec.overlap}", say("an overlap below the side"),
                      f"overlap={spec.height // 4}")  # fmt: skip
    if isinstance(wish.thaw, int) and wish.thaw > blocks:
        raise at_odds(
            f"thaw={wish.thaw}", say("at most {n}, which are all blocks of the encoder", n=blocks), "thaw=all"
        )
    if not network.pretrained and wish.thaw not in ("auto", "all"):
        raise at_odds(f"weights=none, thaw={wish.thaw}", say("all weights to be trained: there are none to keep"),
                      "thaw=all")  # fmt: skip


def _check_stride(network: Network) -> None:
    side, stride = network.preparation.height, network.stride
    if side % stride:
        raise PupilaError(
            say("{model} can't take this side", model=network.name), found=f"side={side}",
            wanted=say("a multiple of {stride}", stride=stride), remedy=f"--set side={max(1, side // stride) * stride}",
        )  # fmt: skip


def _check_side(network: Network) -> None:
    """Refuse a side that the network can't take, before anything is prepared for it."""
    pixels = torch.zeros(1, 3, network.preparation.height, network.preparation.width)
    try:
        with torch.inference_mode():
            Whole(network).to("cpu").eval()(pixels)
    except (RuntimeError, AssertionError) as fault:
        raise PupilaError(
            say("{model} can't take this side", model=network.name),
            found=f"side={network.preparation.height} ({str(fault).splitlines()[0]})",
            wanted=say("a larger one, or the model's own"), remedy="--set side=auto",
        ) from fault  # fmt: skip


def _batch(images: int, most: int) -> int:
    batch = most
    while batch > min(8, most) and images / batch < FEW_STEPS:
        batch //= 2
    return batch


def _thaw(network: Network) -> tuple[int | str, str]:
    if not network.pretrained:
        return "all", say("no weights: everything has to be learned")
    if network.pooled:
        return 0, say("pretrained weights: the head first")
    return len(network.blocks) // 2, say(
        "the deeper half of the encoder: the other half sees edges and colours, and costs the most"
    )


def check(wish: TrainSettings, data: Dataset, splits: SplitFile, kind: Kind = CLASSES) -> None:
    """Refuse at once, before a model is fetched and built, what can't be honoured.

    Args:
        wish: of the user.
        data: the data set.
        splits: made from it.
        kind: of its task.

    Raises:
        PupilaError: one class only, a leaking split, an unknown preset or loss, settings at odds or of another task.
    """
    check_preset(wish.augment)
    kind.check(wish, data)
    if splits.verdict == LEAKING and not wish.allow_leak:
        raise PupilaError(
            say("The split leaks"),
            found=say("{n} pairs that belong together and are parted", n=len(splits.leaks)),
            wanted=say("a clean split: scores on this one would be too good"),
            remedy=say("pupila split DATA --replace, or --allow-leak, which the report will show"),
        )
    if wish.label_smoothing and wish.loss != "auto" and "cross_entropy" not in wish.loss:
        raise at_odds(f"loss={wish.loss}, label_smoothing={wish.label_smoothing}",
                      say("cross-entropy, which alone has label smoothing"), "label_smoothing=0")  # fmt: skip
    if wish.view == "resize" and wish.overlap != "auto":
        raise at_odds(f"view=resize, overlap={wish.overlap}", say("tiles, which overlap"), "view=tile")
    usual = type(wish).model_fields
    for name in kind.idle:
        if getattr(wish, name) != usual[name].default:
            raise PupilaError(
                say("A setting that would do nothing"), found=f"{name}={getattr(wish, name)}",
                wanted=say("a setting for the task {task}", task=kind.task.name),
                remedy=say("leave {name} out", name=name),
            )  # fmt: skip


def refuse_idle(wish: TrainSettings, plan: TrainPlan, network: Network) -> None:
    """Refuse settings that the user set to another value than the usual one, and that would do nothing.

    Args:
        wish: of the user, before a budget decided anything.
        plan: what it came to.
        network: of the plan.

    Raises:
        PupilaError: such a setting.
    """
    pretrained, pixels = network.pretrained, not network.pooled
    fine, frozen = pretrained and plan.thaw != 0, pretrained and plan.epochs > 0
    longest = max(plan.epochs, plan.fine_epochs if fine else 0)
    thawed = say("thawed blocks of a pretrained encoder, such as thaw=3")
    needs = {
        "focal_gamma": ("focal" in plan.loss, "loss=focal"),
        "tversky_beta": ("tversky" in plan.loss, "loss=tversky"),
        "head_width": (wish.head == "dense", "head=dense"),
        "dropout": (wish.head == "dense", "head=dense"),
        "fine_epochs": (fine, thawed),
        "fine_learning_rate": (fine, thawed),
        "precision": (wish.precision == "float32" or pixels or plan.thaw != 0, thawed),
        "views": (
            wish.views == 1 or (frozen and plan.augment != "none"),
            say("a frozen pretrained encoder, and augmentation"),
        ),
        "cache": (frozen, say("a frozen pretrained encoder")),
        "box_jitter": (wish.boxes > 0, "boxes=0.5"),
        "points": (wish.boxes < 1, "boxes=0.5"),
        "warmup_epochs": (wish.warmup_epochs <= longest, say("at most the {n} epochs of a phase", n=longest)),
    }
    usual = type(wish).model_fields
    for name, (honoured, need) in needs.items():
        if not honoured and getattr(wish, name) != usual[name].default and not as_it_is(wish):
            raise PupilaError(
                say("A setting that would do nothing"), found=f"{name}={getattr(wish, name)}", wanted=need,
                remedy=say("leave {name} out", name=name),
            )  # fmt: skip


def _precision(network: Network, device: str, thaw: int | str) -> tuple[str, str]:
    """float32, unless a lower precision was measured faster for the steps that are to come."""
    if not thaw and network.pooled:
        return "float32", say("only the head is trained, which is quick")
    if device == "mps" or network.prompts:
        return "float32", say("not measured here")
    lower = "bfloat16"
    if not has_bfloat16(device):
        if device == "cpu":
            return "float32", say("this CPU has no bfloat16")
        lower = "float16"
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


def check_preset(name: str) -> None:
    """Refuse a name that is no preset.

    Raises:
        PupilaError: with the one that was meant.
    """
    if name != "auto" and name not in PRESETS:
        raise PupilaError(
            say("No such augmentation"), found=f"{name}: {unknown(name, list(PRESETS))}", wanted=say("a preset"),
            remedy="pupila train DATA --preview FILE.png",
        )  # fmt: skip
