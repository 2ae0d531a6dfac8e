"""From settings to a classifier: our own nets by name, every other name goes to timm."""

from typing import Any

from torch import Tensor, nn

from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.settings import unknown
from pupila.imaging.images.prepare import Preparation
from pupila.learning.models.nets import NETS
from pupila.learning.models.network import NO_WEIGHTS, Network, make_head
from pupila.learning.models.settings import USUAL, ModelSettings
from pupila.learning.models.weights import Told, fill, hash_of, no_hub, read_tensors, source_of, told_beside

_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos")


def build_classifier(settings: ModelSettings, classes: int | None, side: int | None = None) -> Network:
    """Build a network for classes; random parts are drawn from torch's own seed.

    Args:
        settings: name, weights, options and head.
        classes: of the new head; None keeps the head that the weights bring.
        side: of the input, pixels; None: the model's own.

    Raises:
        PupilaError: an unknown name, weights that do not fit, or no way to the hub.
    """
    auto = settings.model == "auto"
    if auto:
        settings = settings.model_copy(update={"model": USUAL["classify"]})
    if classes is None and (settings.model in NETS or settings.weights == NO_WEIGHTS):
        raise _no_classifier(f"model={settings.model}, weights={settings.weights}")
    if settings.model in NETS:
        return _own(settings, classes or 0, side)
    import timm  # takes seconds, and our own nets do without

    local = settings.weights not in ("default", NO_WEIGHTS)
    told = told_beside(settings.weights) if local else Told()
    name = told.model if auto and told.model else settings.model
    options = {**told.options, **settings.options}
    if not timm.is_model(name):
        raise PupilaError(
            say("No such model"), found=f"{name}: {unknown(name, [*NETS, *timm.list_models()])}",
            remedy="--set model=mobilenetv2_100",
        )  # fmt: skip
    sized = {**_size_option(name, side or told.side), **options}
    if local and told.part == "encoder":
        model = _created(name, {**sized, "features_only": True}, pretrained=False)
        fill(model, read_tensors(settings.weights), settings.weights)
        encoder: nn.Module = LastFeatures(model)
        size, first = int(model.feature_info.channels()[-1]), None
    else:
        model = _created(name, sized, pretrained=settings.weights == "default")
        if local:
            fill(model, read_tensors(settings.weights), settings.weights)
        first, size = model.get_classifier(), int(model.head_hidden_size)
        model.reset_classifier(0)
        encoder = Pooled(model)
    if classes is None and not isinstance(first, nn.Module):
        raise _no_classifier(settings.weights)
    return Network(
        name=name,
        encoder=encoder,
        head=first
        if classes is None and isinstance(first, nn.Module)
        else make_head(size, classes or 0, settings),
        size=size,
        preparation=_preparation(model, told, side),
        blocks=_blocks(model),
        source=source_of(settings.weights, name),
        weights_hash=hash_of(encoder, name, sized),
        options=options,
        classes=_classes_of(model, told, first) if classes is None else (),
    )


class Pooled(nn.Module):
    """A timm classifier without its last layer."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Any:
        """(N, 3, H, W) to the pooled embedding (N, size)."""
        return self.model(pixels)


class LastFeatures(nn.Module):
    """A timm feature extractor, of whose maps the last one is averaged."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Any:
        """(N, 3, H, W) to the pooled embedding (N, size)."""
        return self.model(pixels)[-1].mean(dim=(2, 3))


def _no_classifier(found: str) -> PupilaError:
    return PupilaError(
        say("These weights bring no classifier"), found=found,
        wanted=say("a whole classifier, to bundle it as it is"), remedy="--set epochs=20",
    )  # fmt: skip


def _own(settings: ModelSettings, classes: int, side: int | None) -> Network:
    if settings.weights not in ("default", NO_WEIGHTS) or settings.options:
        raise PupilaError(
            say("{model} starts from random weights", model=settings.model),
            found=f"weights={settings.weights}, options={settings.options}",
            wanted="weights=none, options={}", remedy="--set weights=none, --set options={}",
        )  # fmt: skip
    net = NETS[settings.model]()
    return Network(
        name=settings.model, encoder=net.encoder, head=make_head(net.size, classes, settings), size=net.size,
        preparation=Preparation(height=side or net.side, width=side or net.side), blocks=net.blocks,
        source=NO_WEIGHTS, weights_hash=hash_of(net.encoder, settings.model, {}),
    )  # fmt: skip


def _created(name: str, options: dict[str, Any], pretrained: bool) -> Any:
    import timm

    try:
        return timm.create_model(name, pretrained=pretrained, **options)
    except TypeError as fault:
        raise PupilaError(
            say("{model} takes no such options", model=name), found=str(fault),
            wanted=say("options of timm.create_model"), remedy="--set options={}",
        ) from fault  # fmt: skip
    except (OSError, RuntimeError) as fault:
        if not pretrained:
            raise
        raise no_hub(name, fault) from fault


def _size_option(name: str, side: int | None) -> dict[str, int]:
    """A model whose input side is fixed when it is created, such as a vision transformer, has to be told."""
    import timm

    known = timm.get_pretrained_cfg(name)
    return {"img_size": side} if side and known is not None and known.fixed_input_size else {}


def _preparation(model: Any, told: Told, side: int | None) -> Preparation:
    """The model's own preparation; the whole picture is kept (squashed), for objects stand at the border too."""
    known = model.pretrained_cfg
    wanted = side or told.side or known["input_size"][1]
    interpolation = known.get("interpolation", "bilinear")
    return Preparation(
        height=wanted,
        width=wanted,
        interpolation=interpolation if interpolation in _INTERPOLATIONS else "bilinear",
        mean=told.mean or known["mean"],
        std=told.std or known["std"],
    )


def _classes_of(model: Any, told: Told, head: Any) -> tuple[str, ...]:
    """The names of the classes of the head that the weights bring."""
    count = int(getattr(head, "out_features", 0))
    if len(told.classes) == count:
        return tuple(told.classes)
    from timm.data.imagenet_info import ImageNetInfo, infer_imagenet_subset

    model.num_classes = count
    subset = infer_imagenet_subset(model)
    if subset is None:
        return tuple(say("class {n}", n=number) for number in range(count))
    info: Any = ImageNetInfo(subset)
    return tuple(f"{name} {info.label_name_to_description(name)}" for name in info.label_names())


def _blocks(model: Any) -> list[nn.Module]:
    """Parts from input to output; what follows the last block thaws with it."""
    parts = [part for part in model.children() if any(True for _ in part.parameters())]
    for number, part in enumerate(parts):
        if isinstance(part, nn.Sequential | nn.ModuleList) and len(part) > 1:
            *inner, last = part
            after = parts[number + 1 :]
            if any(isinstance(p, nn.Sequential | nn.ModuleList) and len(p) > 1 for p in after):
                return parts  # stages of their own, such as layer1 to layer4
            return [*parts[:number], *inner, nn.ModuleList([last, *after])]
    return parts
