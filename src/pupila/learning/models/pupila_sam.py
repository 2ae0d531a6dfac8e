"""`pupila-sam`: any encoder of timm, a neck, and SAM's prompt encoder and mask decoder, for laptops."""

import math
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from pupila.artifacts.bundle.architecture import Architecture, Weights
from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.bundle.schema import BundleInfo
from pupila.artifacts.run.source import parse_predicting
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.imaging.images.preprocess import Preprocessing
from pupila.learning.models.hub import hub_access
from pupila.learning.models.network import NO_WEIGHTS, Body, Network
from pupila.learning.models.prompt_head import Neck, PromptHead, Shape
from pupila.learning.models.quiet import load_timm, quiet_transformers
from pupila.learning.models.sam import SAM
from pupila.learning.models.segment import (
    check_encoder,
    input_statistics,
    list_blocks,
    select_encoder_tensors,
)
from pupila.learning.models.settings import DEFAULT_ENCODER, PUPILA_SAM, EncoderSettings
from pupila.learning.models.weights import (
    WeightsInfo,
    describe_weights,
    find_local_weights,
    hash_module,
    load_bundle_weights,
    load_weights,
    read_tensors,
    read_weights_info,
)
from pupila.tasks.prompt import PROMPT

SIDE, STRIDE = 512, 16  # pixels: default image size, and stride of the embedding
STRIDES = (4, 8, 16, 32)  # of the feature maps; 16 is required, 4 and 8 only together


class TimmMaps(nn.Module):
    """A timm feature extractor with flattened feature maps."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, size)."""
        return torch.cat([feature_map.flatten(1) for feature_map in self.model(pixels)], dim=1)


def build_pupila_sam(settings: EncoderSettings, image_size: int | None) -> Network:
    """A new network on an encoder, or the whole network of a bundle, to continue its training.

    Raises:
        PupilaError: an encoder, options or weights that do not fit, or no way to the hub.
    """
    bundle = _read_sam_bundle(settings.weights)
    if bundle is not None:
        return _continue_bundle(bundle, settings, image_size)
    local = settings.weights not in ("default", NO_WEIGHTS)
    info = read_weights_info(settings.weights) if local else WeightsInfo()
    encoder = settings.encoder if settings.encoder != "auto" else info.model or DEFAULT_ENCODER
    check_encoder(encoder)
    if weights_file := find_local_weights(settings.weights, encoder):
        settings, local = settings.model_copy(update={"weights": weights_file}), True
        info = read_weights_info(weights_file)
    options = {
        name: value for name, value in info.options.items() if name != "features_only"
    } | settings.options
    model, channels, has_finer = _create_extractor(encoder, options, settings.weights == "default")
    if local:
        load_weights(
            model, select_encoder_tensors(model, read_tensors(settings.weights), info.part), settings.weights
        )
    mean, std = input_statistics(model, encoder, info)
    side = image_size or SIDE
    spec = Preprocessing(height=side, width=side, mean=mean, std=std)
    architecture = Architecture(library="pupila", name=PUPILA_SAM, encoder=encoder, options=options)
    weights = describe_weights(settings.weights, encoder, info)
    network = _make_network(architecture, (model, channels, has_finer), spec, weights)
    return replace(network, weights_file=weights_file)


def _continue_bundle(bundle: Bundle, settings: EncoderSettings, image_size: int | None) -> Network:
    encoder, spec = bundle.info.architecture.encoder, bundle.info.preprocessing
    if settings.encoder not in ("auto", encoder):
        raise PupilaError(
            say("The bundle has another encoder"), actual=encoder, expected=settings.encoder,
            remedy=say("omit either --encoder or --weights"),
        )  # fmt: skip
    side = image_size or spec.height
    options = bundle.info.architecture.options | settings.options
    changes = {
        "architecture": bundle.info.architecture.model_copy(update={"options": options}),
        "preprocessing": Preprocessing(height=side, width=side, mean=spec.mean, std=spec.std),
        "weights": Weights(
            source=describe_weights(settings.weights, encoder, WeightsInfo()).source,
            license=bundle.info.weights.license,
        ),
    }
    return load_bundle_weights(rebuild_pupila_sam(bundle.info.model_copy(update=changes)), bundle)


def rebuild_pupila_sam(info: BundleInfo) -> Network:
    """The network of a bundle before its weights are loaded."""
    architecture = info.architecture
    extractor = _create_extractor(architecture.encoder, architecture.options, pretrained=False)
    return _make_network(architecture, extractor, info.preprocessing, info.weights)


def _make_network(
    architecture: Architecture, extractor: tuple[Any, list[int], bool], spec: Preprocessing, weights: Weights
) -> Network:
    model, channels, has_finer = extractor
    encoder, side, options = architecture.encoder, spec.height, architecture.options
    inner = TimmMaps(model)
    shapes = _measure_shapes(model, side, encoder)
    return Network(
        architecture=architecture, task=PROMPT, body=Body.of(inner, list_blocks(model)),
        head=_create_head(side, shapes, Neck(channels, has_finer)),
        size=sum(math.prod(shape) for shape in shapes), preprocessing=spec, weights=weights,
        weights_hash=hash_module(inner, encoder, {**options, "maps": channels}),  # the same tensors give other maps
        options=options, stride=32, prompt_format=SAM,
    )  # fmt: skip


def _read_sam_bundle(weights: str) -> Bundle | None:
    """The pupila-sam bundle that the weights name (its folder, or that of its run); None for other weights."""
    if weights in ("default", NO_WEIGHTS) or weights.endswith(".safetensors"):
        return None
    bundle = parse_predicting(weights).bundle
    if bundle.info.architecture.name != PUPILA_SAM:
        raise PupilaError(
            say("Not a pupila-sam bundle: {folder}", folder=bundle.folder), actual=bundle.info.architecture.name,
            expected=say("a bundle of a trained pupila-sam"),
            remedy="--model pupila-sam --weights FILE.safetensors",
        )  # fmt: skip
    return bundle


def _create_extractor(encoder: str, options: dict[str, Any], pretrained: bool) -> tuple[Any, list[int], bool]:
    """The encoder as a feature extractor, the channels of its maps of `STRIDES`, and whether 4 and 8 are among them."""
    timm = load_timm()

    try:
        probe: Any = timm.create_model(encoder, features_only=True, **options)
        reductions = probe.feature_info.reduction()
        levels = [
            max((n for n, r in enumerate(reductions) if r == stride), default=None) for stride in STRIDES
        ]
        if levels[2] is None:
            raise ValueError(say("no feature map of stride 16"))
        levels = levels[2:] if None in levels[:2] else levels
        indices = [level for level in levels if level is not None]
        with hub_access(encoder) if pretrained else nullcontext():
            model: Any = timm.create_model(
                encoder, pretrained=pretrained, features_only=True, out_indices=indices, **options
            )
    except (TypeError, ValueError, KeyError, AttributeError) as fault:
        needed = say("an encoder with a feature map of stride 16, and options that it supports")
        raise _unusable_encoder(encoder, str(fault), needed, "--encoder mobilenetv2_100") from fault
    return model, [int(c) for c in model.feature_info.channels()], len(levels) > 2


def _measure_shapes(model: Any, image_size: int, encoder: str) -> tuple[Shape, ...]:
    """Shapes of the feature maps for an image size.

    Raises:
        PupilaError: the encoder does not support this image size, or its maps have another layout.
    """
    model.eval()
    try:
        with torch.inference_mode():
            maps = model(torch.zeros(1, 3, image_size, image_size))
        if [int(feature_map.shape[1]) for feature_map in maps] != [
            int(c) for c in model.feature_info.channels()
        ]:
            raise ValueError(say("channels-last feature maps"))
    except (AssertionError, RuntimeError, ValueError) as fault:
        expected = say("an encoder for this image size with channels-first feature maps")
        remedy = f"--options.img_size {image_size}, or --encoder mobilenetv2_100"
        raise _unusable_encoder(encoder, f"image_size={image_size}: {fault}", expected, remedy) from fault
    return tuple(
        (int(feature_map.shape[1]), int(feature_map.shape[2]), int(feature_map.shape[3]))
        for feature_map in maps
    )


def _unusable_encoder(encoder: str, actual: str, expected: str, remedy: str) -> PupilaError:
    return PupilaError(
        say("{model} can't be built with encoder {encoder}", model=PUPILA_SAM, encoder=encoder),
        actual=actual.splitlines()[0][:200], expected=expected, remedy=remedy,
    )  # fmt: skip


def _create_head(image_size: int, shapes: tuple[Shape, ...], neck: nn.Module) -> PromptHead:
    with quiet_transformers():
        from transformers import SamConfig
        from transformers.models.sam.modeling_sam import SamMaskDecoder, SamPromptEncoder

        config: Any = SamConfig(
            vision_config={"num_pos_feats": 128, "image_size": image_size, "patch_size": STRIDE},
            prompt_encoder_config={"image_size": image_size, "patch_size": STRIDE},
        )
    config.mask_decoder_config._attn_implementation = "sdpa"
    prompt_encoder: Any = SamPromptEncoder(config)
    places = prompt_encoder.shared_embedding
    places.requires_grad_(False)
    # Of deviation 1, as in the paper; the value of hundreds in transformers makes near points unrelated.
    places.positional_embedding.copy_(torch.randn_like(places.positional_embedding))
    return PromptHead(prompt_encoder, SamMaskDecoder(config.mask_decoder_config), shapes, neck)
