"""From the settings to the plan: every "auto" is decided once, with its reason, before the first step."""

from typing import Any

import torch

from pupila.artifacts.bundle.consistency import MAX_SIDE
from pupila.artifacts.bundle.graph_check import MAX_BYTES
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import LEAKING, SplitFile
from pupila.artifacts.dataset.versions.identity import hash_version
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.json_text import dump_json
from pupila.core.messages import number, say, say_count
from pupila.core.settings import unknown
from pupila.core.version import __version__
from pupila.core.vocabulary import TRAIN
from pupila.learning.augment import PRESETS
from pupila.learning.models.network import Network, WholeNetwork
from pupila.learning.optimizers import DEFAULT_RATES
from pupila.stages.train.config import TASK_MODELS, write_flag
from pupila.stages.train.measure import pick_engine, resolve_device
from pupila.stages.train.planning.classify import CLASSIFY_PLANNER
from pupila.stages.train.planning.multilabel import MULTILABEL_PLANNER
from pupila.stages.train.planning.planner import Needs, TaskPlanner, unfrozen_blocks
from pupila.stages.train.planning.prompt import PROMPT_PLANNER
from pupila.stages.train.planning.segment import SEGMENT_PLANNER
from pupila.stages.train.reference import settle_share
from pupila.stages.train.settings import TrainPlan, TrainSettings, conflicting_settings, skips_training

PLANNERS: dict[str, TaskPlanner] = {
    "classify": CLASSIFY_PLANNER,
    "multilabel": MULTILABEL_PLANNER,
    "segment": SEGMENT_PLANNER,
    "prompt": PROMPT_PLANNER,
}
MAX_VIEWS = 10  # per image, where "auto" decides
MAX_SIZES = {"image_size": MAX_SIDE, "batch_size": 65536, "epochs": 1_000_000, "workers": 1024}
FINETUNE_SHARE = 0.1  # of lr, the rate of unfrozen blocks, unless the task has another
MIN_STEPS = 10  # per epoch; below it "auto" halves the batch


def decide(settings: TrainSettings, data: Dataset, splits: SplitFile, network: Network, task: str) -> Any:
    """The plan of a task, from settings that passed `check_settings`.

    Args:
        settings: those of the task.
        data: the data set.
        splits: made from it.
        network: built from the settings.
        task: its name.

    Raises:
        PupilaError: an unavailable device, or an image size or number of blocks that the model does not support.
    """
    _check_network(settings, network)
    planner, model = PLANNERS[task], TASK_MODELS[task].plan
    settings, reasons = settle_share(settings, data, splits, task)

    def auto(name: str, value: Any, reason: str) -> Any:
        given = getattr(settings, name)
        if given != "auto":
            return given
        reasons[name] = reason
        return value

    defaults = {"augment": planner.augment, **planner.defaults(network)}
    unfreeze = auto("unfreeze", *_pick_unfreeze(network, planner))
    rate = defaults.pop("lr", DEFAULT_RATES[settings.optimizer])
    rate = auto("lr", rate, say("default of {optimizer}", optimizer=settings.optimizer))
    device = resolve_device(settings.device)
    auto("device", device, say("no GPU found") if device == "cpu" else say("fastest available device"))
    views, share = defaults.pop("augmented_views", MAX_VIEWS), defaults.pop("finetune_share", FINETUNE_SHARE)
    values = {name: auto(name, value, say("default")) for name, value in defaults.items()}
    values |= {
        "model": settings.model if network.task.takes_prompts else network.name, "encoder": network.encoder_name,
        "options": network.options, "weights": network.weights_file or settings.weights,
        "image_size": network.preprocessing.height,
        **network.preprocessing.model_dump(include={"overlap", "fit", "crop_share", "interpolation"}),
        "unfreeze": unfreeze, "lr": rate, "device": device, "precision": settings.precision,
        "finetune_lr": auto("finetune_lr", rate * share, say("{share} of lr", share=share)),
    }  # fmt: skip
    if "augmented_views" in model.model_fields:
        picked = auto("augmented_views", *_pick_views(values["epochs"], values["augment"], views))
        values["augmented_views"] = 1 if values["augment"] == "none" else picked
    values["batch_size"], reason = _decide_batch_size(settings.batch_size, data, splits, network, planner)
    reasons |= {"batch_size": reason} if reason else {}
    reasons |= _default_reasons(settings, network)
    if settings.precision == "auto":
        values["precision"], reasons["precision"] = planner.pick_precision(network, device, unfreeze)
    values["engine"] = "torch"
    if network.pretrained and network.task.caches_features and values["epochs"]:
        choice = pick_engine(network, device)
        values["engine"], reasons["engine"] = choice.engine, choice.reason
    known = {name: value for name, value in values.items() if name in model.model_fields}
    return model.model_validate({
        **settings.model_dump(), **known, "threads": torch.get_num_threads(), "reasons": reasons, "task": task,
        "data_hash": data.hash, "data_parts": data.hash_parts, "splits_hash": splits.hash,
        "data_version": hash_version(data.hash, splits.hash),
        "classes": list(network.classes) or data.classes,
        "leaking": splits.verdict == LEAKING, "folds": len(list_folds(splits)),
    })  # fmt: skip


def list_folds(splits: SplitFile) -> set[int]:
    """The numbers of the folds; none where there is one validation split."""
    return {a.fold for a in splits.images if a.fold is not None}


def _default_reasons(settings: TrainSettings, network: Network) -> dict[str, str]:
    """The reasons of what the network has decided."""
    given = settings.model_dump()
    reasons = {name: say("default") for name in ("model", "encoder", "overlap") if given.get(name) == "auto"}
    if settings.image_size == "auto":
        reasons["image_size"] = say("default of the model")
    own = say("that of the weights") if network.pretrained else say("default")
    reasons |= {name: own for name in ("fit", "interpolation") if given.get(name) == "auto"}
    if given.get("crop_share") == "auto":
        reasons["crop_share"] = own if network.preprocessing.fit == "crop" else say("nothing is cropped")
    if network.weights_file:
        reasons["weights"] = say("made for this model, in the folder of PUPILA_WEIGHTS")
    return reasons


def _pick_unfreeze(network: Network, planner: TaskPlanner) -> tuple[int | str, str]:
    if not network.pretrained:
        return "all", say("no pretrained weights, so all blocks are trained")
    return planner.pick_unfreeze(network)


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
    spec, blocks = network.preprocessing, network.body.depth
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
    """Refuse an image size that the network does not support, before any image is prepared for it.

    A size that it supports is cached: then no network is built to find out.
    """
    key = [network.architecture.model_dump(), network.preprocessing.height, network.preprocessing.width]
    name = files.sha256(dump_json([*key, torch.__version__, __version__], default=str).encode())[:24]
    known = files.cache_folder() / "image_sizes" / name
    if known.exists():
        return
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
    files.write_to_cache(known, name.encode())


def _decide_batch_size(
    given: int | str, data: Dataset, splits: SplitFile, network: Network, planner: TaskPlanner
) -> tuple[int, str]:
    """The batch size, and the reason unless it is the user's."""
    if isinstance(given, str):
        images = len(splits.in_split(TRAIN)) or len(splits.images)
        return _pick_batch_size(images, planner.max_batch_size), say_count(
            "{n} training image",
            "{n} training images",
            images,
        )
    most = count_training(data, splits)
    if given <= most or not most or network.preprocessing.view == "tile":  # an image has many tiles
        return given, ""
    return most, say_count(
        "{given} is larger than the training split, which has {n} image",
        "{given} is larger than the training split, which has {n} images",
        most,
        given=given,
    )


def count_training(data: Dataset, splits: SplitFile) -> int:
    """Labelled images of the training split, or of all folds but one."""
    unlabelled = {row for row, target in enumerate(data.images["target"].to_list()) if target is None}
    known, folds = (
        [a for row, a in enumerate(splits.images) if row not in unlabelled],
        len(list_folds(splits)),
    )
    if folds:
        return sum(a.fold is not None for a in known) * (folds - 1) // folds
    return sum(a.split == TRAIN for a in known)


def _pick_batch_size(images: int, most: int) -> int:
    batch = most
    while batch > min(8, most) and images / batch < MIN_STEPS:
        batch //= 2
    return batch


def _check_sizes(settings: TrainSettings) -> None:
    """Refuse sizes that no memory holds, before anything is allocated."""
    for name, most in MAX_SIZES.items():
        value = getattr(settings, name)
        if isinstance(value, int) and value > most:
            raise PupilaError(say("{flag} {value} is too large", flag=write_flag(name), value=value),
                              expected=say("at most {most}", most=most))  # fmt: skip


def check_settings(settings: TrainSettings, data: Dataset, splits: SplitFile, task: str) -> None:
    """Refuse unusable settings before a model is downloaded and built.

    Args:
        settings: of the user, as those of the task.
        data: the data set.
        splits: made from it.
        task: its name.

    Raises:
        PupilaError: an unavailable device, a single class, a leaking split, an unknown preset or loss, conflicting
            settings.
    """
    resolve_device(settings.device)
    check_preset(settings.augment)
    _check_sizes(settings)
    PLANNERS[task].check(settings, data)
    if settings.ensemble and skips_training(settings):
        raise conflicting_settings(
            "epochs=0, ensemble=true", say("at least one epoch: models of folds are trained"), "--epochs 20"
        )
    if splits.verdict == LEAKING and not settings.allow_leak:
        raise PupilaError(
            say("The split leaks"),
            actual=say_count(
                "1 pair of related images in different splits", "{n} pairs of related images in different splits",
                len(splits.leaks),
            ),
            expected=say("a split without leakage: leakage biases the scores upwards"),
            remedy=say("{command}; or --allow-leak, which the report states", command=splits.redraw_command),
        )  # fmt: skip


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
                remedy=say("omit {flag}", flag=write_flag(name)),
            )


def check_ensemble_size(plan: TrainPlan, network: Network) -> None:
    """Refuse an ensemble whose members no ONNX file holds together, before they are trained for hours.

    Raises:
        PupilaError: with the size of their weights.
    """
    needed = 4 * network.parameters * plan.folds
    if plan.ensemble and plan.unfreeze and needed > MAX_BYTES:
        raise PupilaError(
            say("The ensemble is too large for one ONNX file"),
            actual=say("{n} GB of weights", n=number(needed / 1e9, 1)), expected=say("at most 2 GB"),
            remedy=say("fewer folds, a smaller model, or --unfreeze 0"),
        )  # fmt: skip


def find_unused_settings(settings: TrainSettings, plan: TrainPlan, network: Network) -> dict[str, str]:
    """The settings that have no effect, and what each needs to have one.

    Args:
        settings: of the user, or the plan itself.
        plan: decided from these settings.
        network: of the plan.
    """
    finetuned = network.pretrained and plan.unfreeze != 0
    longest = max(plan.epochs, plan.finetune_epochs if finetuned else 0)
    unfrozen = unfrozen_blocks()
    in_float32 = settings.precision == "float32" or not network.task.caches_features
    needs: Needs = {
        **PLANNERS[plan.task].needs(settings, plan, network),
        "finetune_epochs": (finetuned, unfrozen),
        "finetune_lr": (finetuned, unfrozen),
        "batch_norm": (finetuned, unfrozen),
        "layer_decay": (finetuned, unfrozen),
        "ensemble": (plan.folds > 0, say("folds, such as --folds 5")),
        "reference_share": (
            not plan.folds and not network.task.takes_prompts and not skips_training(plan),
            say("training without folds, of a model that takes no prompts"),
        ),
        "precision": (in_float32 or plan.unfreeze != 0, unfrozen),
        "warmup_epochs": (
            settings.warmup_epochs <= longest,
            say("a phase of as many epochs; the longest has {n}", n=longest),
        ),
    }
    fields = type(plan).model_fields
    return {name: need for name, (honoured, need) in needs.items() if name in fields and not honoured}


def check_preset(name: str) -> None:
    """Refuse an unknown augmentation preset.

    Raises:
        PupilaError: with the closest known preset.
    """
    if name != "auto" and name not in PRESETS:
        raise PupilaError(
            unknown(say("Unknown augmentation preset {name}", name=name), name, ["auto", *PRESETS])
        )
