"""Build classifiers: Pupila's own networks by name, all others from timm."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from pupila.artifacts.bundle.architecture import Architecture, Head, Weights
from pupila.artifacts.bundle.schema import BundleInfo
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.settings import closest, unknown
from pupila.imaging.images.preprocess import Preprocessing
from pupila.learning.models.built import BuiltEncoders
from pupila.learning.models.hub import hub_access
from pupila.learning.models.known import EncoderFacts, KnownEncoder
from pupila.learning.models.nets import NETS
from pupila.learning.models.network import NO_WEIGHTS, Body, MapEncoder, Network, build_head, describe_head
from pupila.learning.models.quiet import load_timm
from pupila.learning.models.segment import ARCHITECTURES
from pupila.learning.models.settings import DEFAULT_MODELS, ClassifierSettings
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
from pupila.tasks.classify import CLASSIFY

_INPUT_CONFIG = ("input_size", "interpolation", "crop_pct", "crop_mode", "mean", "std")
_FITS: dict[str, Literal["squash", "crop", "pad"]] = {
    "center": "crop",
    "squash": "squash",
    "border": "pad",
}  # of timm
_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos")


def build_classifier(
    settings: ClassifierSettings,
    classes: int | None,
    image_size: int | None = None,
    built: BuiltEncoders | None = None,
) -> Network:
    """Build a network for classes; random parts are drawn from torch's own seed.

    Args:
        settings: name, weights, options and head.
        classes: of the new head; None keeps the pretrained head.
        image_size: of the input, pixels; None: the model's own.
        built: encoders that are built already; None: none.

    Raises:
        PupilaError: an unknown name, weights that do not fit, or no way to the hub.
    """
    auto = settings.model == "auto"
    if auto:
        settings = settings.model_copy(update={"model": DEFAULT_MODELS["classify"]})
    if classes is None and (settings.model in NETS or settings.weights == NO_WEIGHTS):
        raise _no_classifier(f"model={settings.model}, weights={settings.weights}")
    if settings.model in NETS:
        return _build_own(settings, classes or 0, image_size)
    weights_file = find_local_weights(settings.weights, settings.model, whole=classes is None)
    settings = settings.model_copy(update={"weights": weights_file or settings.weights})
    info = read_weights_info(settings.weights) if _is_local(settings.weights) else WeightsInfo()
    name = info.model if auto and info.model else settings.model
    part = _Encoder(name, settings, info, image_size, weights_file)
    if classes is None:
        facts, body, pretrained = part.build()
        if not isinstance(pretrained, nn.Module):
            raise _no_classifier(settings.weights)
        layers = Head(widths=[pretrained.out_features]) if type(pretrained) is nn.Linear else None
        network = part.describe(facts, body)
        encoder: Any = network.encoder
        named = _class_names(encoder.model, info, pretrained)
        return replace(network, head=pretrained, head_layers=layers, classes=named)
    if settings.weights == NO_WEIGHTS:
        facts, body, _ = part.build()
        network = part.describe(facts, body)
    else:
        network = part.find(built)
    layers = describe_head(classes, settings)
    return replace(network, head=build_head(network.size, layers), head_layers=layers)


@dataclass(frozen=True, slots=True)
class _Encoder:
    """What an encoder of timm is built from."""

    name: str
    settings: ClassifierSettings
    info: WeightsInfo  # of local weights
    image_size: int | None
    weights_file: str  # in the folder PUPILA_WEIGHTS

    def build(self) -> tuple[EncoderFacts, Body, Any]:
        """The encoder, and the classifier that came with its weights, if one did."""
        _check_name(self.name)
        weights = self.settings.weights
        with explain_other_model(weights, self.info, self.name):
            model = _create_model(self.name, self._options(), pretrained=weights == "default")
            if _is_local(weights):
                load_weights(model, read_tensors(weights), weights)
        encoder, size, first = _open_model(model, "features_only" in self._part())
        body = Body.of(encoder, _list_blocks(model))
        facts = EncoderFacts(
            options=self._options(),
            size=size,
            input_config={name: model.pretrained_cfg.get(name) for name in _INPUT_CONFIG},
            weights=describe_weights(weights, self.name, self.info),
            weights_hash=hash_module(encoder, self.name, self._own_options()),
            parameters=body.parameters,
            depth=body.depth,
        )
        return facts, body, first

    def find(self, built: BuiltEncoders | None) -> Network:
        """The network without a head; its encoder may be one that is built already, or not be built before it runs."""
        weights = self.settings.weights
        state = files.stat_file(files.parent(weights), weights.rpartition("/")[2])
        content = weights if state is None else _hash_file(weights, state)
        parts = [self.name, self.settings.options, self.image_size, self.info.model_dump(), content]
        known = KnownEncoder([*parts, weights.rpartition("/")[2]])
        make = partial(self._recall, known)
        return make() if built is None else built.get((known.key, weights), make)

    def _recall(self, known: KnownEncoder) -> Network:
        """Built now, or described as it was built before: then it is restored where it runs or is trained first."""
        if (facts := known.facts()) is not None:

            def read() -> dict[str, Tensor]:
                return known.tensors() or self.build()[1].tensors()

            body = Body(lambda: self._restore(read()), facts.parameters, facts.depth, read)
            return self.describe(facts, body)
        with torch.random.fork_rng(devices=[]):  # what building draws moves no other random number
            facts, body, _ = self.build()
        known.store(facts, body.tensors())
        return self.describe(facts, body)

    def _restore(self, tensors: dict[str, Tensor]) -> tuple[nn.Module, list[nn.Module]]:
        """The encoder with these weights, and its blocks."""
        model = _create_model(self.name, self._options(), pretrained=False)
        encoder, _, _ = _open_model(model, "features_only" in self._part())
        encoder.load_state_dict(tensors)
        return encoder, _list_blocks(model)

    def describe(self, facts: EncoderFacts, body: Body) -> Network:
        """The network without a head."""
        return Network(
            architecture=Architecture(library="timm", name=self.name, options=facts.options),
            task=CLASSIFY,
            body=body,
            head=nn.Identity(),
            size=facts.size,
            preprocessing=_read_preprocessing(facts.input_config, self.info, self.image_size),
            weights=facts.weights,
            weights_hash=facts.weights_hash,
            options={**self.info.options, **self.settings.options},
            weights_file=self.weights_file,
        )

    def _part(self) -> dict[str, Any]:
        return {"features_only": True} if self.info.part == "encoder" else {}

    def _own_options(self) -> dict[str, Any]:
        size = _size_option(self.name, self.image_size or self.info.image_size)
        return {**size, **self.info.options, **self.settings.options}

    def _options(self) -> dict[str, Any]:
        return {**self._own_options(), **self._part()}


def rebuild_classifier(info: BundleInfo) -> Network:
    """The network of a bundle before its weights are loaded."""
    architecture, layers = info.architecture, info.head
    if architecture.library == "pupila":
        net = NETS[architecture.name]()
        encoder, size, own, blocks = net.encoder, net.size, nn.Identity(), net.blocks
    else:
        classes = {} if layers else {"num_classes": len(info.classes)}
        model = _create_model(architecture.name, {**architecture.options, **classes}, pretrained=False)
        encoder, size, own = _open_model(model, bool(architecture.options.get("features_only")))
        blocks = _list_blocks(model)
    return Network(
        architecture=architecture, task=CLASSIFY, body=Body.of(encoder, blocks),
        head=own if layers is None else build_head(size, layers), head_layers=layers, size=size,
        preprocessing=info.preprocessing, weights=info.weights,
        weights_hash=hash_module(encoder, architecture.name, architecture.options),
        options=architecture.options, classes=tuple(info.classes),
    )  # fmt: skip


def _is_local(weights: str) -> bool:
    return weights not in ("default", NO_WEIGHTS)


@lru_cache(maxsize=64)
def _hash_file(path: str, state: object) -> str:
    """The hash of a file in this state; it may be replaced."""
    return files.sha256(files.read_bytes(path))


def _open_model(model: Any, features_only: bool) -> tuple[nn.Module, int, Any]:
    """Of a timm model the encoder, the length of its embedding, and the classifier that it loses, if it has one."""
    if features_only:
        return LastFeatures(model), int(model.feature_info.channels()[-1]), None
    classifier, size = model.get_classifier(), int(model.head_hidden_size)
    model.reset_classifier(0)
    return Pooled(model), size, classifier


def _check_name(name: str) -> None:
    """Refuse a name that is not a classifier."""
    timm = load_timm()  # takes seconds, and our own networks do not need it

    if timm.is_model(name):
        return
    if name in ARCHITECTURES:
        raise PupilaError(
            say("{model} is a segmentation model, but this data set has class labels", model=name),
            remedy=f"--model {DEFAULT_MODELS['classify']}",
        )
    known = [*NETS, *timm.list_models()]
    raise PupilaError(
        unknown(say("Unknown model {name}", name=name), name, known),
        remedy="" if closest(name, known) else f"--model {DEFAULT_MODELS['classify']}",
    )


class Pooled(MapEncoder):
    """A timm classifier without its last layer."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def embed_with_map(self, pixels: Tensor) -> tuple[Any, Any]:
        """The embedding (N, size), and the map before pooling (N, C, h, w); None for tokens without places."""
        features = self.model.forward_features(pixels)
        return self.model.forward_head(features), _channels_first(self.model, features)

    def forward(self, pixels: Tensor) -> Any:
        """(N, 3, H, W) to the pooled embedding (N, size)."""
        return self.model(pixels)


class LastFeatures(MapEncoder):
    """A timm feature extractor whose last feature map is averaged."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def embed_with_map(self, pixels: Tensor) -> tuple[Any, Any]:
        """The embedding (N, size), and the last feature map (N, C, h, w)."""
        last = self.model(pixels)[-1]
        return last.mean(dim=(2, 3)), last

    def forward(self, pixels: Tensor) -> Any:
        """(N, 3, H, W) to the pooled embedding (N, size)."""
        return self.model(pixels)[-1].mean(dim=(2, 3))


def _channels_first(model: Any, features: Any) -> Any:
    """The model's last features as a map (N, C, h, w); None where they are tokens."""
    if not isinstance(features, Tensor) or features.ndim != 4:
        return None
    return features.permute(0, 3, 1, 2) if str(getattr(model, "output_fmt", "")) == "NHWC" else features


def _no_classifier(actual: str) -> PupilaError:
    return PupilaError(
        say("These weights have no classification head"), actual=actual,
        expected=say("a complete classifier, to bundle it without training"), remedy="--epochs 20",
    )  # fmt: skip


def _build_own(settings: ClassifierSettings, classes: int, image_size: int | None) -> Network:
    if settings.weights not in ("default", NO_WEIGHTS) or settings.options:
        raise PupilaError(
            say("{model} has no pretrained weights", model=settings.model),
            actual=f"weights={settings.weights}, options={settings.options}",
            expected="weights=none, options={}", remedy="--weights none",
        )  # fmt: skip
    net = NETS[settings.model]()
    size = image_size or net.image_size
    layers = describe_head(classes, settings)
    return Network(
        architecture=Architecture(library="pupila", name=settings.model), task=CLASSIFY,
        body=Body.of(net.encoder, net.blocks),
        head=build_head(net.size, layers), head_layers=layers, size=net.size,
        preprocessing=Preprocessing(height=size, width=size),
        weights=Weights(source=NO_WEIGHTS), weights_hash=hash_module(net.encoder, settings.model, {}),
    )  # fmt: skip


def _create_model(name: str, options: dict[str, Any], pretrained: bool) -> Any:
    timm = load_timm()

    try:
        if not pretrained:
            return timm.create_model(name, pretrained=False, **options)
        with hub_access(name):
            return timm.create_model(name, pretrained=True, **options)
    except TypeError as fault:
        raise PupilaError(
            say("{model} does not support these options", model=name), actual=str(fault),
            expected=say("options of timm.create_model"), remedy=say("omit the options"),
        ) from fault  # fmt: skip


def _size_option(name: str, image_size: int | None) -> dict[str, int]:
    """The option `img_size` for models with a fixed input size, such as vision transformers."""
    timm = load_timm()

    known = timm.get_pretrained_cfg(name)
    return {"img_size": image_size} if image_size and known is not None and known.fixed_input_size else {}


def _read_preprocessing(known: Mapping[str, Any], info: WeightsInfo, image_size: int | None) -> Preprocessing:
    """The preprocessing that the weights were made for."""
    size = image_size or info.image_size or known["input_size"][1]
    interpolation = info.interpolation or known.get("interpolation", "bilinear")
    fit = _FITS.get(info.crop_mode or known.get("crop_mode", "center"), "crop")
    share = info.crop_pct or known.get("crop_pct") or 1.0
    return Preprocessing(
        height=size,
        width=size,
        fit=fit,
        crop_share=share if fit == "crop" else 1.0,
        padding="mean" if fit == "pad" else 0,
        interpolation=interpolation if interpolation in _INTERPOLATIONS else "bilinear",
        mean=info.mean or known["mean"],
        std=info.std or known["std"],
    )


def _class_names(model: Any, info: WeightsInfo, head: Any) -> tuple[str, ...]:
    """Class names of the pretrained head."""
    count = int(getattr(head, "out_features", 0))
    if len(info.classes) == count:
        return tuple(info.classes)
    from timm.data.imagenet_info import ImageNetInfo, infer_imagenet_subset

    model.num_classes = count
    subset = infer_imagenet_subset(model)
    if subset is None:
        return tuple(say("class {n}", n=number) for number in range(count))
    imagenet: Any = ImageNetInfo(subset)
    return tuple(f"{name} {imagenet.label_name_to_description(name)}" for name in imagenet.label_names())


def _list_blocks(model: Any) -> list[nn.Module]:
    """Blocks from input to output; layers after the last block belong to it."""
    parts = [part for part in model.children() if any(True for _ in part.parameters())]
    for number, part in enumerate(parts):
        if isinstance(part, nn.Sequential | nn.ModuleList) and len(part) > 1:
            *inner, last = part
            after = parts[number + 1 :]
            if any(isinstance(p, nn.Sequential | nn.ModuleList) and len(p) > 1 for p in after):
                return parts  # separate stages, such as layer1 to layer4
            return [*parts[:number], *inner, nn.ModuleList([last, *after])]
    return parts
