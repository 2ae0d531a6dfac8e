"""From the settings to the plan: every "auto" is decided once, with its reason, before the first step."""

from typing import Any

import torch

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import LEAKING, SplitFile
from pupila.core.errors import PupilaError
from pupila.core.messages import number, say, say_count
from pupila.core.settings import unknown
from pupila.core.vocabulary import TRAIN
from pupila.learning.augment import PRESETS
from pupila.learning.models.network import Network, WholeNetwork
from pupila.learning.optimizers import DEFAULT_RATES
from pupila.stages.train.classify import CLASSIFY_RECIPE
from pupila.stages.train.measure import MAX_TIME_RATIO, has_bfloat16, pick_engine, resolve_device, time_step
from pupila.stages.train.recipe import TrainingRecipe
from pupila.stages.train.settings import TrainPlan, TrainSettings, conflicting_settings, skips_training

MAX_VIEWS = 10  # per image, where "auto" decides
MAX_SIZES = {"image_size": 8192, "batch_size": 65536, "epochs": 1_000_000, "workers": 1024}
MIN_STEPS = 10  # per epoch; below it "auto" halves the batch


def decide(
    settings: TrainSettings,
    data: Dataset,
    splits: SplitFile,
    network: Network,
    recipe: TrainingRecipe = CLASSIFY_RECIPE,
) -> TrainPlan:
    """Decide every "auto" of settings that passed `check_settings`.

    Raises:
        PupilaError: an unavailable device, or an image size or number of blocks that the model does not support.
    """
    _check_network(settings, network)
    reasons: dict[str, str] = {}

    def auto(name: str, value: Any, reason: str) -> Any:
        given = getattr(settings, name)
        if given != "auto":
            return given
        reasons[name] = reason
        return value

    defaults = {"augment": recipe.augment, **recipe.defaults(network)}
    unfreeze = auto("unfreeze", *_pick_unfreeze(network))
    images = len(splits.in_split(TRAIN)) or len(splits.images)
    rate = defaults.pop("lr", DEFAULT_RATES[settings.optimizer])
    rate = auto("lr", rate, say("default of {optimizer}", optimizer=settings.optimizer))
    device = resolve_device(settings.device)
    auto("device", device, say("no GPU found") if device == "cpu" else say("fastest available device"))
    views = defaults.pop("augmented_views", MAX_VIEWS)
    decided = {name: auto(name, value, say("default")) for name, value in defaults.items()}
    picked = _pick_views(decided["epochs"], decided["augment"], views)
    picked_batch = _pick_batch_size(images, recipe.max_batch_size)
    values = {
        **decided, "model": settings.model if network.task.takes_prompts else network.name,
        "encoder": network.encoder_name, "options": network.options,
        "weights": network.weights_file or settings.weights,
        "image_size": network.preprocessing.height, "overlap": network.preprocessing.overlap,
        "unfreeze": unfreeze, "lr": rate,
        "finetune_lr": auto("finetune_lr", rate / 10, say("a tenth of lr")),
        "batch_size": auto("batch_size", picked_batch, say("{n} training images", n=images)),
        "augmented_views": auto("augmented_views", *picked),
        "device": device, "precision": settings.precision,
    }  # fmt: skip
    reasons |= _default_reasons(settings, network)
    if decided["augment"] == "none":
        values["augmented_views"] = 1
    if settings.precision == "auto":
        values["precision"], reasons["precision"] = _pick_precision(network, device, unfreeze)
    engine = "torch"
    if network.pretrained and network.task.caches_features and decided["epochs"]:
        engine, reasons["engine"] = _pick_engine(network, device)
    return TrainPlan.model_validate({
        **settings.model_dump(), **values, "engine": engine, "threads": torch.get_num_threads(), "reasons": reasons,
        "task": recipe.task.name, "classes": list(network.classes) or data.classes,
        "data_hash": data.hash, "splits_hash": splits.hash,
        "leaking": splits.verdict == LEAKING,
        "folds": len({a.fold for a in splits.images if a.fold is not None}),
    })  # fmt: skip


def _default_reasons(settings: TrainSettings, network: Network) -> dict[str, str]:
    names = ("model", "encoder", "overlap")
    reasons = {name: say("default") for name in names if getattr(settings, name) == "auto"}
    if settings.image_size == "auto":
        reasons["image_size"] = say("default of the model")
    if network.weights_file:
        reasons["weights"] = say("made for this model, in the folder of PUPILA_WEIGHTS")
    return reasons


def _pick_engine(network: Network, device: str) -> tuple[str, str]:
    choice = pick_engine(network, device)
    return choice.engine, choice.reason


def _pick_views(epochs: int, augment: str, most: int) -> tuple[int, str]:
    if augment == "none":
        return 1, say("without augmentation all views are identical")
    return min(max(epochs, 1), most), say("one per epoch, at most {most}", most=most)


def _check_network(settings: TrainSettings, network: Network) -> None:
    """Refuse an image size that the network does not support, and to freeze random weights."""
    if settings.image_size != "auto":
        _check_stride(network)
        if not network.task.takes_prompts:  # checked when it was built
            _check_image_size(network)
    spec, blocks = network.preprocessing, len(network.blocks)
    if spec.view == "tile" and spec.overlap >= spec.height:
        raise conflicting_settings(
            f"image_size={spec.height}, overlap={spec.overlap}", say("an overlap below image_size"),
            f"--overlap {spec.height // 4}",
        )  # fmt: skip
    if isinstance(settings.unfreeze, int) and settings.unfreeze > blocks:
        raise conflicting_settings(
            f"unfreeze={settings.unfreeze}",
            say("at most {n}, the number of encoder blocks", n=blocks),
            "--unfreeze all",
        )
    if not network.pretrained and settings.unfreeze not in ("auto", "all"):
        raise conflicting_settings(
            f"weights=none, unfreeze={settings.unfreeze}",
            say("training of all blocks: random weights are not worth freezing"),
            "--unfreeze all",
        )


def _check_stride(network: Network) -> None:
    side, stride = network.preprocessing.height, network.stride
    if side % stride:
        raise PupilaError(
            say("{model} does not support this image size", model=network.name), actual=f"image_size={side}",
            expected=say("a multiple of {stride}", stride=stride),
            remedy=f"--image-size {max(1, side // stride) * stride}",
        )  # fmt: skip


def _check_image_size(network: Network) -> None:
    """Refuse an image size that the network does not support, before any image is prepared for it."""
    pixels = torch.zeros(1, 3, network.preprocessing.height, network.preprocessing.width)
    try:
        with torch.inference_mode():
            WholeNetwork(network).to("cpu").eval()(pixels)
    except (RuntimeError, AssertionError) as fault:
        raise PupilaError(
            say("{model} does not support this image size", model=network.name),
            actual=f"image_size={network.preprocessing.height} ({str(fault).splitlines()[0]})",
            expected=say("a larger image size, or the default of the model"), remedy="--image-size auto",
        ) from fault  # fmt: skip


def _pick_batch_size(images: int, most: int) -> int:
    batch = most
    while batch > min(8, most) and images / batch < MIN_STEPS:
        batch //= 2
    return batch


def _pick_unfreeze(network: Network) -> tuple[int | str, str]:
    if not network.pretrained:
        return "all", say("no pretrained weights, so all blocks are trained")
    if network.task.caches_features:
        return 0, say("pretrained weights: only the head is trained")
    return len(network.blocks) // 2, say(
        "the deeper half of the encoder; the first half detects edges and colours and is the most expensive to train"
    )


def _check_sizes(settings: TrainSettings) -> None:
    """Refuse sizes that no memory holds, before anything is allocated."""
    for name, most in MAX_SIZES.items():
        value = getattr(settings, name)
        if isinstance(value, int) and value > most:
            flag = f"--{name.replace('_', '-')}"
            raise PupilaError(say("{flag} {value} is too large", flag=flag, value=value),
                              expected=say("at most {most}", most=most))  # fmt: skip


def check_settings(
    settings: TrainSettings, data: Dataset, splits: SplitFile, recipe: TrainingRecipe = CLASSIFY_RECIPE
) -> None:
    """Refuse unusable settings before a model is downloaded and built.

    Args:
        settings: of the user.
        data: the data set.
        splits: made from it.
        recipe: of its task.

    Raises:
        PupilaError: an unavailable device, a single class, a leaking split, an unknown preset or loss, conflicting
            settings, or settings of another task.
    """
    resolve_device(settings.device)
    check_preset(settings.augment)
    _check_sizes(settings)
    recipe.check_settings(settings, data)
    if splits.verdict == LEAKING and not settings.allow_leak:
        raise PupilaError(
            say("The split leaks"),
            actual=say_count(
                "1 pair of related images in different splits", "{n} pairs of related images in different splits",
                len(splits.leaks),
            ),
            expected=say("a split without leakage: leakage biases the scores upwards"),
            remedy=say("pupila split DATA --replace, or --allow-leak, which the report states"),
        )  # fmt: skip
    if settings.label_smoothing and settings.loss != "auto" and "cross_entropy" not in settings.loss:
        raise conflicting_settings(f"loss={settings.loss}, label_smoothing={settings.label_smoothing}",
                      say("cross_entropy, the only loss with label smoothing"), "--label-smoothing 0")  # fmt: skip
    if settings.view == "resize" and settings.overlap != "auto":
        raise conflicting_settings(
            f"view=resize, overlap={settings.overlap}", say("view=tile: only tiles overlap"), "--view tile"
        )
    fields = type(settings).model_fields
    for name in recipe.unused_settings:
        if getattr(settings, name) != fields[name].default:
            given = f"{name}={getattr(settings, name)}"
            sentences = {
                "classify": say("{given} has no effect: this data set is a classification task", given=given),
                "segment": say("{given} has no effect: this data set is a segmentation task", given=given),
                "prompt": say("{given} has no effect: the model is promptable", given=given),
            }
            raise PupilaError(sentences[recipe.task.name], remedy=say("omit {flag}", flag=_flag(name)))


def refuse_unused_settings(settings: TrainSettings, plan: TrainPlan, network: Network) -> None:
    """Refuse settings that the user changed from their default and that have no effect.

    Args:
        settings: of the user, before a budget decided anything.
        plan: decided from these settings.
        network: of the plan.

    Raises:
        PupilaError: such a setting.
    """
    fields = type(settings).model_fields
    for name, need in find_unused_settings(settings, plan, network).items():
        if getattr(settings, name) != fields[name].default and not skips_training(settings):
            setting = f"{name}={getattr(settings, name)}"
            raise PupilaError(
                say("{setting} has no effect: it needs {need}", setting=setting, need=need),
                remedy=say("omit {flag}", flag=_flag(name)),
            )


def find_unused_settings(settings: TrainSettings, plan: TrainPlan, network: Network) -> dict[str, str]:
    """The settings that have no effect, and what each needs to have one.

    Args:
        settings: of the user, or the plan itself.
        plan: decided from these settings.
        network: of the plan.
    """
    pretrained, pixels = network.pretrained, not network.task.caches_features
    finetuned, frozen = pretrained and plan.unfreeze != 0, pretrained and plan.epochs > 0
    longest = max(plan.epochs, plan.finetune_epochs if finetuned else 0)
    unfrozen = say("unfrozen blocks of a pretrained encoder, such as --unfreeze 3")
    needs = {
        "focal_gamma": ("focal" in plan.loss, "--loss focal"),
        "tversky_beta": ("tversky" in plan.loss, "--loss tversky"),
        "head_width": (settings.head == "dense", "--head dense"),
        "dropout": (settings.head == "dense", "--head dense"),
        "finetune_epochs": (finetuned, unfrozen),
        "finetune_lr": (finetuned, unfrozen),
        "precision": (settings.precision == "float32" or pixels or plan.unfreeze != 0, unfrozen),
        "augmented_views": (
            settings.augmented_views == 1 or (frozen and plan.augment != "none"),
            say("a frozen pretrained encoder with augmentation"),
        ),
        "cache": (frozen, say("a frozen pretrained encoder")),
        "box_jitter": (settings.box_share > 0, "--box-share 0.5"),
        "points": (settings.box_share < 1, "--box-share 0.5"),
        "warmup_epochs": (
            settings.warmup_epochs <= longest,
            say("a phase of as many epochs; the longest has {n}", n=longest),
        ),
    }
    return {name: need for name, (honoured, need) in needs.items() if not honoured}


def _flag(name: str) -> str:
    """A setting as people type it."""
    return "--" + name.replace("_", "-")


def _pick_precision(network: Network, device: str, unfreeze: int | str) -> tuple[str, str]:
    """float32, unless a lower precision was measured to be faster for these training steps."""
    if not unfreeze and network.task.caches_features:
        return "float32", say("only the head is trained, which is fast")
    if device == "mps" or network.task.takes_prompts:
        return "float32", say("lower precisions are not measured for this device or model")
    lower = "bfloat16"
    if not has_bfloat16(device):
        if device == "cpu":
            return "float32", say("this CPU does not support bfloat16")
        lower = "float16"
    full, half = time_step(network, device, torch.float32), time_step(network, device, _dtype(lower))
    reason = say(
        "measured: {half} ms per image in {lower}, {full} ms in float32",
        half=number(1e3 * half, 2),
        full=number(1e3 * full, 2),
        lower=lower,
    )
    return (lower if half < MAX_TIME_RATIO * full else "float32"), reason


def _dtype(name: str) -> torch.dtype:
    return torch.bfloat16 if name == "bfloat16" else torch.float16


def check_preset(name: str) -> None:
    """Refuse an unknown augmentation preset.

    Raises:
        PupilaError: with the closest known preset.
    """
    if name != "auto" and name not in PRESETS:
        raise PupilaError(
            unknown(say("Unknown augmentation preset {name}", name=name), name, ["auto", *PRESETS])
        )
