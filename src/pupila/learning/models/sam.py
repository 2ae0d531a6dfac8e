"""Promptable networks: SAM and SAM 2 checkpoints through transformers, and `pupila-sam` on any encoder of timm."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn

from pupila.artifacts.bundle.folder import WEIGHTS_FILE, Bundle, read_bundle
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.imaging.images.prepare import Preparation
from pupila.learning.models.network import NO_WEIGHTS, Network
from pupila.learning.models.prompt_head import Neck, PromptHead, Shape
from pupila.learning.models.segment import blocks_of, check_encoder, own_tensors, statistics
from pupila.learning.models.settings import CHECKPOINTS, OWN, TOO_LARGE, ModelSettings
from pupila.learning.models.weights import (
    Told,
    fill,
    hash_of,
    no_hub,
    read_tensors,
    source_of,
    tensors_of,
    told_beside,
)

SIDE, STRIDE = 512, 16  # pixels: of pupila-sam's input unless told otherwise, and of its embedding's cells
STRIDES = (4, 8, 16, 32)  # of the maps that pupila-sam is made of; 16 must be there, 4 and 8 count together
_MOST_BYTES = 2**31  # of an ONNX file
Kind = Literal["sam", "sam2"]
SAM: Kind = "sam"
SAM2: Kind = "sam2"


def build_promptable(settings: ModelSettings, classes: int | None, side: int | None = None) -> Network:
    """Build a promptable network; random parts are drawn from torch's own seed.

    Args:
        settings: `model` is pupila-sam, the name of a checkpoint, or a folder in the hub's format.
        classes: play no part: a prompt says what is meant.
        side: of the input, pixels; None: the model's own, 512 for pupila-sam.

    Raises:
        PupilaError: an unknown name, weights that do not fit, or no way to the hub.
    """
    return _own(settings, side) if settings.model == OWN else _checkpoint(settings, side)


class TimmMaps(nn.Module):
    """A timm feature extractor whose maps come flat."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, size)."""
        return torch.cat([one.flatten(1) for one in self.model(pixels)], dim=1)


class SamMaps(nn.Module):
    """SAM's image encoder, whose embedding comes flat."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.vision_encoder = model.vision_encoder

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, size)."""
        found: Tensor = self.vision_encoder(pixels).last_hidden_state
        return found.flatten(1)


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
        return torch.cat([one.flatten(1) for one in (coarse, self.finest(finest), self.finer(finer))], dim=1)


def _own(settings: ModelSettings, side: int | None) -> Network:
    """pupila-sam: any encoder of timm, a neck, and SAM's prompt encoder and mask decoder."""
    known = _bundled(settings.weights)
    if known is not None:
        told_side = known.info.preparation.height
        encoder, options = known.info.model["encoder"], dict(known.info.model["options"])
        told, local = Told(), False
        if settings.encoder not in ("auto", encoder):
            raise PupilaError(
                say("The bundle has another encoder"), found=encoder, wanted=settings.encoder,
                remedy=say("leave encoder out, or the weights"),
            )  # fmt: skip
    else:
        local = settings.weights not in ("default", NO_WEIGHTS)
        told = told_beside(settings.weights) if local else Told()
        told_side, encoder = (
            SIDE,
            settings.encoder if settings.encoder != "auto" else told.model or "mobilenetv2_100",
        )
        options = {name: value for name, value in told.options.items() if name != "features_only"}
    options |= settings.options
    check_encoder(encoder)
    model, channels, fine = _extractor(encoder, options, settings.weights == "default")
    if local:
        fill(model, own_tensors(model, read_tensors(settings.weights), told.part), settings.weights)
    inner, side = TimmMaps(model), side or told_side
    mean, std = statistics(model, encoder, told)
    shapes = _shapes_of(model, side, encoder)
    head = _sam_head(side, shapes, Neck(channels, fine))
    learned: set[str] = set()
    if known is not None:
        fill(
            nn.ModuleDict({"encoder": inner, "head": head}),
            tensors_of(known.read(WEIGHTS_FILE), WEIGHTS_FILE),
            known.folder,
        )
        mean, std, learned = known.info.preparation.mean, known.info.preparation.std, known.learned_from()
    return Network(
        name=OWN, encoder=inner, head=head, size=sum(math.prod(shape) for shape in shapes),
        preparation=Preparation(height=side, width=side, mean=mean, std=std), blocks=blocks_of(model),
        source=source_of(settings.weights, encoder), options=options,
        weights_hash=hash_of(inner, encoder, {**options, "maps": channels}),  # the same tensors give other maps
        encoder_name=encoder, stride=32, learned=frozenset(learned), prompts=SAM,
    )  # fmt: skip


def _bundled(weights: str) -> Bundle | None:
    """The bundle in the folder, or in that run's folder, where the weights are one's."""
    if weights in ("default", NO_WEIGHTS) or weights.endswith(".safetensors"):
        return None
    bundle = read_bundle(weights)
    if bundle.info.model.get("name") != OWN:
        raise PupilaError(
            say("The bundle {folder} is no pupila-sam", folder=bundle.folder), found=str(bundle.info.model.get("name")),
            wanted=say("a bundle that pupila-sam was trained to"),
            remedy="--set model=pupila-sam, --set weights=FILE.safetensors",
        )  # fmt: skip
    return bundle


def _extractor(encoder: str, options: dict[str, Any], pretrained: bool) -> tuple[Any, list[int], bool]:
    """The encoder as a feature extractor, the channels of its maps of `STRIDES`, and whether 4 and 8 are among them."""
    import timm

    try:
        probe: Any = timm.create_model(encoder, features_only=True, **options)
        reductions = probe.feature_info.reduction()
        levels = [
            max((n for n, r in enumerate(reductions) if r == stride), default=None) for stride in STRIDES
        ]
        if levels[2] is None:
            raise ValueError(say("no map of stride 16"))
        levels = levels[2:] if None in levels[:2] else levels
        wanted = [level for level in levels if level is not None]
        model: Any = timm.create_model(
            encoder, pretrained=pretrained, features_only=True, out_indices=wanted, **options
        )
    except (TypeError, ValueError, KeyError, AttributeError) as fault:
        needed = say("an encoder with maps of stride 16, and options that fit it")
        raise _unfit(encoder, str(fault), needed, "--set encoder=mobilenetv2_100") from fault
    except (OSError, RuntimeError) as fault:
        if not pretrained:
            raise
        raise no_hub(encoder, fault) from fault
    return model, [int(c) for c in model.feature_info.channels()], len(levels) > 2


def _shapes_of(model: Any, side: int, encoder: str) -> tuple[Shape, ...]:
    """Of the maps, for an input of this side.

    Raises:
        PupilaError: the encoder can't take this side, or gives maps of another layout.
    """
    model.eval()
    try:
        with torch.inference_mode():
            found = model(torch.zeros(1, 3, side, side))
        if [int(one.shape[1]) for one in found] != [int(c) for c in model.feature_info.channels()]:
            raise ValueError(say("maps with the channels last"))
    except (AssertionError, RuntimeError, ValueError) as fault:
        wanted = say("an encoder that takes this side and gives maps with the channels first")
        remedy = f"--set options.img_size={side}, --set encoder=mobilenetv2_100"
        raise _unfit(encoder, f"side={side}: {fault}", wanted, remedy) from fault
    return tuple((int(one.shape[1]), int(one.shape[2]), int(one.shape[3])) for one in found)


def _unfit(encoder: str, found: str, wanted: str, remedy: str) -> PupilaError:
    return PupilaError(
        say("{model} can't be built on {encoder}", model=OWN, encoder=encoder),
        found=found.splitlines()[0][:200], wanted=wanted, remedy=remedy,
    )  # fmt: skip


def _sam_head(side: int, shapes: tuple[Shape, ...], neck: nn.Module) -> PromptHead:
    with _quiet():
        from transformers import SamConfig
        from transformers.models.sam.modeling_sam import SamMaskDecoder, SamPromptEncoder

        config: Any = SamConfig(
            vision_config={"num_pos_feats": 128, "image_size": side, "patch_size": STRIDE},
            prompt_encoder_config={"image_size": side, "patch_size": STRIDE},
        )
    config.mask_decoder_config._attn_implementation = "sdpa"
    prompt_encoder: Any = SamPromptEncoder(config)
    places = prompt_encoder.shared_embedding
    places.requires_grad_(False)
    # Of deviation 1, as in the paper; under transformers' own of hundreds near places have nothing in common.
    places.positional_embedding.copy_(torch.randn_like(places.positional_embedding))
    return PromptHead(prompt_encoder, SamMaskDecoder(config.mask_decoder_config), shapes, neck)


def _checkpoint(settings: ModelSettings, side: int | None) -> Network:
    """SAM or SAM 2 from the hub or from a local folder; its prompt encoder stays as it is."""
    if settings.weights != "default" or settings.options or settings.encoder not in ("auto", ""):
        raise PupilaError(
            say("{model} brings its weights and its encoder", model=settings.model),
            found=f"weights={settings.weights}, encoder={settings.encoder}, options={settings.options}",
            wanted="weights=default, encoder=auto, options={}", remedy=say("leave them out, or --set model=pupila-sam"),
        )  # fmt: skip
    if settings.model in TOO_LARGE:
        raise _too_large(settings.model)
    model, kind = _loaded(settings.model)
    spec = _preparation(model, kind)
    if side is not None and side != spec.height:
        raise PupilaError(
            say("{model} can't take this side", model=settings.model), found=f"side={side}",
            wanted=f"side={spec.height}", remedy="--set side=auto, --set model=pupila-sam",
        )  # fmt: skip
    encoder: Any = SamMaps(model) if kind == SAM else Sam2Maps(model)
    if sum(p.numel() * 4 for p in encoder.parameters()) > _MOST_BYTES:
        raise _too_large(settings.model)
    shapes = _sam_shapes(model, kind)
    head = PromptHead(model.prompt_encoder, model.mask_decoder, shapes)
    head.prompt_encoder.requires_grad_(False)
    vision = model.vision_encoder
    name = settings.model.rstrip("/").rpartition("/")[2]
    return Network(
        name=name, encoder=encoder, head=head, size=sum(math.prod(shape) for shape in shapes), preparation=spec,
        blocks=list(vision.layers if kind == SAM else vision.backbone.blocks),
        source=f"file: {name}" if files.exists(settings.model) else f"hub: {CHECKPOINTS.get(name, settings.model)}",
        weights_hash=hash_of(encoder, name, {}), stride=spec.height, prompts=kind,
    )  # fmt: skip


def _too_large(name: str) -> PupilaError:
    return PupilaError(
        say("The encoder of {model} is too large for one ONNX file", model=name), found=say("more than 2 GB"),
        wanted=say("at most {n:.1f} GB", n=_MOST_BYTES / 1e9), remedy="--set model=sam-vit-large",
    )  # fmt: skip


def _loaded(name: str) -> tuple[Any, Kind]:
    """The model and its kind.

    Raises:
        PupilaError: no such checkpoint, one of another kind, or no way to the hub.
    """
    where = CHECKPOINTS.get(name, name)
    with _quiet():
        from transformers import AutoConfig, Sam2Model, SamModel

        try:
            found = str(AutoConfig.from_pretrained(where).model_type)
            if found not in (SAM, SAM2, "sam2_video"):
                raise PupilaError(
                    say("{model} is no promptable model", model=name), found=f"model_type={found}",
                    wanted="sam, sam2", remedy="--set model=sam-vit-base, --set model=pupila-sam",
                )  # fmt: skip
            loads: Any = SamModel if found == SAM else Sam2Model
            model, told = loads.from_pretrained(
                where, dtype=torch.float32, use_safetensors=True, output_loading_info=True
            )
        except (OSError, ValueError) as fault:
            raise no_hub(name, fault) from fault
    if told["missing_keys"]:
        raise PupilaError(
            say("The checkpoint {model} lacks tensors", model=name), found=listing(sorted(told["missing_keys"]), 3),
            wanted=say("a whole model, as save_pretrained writes it"),
        )  # fmt: skip
    return model.eval(), SAM if found == SAM else SAM2


def _preparation(model: Any, kind: Kind) -> Preparation:
    """As the hub's processors do it: SAM keeps the aspect ratio and fills up, SAM 2 squashes."""
    side = model.config.prompt_encoder_config.image_size
    side = int(side if isinstance(side, int) else side[0])
    fit: Any = {"fit": "corner", "padding": "mean"} if kind == SAM else {}
    return Preparation(height=side, width=side, **fit)


def _sam_shapes(model: Any, kind: Kind) -> tuple[Shape, ...]:
    """Of the encoder's maps, the embedding first."""
    if kind == SAM:
        cells = int(model.config.prompt_encoder_config.image_embedding_size)
        return ((int(model.config.vision_config.output_channels), cells, cells),)
    width = int(model.config.vision_config.fpn_hidden_size)
    finest, finer, coarse = (tuple(map(int, size)) for size in model.backbone_feature_sizes)
    return (width, *coarse), (width // 8, *finest), (width // 4, *finer)  # type: ignore[return-value]


@contextmanager
def _quiet() -> Iterator[None]:
    """transformers warns of what is meant so here, such as loading a video checkpoint for images."""
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
