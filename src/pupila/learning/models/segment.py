"""Segmentation networks: every architecture of segmentation_models_pytorch on any encoder of timm."""

import json
import re
import warnings
from typing import Any

from torch import Tensor, nn

from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.settings import unknown
from pupila.imaging.images.prepare import Preparation
from pupila.learning.models.network import NO_WEIGHTS, Network
from pupila.learning.models.settings import USUAL, ModelSettings
from pupila.learning.models.weights import Told, fill, hash_of, no_hub, read_tensors, source_of, told_beside

ARCHITECTURES = ("unet", "unetplusplus", "manet", "linknet", "fpn", "pspnet", "deeplabv3", "deeplabv3plus", "pan",
                 "upernet", "segformer", "dpt")  # fmt: skip
SIDE = 256  # pixels, unless told otherwise


class Decoder(nn.Module):
    """What makes class logits of an encoder's feature maps."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.decoder, self.segmentation_head = model.decoder, model.segmentation_head

    def forward(self, features: Any) -> Any:
        """The encoder's maps to (N, C, H, W) logits."""
        maps = self.decoder(*features) if isinstance(features, tuple) else self.decoder(features)
        return self.segmentation_head(maps)


def build_segmenter(settings: ModelSettings, classes: int | None, side: int | None = None) -> Network:
    """Build a network for masks; random parts are drawn from torch's own seed.

    Args:
        settings: architecture (`model`), encoder, weights and options.
        classes: of the masks.
        side: of the input, pixels; None: `SIDE`.

    Raises:
        PupilaError: an unknown name, weights that do not fit, or no way to the hub.
    """
    local = settings.weights not in ("default", NO_WEIGHTS)
    told = told_beside(settings.weights) if local else Told()
    encoder = settings.encoder if settings.encoder != "auto" else told.model or "mobilenetv2_100"
    model = USUAL["segment"] if settings.model == "auto" else settings.model
    _check_names(model, encoder)
    options = {**told.options, **settings.options}
    if not classes:
        raise PupilaError(
            say("A network for masks has to learn its classes"), found="epochs=0", wanted=say("one epoch or more"),
            remedy="--set epochs=20",
        )  # fmt: skip
    whole = _created(model, encoder, options, classes, settings.weights == "default")
    inner: Any = whole.encoder
    if local:
        tensors = read_tensors(settings.weights)
        fill(inner.model, own_tensors(inner.model, tensors, told.part), settings.weights)
    mean, std = statistics(inner.model, encoder, told)
    channels = [int(c) for c in inner.out_channels]
    return Network(
        name=model,
        encoder=inner,
        head=Decoder(whole),
        size=channels[-1],
        preparation=Preparation(height=side or SIDE, width=side or SIDE, mean=mean, std=std),
        blocks=blocks_of(inner.model),
        source=source_of(settings.weights, encoder),
        weights_hash=hash_of(inner, encoder, options),
        options=options,
        encoder_name=encoder,
        pooled=False,
        stride=int(getattr(inner, "output_stride", 32)),
    )


def _check_names(model: str, encoder: str) -> None:
    if model not in ARCHITECTURES:
        raise PupilaError(
            say("No such architecture for masks"), found=f"{model}: {unknown(model, list(ARCHITECTURES))}",
            wanted=say("one of segmentation_models_pytorch"), remedy="--set model=unet",
        )  # fmt: skip
    check_encoder(encoder)


def check_encoder(encoder: str) -> None:
    """Refuse a name that is no model of timm.

    Raises:
        PupilaError: with the one that was meant.
    """
    import timm

    if not timm.is_model(encoder):
        raise PupilaError(
            say("No such encoder"), found=f"{encoder}: {unknown(encoder, timm.list_models())}",
            wanted=say("a model of timm"), remedy="--set encoder=mobilenetv2_100",
        )  # fmt: skip


def _created(model: str, encoder: str, options: dict[str, Any], classes: int, pretrained: bool) -> Any:
    import segmentation_models_pytorch as smp

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of encoders without prefix tokens
            return smp.create_model(
                model, f"tu-{encoder}", "imagenet" if pretrained else None, classes=classes, **options
            )
    except (TypeError, ValueError, KeyError, AttributeError, NotImplementedError, AssertionError) as fault:
        raise PupilaError(
            say("{model} can't be built on {encoder}", model=model, encoder=encoder),
            found=f"options={json.dumps(options, default=str)}: {str(fault).splitlines()[0][:200]}",
            wanted=say("an encoder and options that fit this architecture"), remedy="--set model=unet",
        ) from fault  # fmt: skip
    except (OSError, RuntimeError) as fault:
        if not pretrained:
            raise
        raise no_hub(encoder, fault) from fault


def own_tensors(module: nn.Module, tensors: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    """The tensors under the encoder's own names; of a whole classifier, those that an encoder has.

    timm calls a stage `stages.0` in a classifier and `stages_0` in some encoders.
    """
    names = list(module.state_dict())
    plain = {name: name if name in tensors else re.sub(r"_(\d+)\.", r".\1.", name, count=1) for name in names}
    found = {name: tensors[theirs] for name, theirs in plain.items() if theirs in tensors}
    if part == "encoder":
        found |= {name: tensor for name, tensor in tensors.items() if name not in plain.values()}
    return found


def statistics(model: Any, encoder: str, told: Told) -> tuple[Any, Any]:
    """Mean and standard deviation that the weights were trained with."""
    import timm

    known = getattr(model, "pretrained_cfg", None) or timm.get_pretrained_cfg(encoder)
    mean, std = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)) if known is None else _both(known)
    return told.mean or mean, told.std or std


def _both(known: Any) -> tuple[Any, Any]:
    told = known if isinstance(known, dict) else known.to_dict()
    return tuple(told["mean"]), tuple(told["std"])


def blocks_of(model: Any) -> list[nn.Module]:
    """Parts from input to output."""
    parts: list[nn.Module] = []
    for part in model.children():
        many = isinstance(part, nn.Sequential | nn.ModuleList) and len(part) > 1
        parts += list(part) if many else [part]
    return [part for part in parts if any(True for _ in part.parameters())]
