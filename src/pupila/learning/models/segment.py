"""Segmentation networks: every architecture of segmentation_models_pytorch on any encoder of timm."""

import json
import re
import warnings
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from pupila.artifacts.bundle.architecture import Architecture, Library, Weights
from pupila.artifacts.bundle.schema import BundleInfo
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.settings import closest, unknown
from pupila.imaging.images.preprocess import Preprocessing
from pupila.learning.models.built import BuiltEncoders
from pupila.learning.models.hub import hub_access
from pupila.learning.models.nets import NETS
from pupila.learning.models.network import NO_WEIGHTS, Body, Network
from pupila.learning.models.quiet import load_timm
from pupila.learning.models.settings import DEFAULT_ENCODER, DEFAULT_MODELS, EncoderSettings
from pupila.learning.models.weights import (
    WeightsInfo,
    describe_weights,
    explain_other_model,
    find_local_weights,
    hash_module,
    load_weights,
    read_tensors,
    read_weights_info,
)
from pupila.tasks.segment import SEGMENT

ARCHITECTURES = ("unet", "unetplusplus", "manet", "linknet", "fpn", "pspnet", "deeplabv3", "deeplabv3plus", "pan",
                 "upernet", "segformer", "dpt")  # fmt: skip
SIDE = 256  # default image size, pixels


class Decoder(nn.Module):
    """Turns the feature maps of an encoder into class logits."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.decoder, self.segmentation_head = model.decoder, model.segmentation_head

    def forward(self, features: Any) -> Any:
        """The encoder's maps to (N, C, H, W) logits."""
        maps = self.decoder(*features) if isinstance(features, tuple) else self.decoder(features)
        return self.segmentation_head(maps)


def build_segmenter(
    settings: EncoderSettings,
    classes: int | None,
    image_size: int | None = None,
    built: BuiltEncoders | None = None,
) -> Network:
    """Build a segmentation network; random parts are drawn from torch's own seed.

    Args:
        settings: architecture (`model`), encoder, weights and options.
        classes: of the masks.
        image_size: of the input, pixels; None: `SIDE`.
        built: unused: the encoder is trained with the decoder.

    Raises:
        PupilaError: an unknown name, weights that do not fit, or no way to the hub.
    """
    local = settings.weights not in ("default", NO_WEIGHTS)
    info = read_weights_info(settings.weights) if local else WeightsInfo()
    encoder = settings.encoder if settings.encoder != "auto" else info.model or DEFAULT_ENCODER
    model = DEFAULT_MODELS["segment"] if settings.model == "auto" else settings.model
    _check_names(model, encoder)
    if weights_file := find_local_weights(settings.weights, encoder):
        settings, local = settings.model_copy(update={"weights": weights_file}), True
        info = read_weights_info(weights_file)
    options = {**info.options, **settings.options}
    if not classes:
        raise PupilaError(
            say("A segmentation model needs training"), actual="epochs=0", expected=say("at least one epoch"),
            remedy="--epochs 20",
        )  # fmt: skip
    with explain_other_model(settings.weights, info, encoder):
        whole = _create_model(model, encoder, options, classes, settings.weights == "default")
        inner: Any = whole.encoder
        if local:
            tensors = select_encoder_tensors(inner.model, read_tensors(settings.weights), info.part)
            load_weights(inner.model, tensors, settings.weights)
    mean, std = input_statistics(inner.model, encoder, info)
    spec = Preprocessing(height=image_size or SIDE, width=image_size or SIDE, mean=mean, std=std)
    library: Library = "segmentation_models_pytorch"
    architecture = Architecture(library=library, name=model, encoder=encoder, options=options)
    network = _make_network(whole, architecture, spec, describe_weights(settings.weights, encoder, info))
    return replace(network, weights_file=weights_file)


def rebuild_segmenter(info: BundleInfo) -> Network:
    """The network of a bundle before its weights are loaded."""
    architecture = info.architecture
    name, encoder, options = architecture.name, architecture.encoder, architecture.options
    whole = _create_model(name, encoder, options, len(info.classes), pretrained=False)
    return _make_network(whole, architecture, info.preprocessing, info.weights)


def _make_network(whole: Any, architecture: Architecture, spec: Preprocessing, weights: Weights) -> Network:
    inner: Any = whole.encoder
    return Network(
        architecture=architecture,
        task=SEGMENT,
        body=Body.of(inner, list_blocks(inner.model)),
        head=Decoder(whole),
        size=int(inner.out_channels[-1]),
        preprocessing=spec,
        weights=weights,
        weights_hash=hash_module(inner, architecture.encoder, architecture.options),
        options=architecture.options,
        stride=int(getattr(inner, "output_stride", 32)),
    )


def _check_names(model: str, encoder: str) -> None:
    timm = load_timm()

    if model in NETS or (model not in ARCHITECTURES and timm.is_model(model)):
        raise PupilaError(
            say("{model} is a classification model, but this data set has masks", model=model),
            remedy="--model unet" if model in NETS else f"--model unet --encoder {model}",
        )
    if model not in ARCHITECTURES:
        raise PupilaError(unknown(say("Unknown model {name}", name=model), model, list(ARCHITECTURES)))
    check_encoder(encoder)


def check_encoder(encoder: str) -> None:
    """Refuse a name that is not a timm model.

    Raises:
        PupilaError: with the closest known name.
    """
    timm = load_timm()

    if not timm.is_model(encoder):
        known = timm.list_models()
        raise PupilaError(
            unknown(say("Unknown encoder {name}", name=encoder), encoder, known),
            remedy="" if closest(encoder, known) else "--encoder mobilenetv2_100",
        )


def _create_model(model: str, encoder: str, options: dict[str, Any], classes: int, pretrained: bool) -> Any:
    load_timm()  # which the next line imports
    import segmentation_models_pytorch as smp

    try:
        with hub_access(encoder) if pretrained else nullcontext(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of encoders without prefix tokens
            return smp.create_model(
                model, f"tu-{encoder}", "imagenet" if pretrained else None, classes=classes, **options
            )
    except (TypeError, ValueError, KeyError, AttributeError, NotImplementedError, AssertionError) as fault:
        raise PupilaError(
            say("{model} can't be built with encoder {encoder}", model=model, encoder=encoder),
            actual=f"options={json.dumps(options, default=str)}: {str(fault).splitlines()[0][:200]}",
            expected=say("an encoder and options that the architecture supports"), remedy="--model unet",
        ) from fault  # fmt: skip


def select_encoder_tensors(module: nn.Module, tensors: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    """The tensors of the encoder under its own names; other tensors of a classifier are left out.

    timm calls a stage `stages.0` in a classifier and `stages_0` in some encoders.
    """
    names = list(module.state_dict())
    plain = {name: name if name in tensors else re.sub(r"_(\d+)\.", r".\1.", name, count=1) for name in names}
    selected = {name: tensors[theirs] for name, theirs in plain.items() if theirs in tensors}
    if part == "encoder":
        selected |= {name: tensor for name, tensor in tensors.items() if name not in plain.values()}
    return selected


def input_statistics(model: Any, encoder: str, info: WeightsInfo) -> tuple[Any, Any]:
    """Mean and standard deviation of the inputs that the weights were trained with."""
    timm = load_timm()

    known = getattr(model, "pretrained_cfg", None) or timm.get_pretrained_cfg(encoder)
    mean, std = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)) if known is None else _mean_and_std(known)
    return info.mean or mean, info.std or std


def _mean_and_std(known: Any) -> tuple[Any, Any]:
    config = known if isinstance(known, dict) else known.to_dict()
    return tuple(config["mean"]), tuple(config["std"])


def list_blocks(model: Any) -> list[nn.Module]:
    """Blocks from input to output."""
    parts: list[nn.Module] = []
    for part in model.children():
        many = isinstance(part, nn.Sequential | nn.ModuleList) and len(part) > 1
        parts += list(part) if many else [part]
    return [part for part in parts if any(True for _ in part.parameters())]
