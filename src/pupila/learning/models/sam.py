"""Promptable networks: SAM and SAM 2 checkpoints through transformers, and `pupila-sam` on any encoder of timm."""

import math
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Literal

import torch
from torch import Tensor, nn

from pupila.artifacts.bundle.architecture import Architecture, Weights
from pupila.artifacts.bundle.folder import WEIGHTS_FILE, Bundle
from pupila.artifacts.run.source import parse_predicting
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, number, say
from pupila.imaging.images.preprocess import Preprocessing
from pupila.learning.models.hub import hub_access, hub_error
from pupila.learning.models.network import NO_WEIGHTS, Network
from pupila.learning.models.prompt_head import Neck, PromptHead, Shape
from pupila.learning.models.segment import (
    check_encoder,
    input_statistics,
    list_blocks,
    select_encoder_tensors,
)
from pupila.learning.models.settings import CHECKPOINTS, PUPILA_SAM, TOO_LARGE, ModelSettings
from pupila.learning.models.weights import (
    WeightsInfo,
    describe_weights,
    hash_module,
    load_weights,
    parse_tensors,
    read_tensors,
    read_weights_info,
)
from pupila.tasks.prompt import PROMPT

SIDE, STRIDE = 512, 16  # pixels: default image size of pupila-sam, and its embedding stride
STRIDES = (4, 8, 16, 32)  # of the feature maps of pupila-sam; 16 is required, 4 and 8 only together
_MOST_BYTES = 2**31  # of an ONNX file
PromptFormat = Literal["sam", "sam2"]
SAM: PromptFormat = "sam"
SAM2: PromptFormat = "sam2"


def build_promptable(settings: ModelSettings, classes: int | None, image_size: int | None = None) -> Network:
    """Build a promptable network; random parts are drawn from torch's own seed.

    Args:
        settings: `model` is pupila-sam, the name of a checkpoint, or a folder in the hub's format.
        classes: unused: the prompt selects the object.
        image_size: of the input, pixels; None: the model's own, 512 for pupila-sam.

    Raises:
        PupilaError: an unknown name, weights that do not fit, or the hub can't be reached.
    """
    return (
        _build_own(settings, image_size)
        if settings.model == PUPILA_SAM
        else _build_checkpoint(settings, image_size)
    )


class TimmMaps(nn.Module):
    """A timm feature extractor with flattened feature maps."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, size)."""
        return torch.cat([feature_map.flatten(1) for feature_map in self.model(pixels)], dim=1)


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


def _build_own(settings: ModelSettings, image_size: int | None) -> Network:
    """pupila-sam: any encoder of timm, a neck, and SAM's prompt encoder and mask decoder."""
    known = _read_sam_bundle(settings.weights)
    if known is not None:
        own_size = known.info.preprocessing.height
        encoder, options = known.info.architecture.encoder, dict(known.info.architecture.options)
        info, local = WeightsInfo(), False
        if settings.encoder not in ("auto", encoder):
            raise PupilaError(
                say("The bundle has another encoder"), actual=encoder, expected=settings.encoder,
                remedy=say("omit either --encoder or --weights"),
            )  # fmt: skip
    else:
        local = settings.weights not in ("default", NO_WEIGHTS)
        info = read_weights_info(settings.weights) if local else WeightsInfo()
        own_size, encoder = (
            SIDE,
            settings.encoder if settings.encoder != "auto" else info.model or "mobilenetv2_100",
        )
        options = {name: value for name, value in info.options.items() if name != "features_only"}
    options |= settings.options
    check_encoder(encoder)
    model, channels, has_finer = _create_extractor(encoder, options, settings.weights == "default")
    if local:
        load_weights(
            model, select_encoder_tensors(model, read_tensors(settings.weights), info.part), settings.weights
        )
    inner, image_size = TimmMaps(model), image_size or own_size
    mean, std = input_statistics(model, encoder, info)
    shapes = _measure_shapes(model, image_size, encoder)
    head = _create_head(image_size, shapes, Neck(channels, has_finer))
    learned: set[str] = set()
    if known is not None:
        load_weights(
            nn.ModuleDict({"encoder": inner, "head": head}),
            parse_tensors(known.read(WEIGHTS_FILE), WEIGHTS_FILE),
            known.folder,
        )
        mean, std, learned = (
            known.info.preprocessing.mean,
            known.info.preprocessing.std,
            known.training_images(),
        )
    return Network(
        architecture=Architecture(library="pupila", name=PUPILA_SAM, encoder=encoder, options=options),
        task=PROMPT, encoder=inner, head=head, size=sum(math.prod(shape) for shape in shapes),
        preprocessing=Preprocessing(height=image_size, width=image_size, mean=mean, std=std), blocks=list_blocks(model),
        weights=describe_weights(settings.weights, encoder, info), options=options,
        weights_hash=hash_module(inner, encoder, {**options, "maps": channels}),  # the same tensors give other maps
        stride=32, training_images=frozenset(learned), prompt_format=SAM, parent=None if known is None else known.hash,
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
    import timm

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
        with hub_access() if pretrained else nullcontext():
            model: Any = timm.create_model(
                encoder, pretrained=pretrained, features_only=True, out_indices=indices, **options
            )
    except (TypeError, ValueError, KeyError, AttributeError) as fault:
        needed = say("an encoder with a feature map of stride 16, and options that it supports")
        raise _unusable_encoder(encoder, str(fault), needed, "--encoder mobilenetv2_100") from fault
    except (OSError, RuntimeError) as fault:
        if not pretrained:
            raise
        raise hub_error(encoder, fault) from fault
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
    with _quiet():
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


def _build_checkpoint(settings: ModelSettings, image_size: int | None) -> Network:
    """SAM or SAM 2 from the hub or from a local folder; its prompt encoder stays as it is."""
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
    encoder: Any = SamMaps(model) if kind == SAM else Sam2Maps(model)
    if sum(p.numel() * 4 for p in encoder.parameters()) > _MOST_BYTES:
        raise _too_large(settings.model)
    shapes = _read_shapes(model, kind)
    head = PromptHead(model.prompt_encoder, model.mask_decoder, shapes)
    head.prompt_encoder.requires_grad_(False)
    vision = model.vision_encoder
    name = settings.model.rstrip("/").rpartition("/")[2]
    return Network(
        architecture=Architecture(library="transformers", name=name, options=model.config.to_diff_dict()),
        task=PROMPT, encoder=encoder, head=head, size=sum(math.prod(shape) for shape in shapes),
        preprocessing=spec, blocks=list(vision.layers if kind == SAM else vision.backbone.blocks),
        weights=Weights(
            source=f"file: {name}" if files.exists(settings.model) else f"hub: {CHECKPOINTS.get(name, settings.model)}"
        ),
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
    with nullcontext() if files.exists(where) else hub_access(), _quiet():
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


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence warnings of transformers about intended uses, such as a video checkpoint for images."""
    from transformers.utils import logging as untyped

    logging: Any = untyped
    level, barred = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()  # of reading a file; a download shows its own
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if barred:
            logging.enable_progress_bar()
