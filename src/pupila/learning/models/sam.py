"""SAM and SAM 2 checkpoints, through transformers."""

import json
import math
from contextlib import nullcontext
from typing import Any, Literal

import torch
from torch import Tensor, nn

from pupila.artifacts.bundle.architecture import Architecture, Weights
from pupila.artifacts.bundle.schema import BundleInfo
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, number, say
from pupila.imaging.images.preprocess import Preprocessing
from pupila.learning.models.hub import hub_access, hub_error
from pupila.learning.models.network import Body, Network
from pupila.learning.models.prompt_head import PromptHead, Shape
from pupila.learning.models.quiet import quiet_transformers
from pupila.learning.models.settings import CHECKPOINTS, TOO_LARGE, EncoderSettings
from pupila.learning.models.weights import hash_module
from pupila.tasks.prompt import PROMPT

_MOST_BYTES = 2**31  # of an ONNX file
PromptFormat = Literal["sam", "sam2"]
SAM: PromptFormat = "sam"
SAM2: PromptFormat = "sam2"


class SamMaps(nn.Module):
    """The image encoder of SAM with a flattened embedding."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.vision_encoder = model.vision_encoder

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, size)."""
        features: Tensor = self.vision_encoder(pixels).last_hidden_state
        return features.flatten(1)


class Sam2Maps(nn.Module):
    """SAM 2's image encoder: the embedding, then the maps of 4 and 2 times its resolution, flat one after the other."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.vision_encoder = model.vision_encoder
        self.finest, self.finer = model.mask_decoder.conv_s0, model.mask_decoder.conv_s1
        self.no_memory = model.no_memory_embedding

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, size)."""
        finest, finer, coarse = self.vision_encoder(pixels).fpn_hidden_states
        coarse = coarse + self.no_memory.reshape(1, -1, 1, 1)
        return torch.cat(
            [feature_map.flatten(1) for feature_map in (coarse, self.finest(finest), self.finer(finer))],
            dim=1,
        )


def build_checkpoint(settings: EncoderSettings, image_size: int | None) -> Network:
    """SAM or SAM 2 from the hub or from a local folder; its prompt encoder stays as it is.

    Raises:
        PupilaError: an unknown checkpoint, one that is too large, other settings than its own, or no way to the hub.
    """
    if settings.weights != "default" or settings.options or settings.encoder not in ("auto", ""):
        raise PupilaError(
            say("{model} has fixed weights and a fixed encoder", model=settings.model),
            actual=f"weights={settings.weights}, encoder={settings.encoder}, options={settings.options}",
            expected="weights=default, encoder=auto, options={}",
            remedy=say("omit these settings, or --model pupila-sam"),
        )  # fmt: skip
    if settings.model in TOO_LARGE:
        raise _too_large(settings.model)
    model, kind = _load_checkpoint(settings.model)
    spec = _read_preprocessing(model, kind)
    if image_size is not None and image_size != spec.height:
        raise PupilaError(
            say("{model} does not support this image size", model=settings.model), actual=f"image_size={image_size}",
            expected=f"image_size={spec.height}", remedy="--image-size auto, or --model pupila-sam",
        )  # fmt: skip
    name = settings.model.rstrip("/").rpartition("/")[2]
    source = (
        f"file: {name}" if files.exists(settings.model) else f"hub: {CHECKPOINTS.get(name, settings.model)}"
    )
    return _make_network(model, name, kind, Weights(source=source))


def rebuild_checkpoint(info: BundleInfo) -> Network:
    """The network of a bundle before its weights are loaded."""
    with quiet_transformers():
        from transformers import Sam2Config, Sam2Model, SamConfig, SamModel

        options: Any = info.architecture.options
        model: Any = (
            SamModel(SamConfig.from_dict(options))
            if info.prompt_format == SAM
            else Sam2Model(Sam2Config.from_dict(options))
        )
    kind = SAM if info.prompt_format == SAM else SAM2
    return _make_network(model.eval(), info.architecture.name, kind, info.weights)


def _make_network(model: Any, name: str, kind: PromptFormat, weights: Weights) -> Network:
    spec = _read_preprocessing(model, kind)
    encoder: Any = SamMaps(model) if kind == SAM else Sam2Maps(model)
    if sum(p.numel() * 4 for p in encoder.parameters()) > _MOST_BYTES:
        raise _too_large(name)
    shapes = _read_shapes(model, kind)
    head = PromptHead(model.prompt_encoder, model.mask_decoder, shapes)
    head.prompt_encoder.requires_grad_(False)
    vision, config = model.vision_encoder, json.loads(model.config.to_json_string())
    return Network(
        architecture=Architecture(library="transformers", name=name, options=config),
        task=PROMPT, body=Body.of(encoder, list(vision.layers if kind == SAM else vision.backbone.blocks)),
        head=head, size=sum(math.prod(shape) for shape in shapes), preprocessing=spec, weights=weights,
        weights_hash=hash_module(encoder, name, {}), stride=spec.height, prompt_format=kind,
    )  # fmt: skip


def _too_large(name: str) -> PupilaError:
    return PupilaError(
        say("The encoder of {model} is too large for one ONNX file", model=name), actual=say("more than 2 GB"),
        expected=say("at most {n} GB", n=number(_MOST_BYTES / 1e9, 1)), remedy="--model sam-vit-large",
    )  # fmt: skip


def _load_checkpoint(name: str) -> tuple[Any, PromptFormat]:
    """The model and its architecture.

    Raises:
        PupilaError: an unknown checkpoint, one of another architecture, or the hub can't be reached.
    """
    where = CHECKPOINTS.get(name, name)
    local = files.exists(where)
    with nullcontext() if local else hub_access(name), quiet_transformers():
        from transformers import AutoConfig, Sam2Model, SamModel

        try:
            model_type = str(AutoConfig.from_pretrained(where).model_type)
            if model_type not in (SAM, SAM2, "sam2_video"):
                raise PupilaError(
                    say("{model} is not a promptable model", model=name), actual=f"model_type={model_type}",
                    expected="sam, sam2", remedy="--model sam-vit-base, or --model pupila-sam",
                )  # fmt: skip
            loads: Any = SamModel if model_type == SAM else Sam2Model
            model, report = loads.from_pretrained(
                where, dtype=torch.float32, use_safetensors=True, output_loading_info=True
            )
        except (OSError, ValueError) as fault:
            if isinstance(fault, OSError) and not local:
                raise  # `hub_access` knows why
            raise hub_error(name, fault) from fault
    if report["missing_keys"]:
        raise PupilaError(
            say("The checkpoint {model} lacks tensors", model=name), actual=listing(sorted(report["missing_keys"]), 3),
            expected=say("a complete model, as written by save_pretrained"),
        )  # fmt: skip
    return model.eval(), SAM if model_type == SAM else SAM2


def _read_preprocessing(model: Any, kind: PromptFormat) -> Preprocessing:
    """As in the processors of the hub: SAM keeps the aspect ratio and pads, SAM 2 does not keep it."""
    side = model.config.prompt_encoder_config.image_size
    side = int(side if isinstance(side, int) else side[0])
    fit: Any = {"fit": "corner", "padding": "mean"} if kind == SAM else {}
    return Preprocessing(height=side, width=side, **fit)


def _read_shapes(model: Any, kind: PromptFormat) -> tuple[Shape, ...]:
    """Shapes of the feature maps, the embedding first."""
    if kind == SAM:
        cells = int(model.config.prompt_encoder_config.image_embedding_size)
        return ((int(model.config.vision_config.output_channels), cells, cells),)
    width = int(model.config.vision_config.fpn_hidden_size)
    finest, finer, coarse = (tuple(map(int, size)) for size in model.backbone_feature_sizes)
    return (width, *coarse), (width // 8, *finest), (width // 4, *finer)  # type: ignore[return-value]
