"""The common form of all models: an encoder, a head, and their preprocessing."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn

from pupila.artifacts.bundle.architecture import Architecture, Head, Weights
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.imaging.images.flips import TestTimeFlips
from pupila.imaging.images.preprocess import Preprocessing
from pupila.learning.models.settings import ClassifierSettings
from pupila.tasks.task import Task

NO_WEIGHTS = "none"


@dataclass(frozen=True)
class Body:
    """An encoder, which is built where it runs or is trained first: with cached features it does neither."""

    build: Callable[[], tuple[nn.Module, list[nn.Module]]]  # the encoder and its blocks
    parameters: int  # number of its weights
    depth: int  # number of its blocks
    read: Callable[[], dict[str, Tensor]] | None = None  # its tensors as they were built; None: it is built

    @classmethod
    def of(cls, encoder: nn.Module, blocks: list[nn.Module]) -> "Body":
        """One that is built already."""
        return cls(lambda: (encoder, blocks), sum(p.numel() for p in encoder.parameters()), len(blocks))

    @cached_property
    def parts(self) -> tuple[nn.Module, list[nn.Module]]:
        """The encoder and its blocks, which can be trained; what building draws moves no other random number."""
        with torch.random.fork_rng(devices=[]), torch.inference_mode(False):
            return self.build()

    @property
    def is_built(self) -> bool:
        """Whether something has needed it."""
        return self.read is None or "parts" in self.__dict__

    def tensors(self) -> dict[str, Tensor]:
        """The weights by their names."""
        if self.is_built or self.read is None:
            return dict(self.parts[0].state_dict())
        return self.read()


@dataclass(frozen=True)
class Network:
    """A model in two parts, which training can treat differently."""

    architecture: Architecture
    task: Task
    body: Body  # its encoder: (N, 3, H, W) float32 to (N, size) float32, or to feature maps
    head: nn.Module  # (N, size) to (N, C) logits, or feature maps to (N, C, H, W)
    size: int  # length of the embedding
    preprocessing: Preprocessing
    weights: Weights  # source and licence of those that it starts from
    weights_hash: str  # SHA-256 over the encoder's name, options, and tensors as they were loaded
    options: dict[str, Any] = field(
        default_factory=dict
    )  # of the settings and of the JSON file of the weights
    head_layers: Head | None = None  # a classifier's head as data; None: the architecture has its own
    classes: tuple[str, ...] = ()  # of a pretrained head; empty for a new head
    stride: int = 1  # pixels; the input's sides have to be multiples of it
    training_images: frozenset[str] = (
        frozenset()
    )  # SHA-256 of the images that the weights learned from, as far as known
    prompt_format: Literal["", "sam", "sam2"] = ""  # of a head that takes prompts
    weights_file: str = ""  # in the folder PUPILA_WEIGHTS, used in place of the hub's
    parent: str | None = None  # hash of the bundle that the weights come from
    shared: bool = False  # whether other networks have the same encoder: it is never trained then
    members: tuple["Network", ...] = ()  # of an ensemble: see `average_networks`; empty: a single model
    test_time_flips: TestTimeFlips = "none"  # over which the exported graph averages

    @property
    def encoder(self) -> nn.Module:
        """(N, 3, H, W) float32 to (N, size) float32, or to feature maps."""
        return self.body.parts[0]

    @property
    def blocks(self) -> list[nn.Module]:
        """Parts of the encoder from input to output; the last ones are unfrozen first."""
        return self.body.parts[1]

    @property
    def name(self) -> str:
        """Of the model."""
        return self.architecture.name

    @property
    def encoder_name(self) -> str:
        """Of timm; empty where it is the model itself."""
        return self.architecture.encoder

    @property
    def pretrained(self) -> bool:
        """Whether the encoder has pretrained weights."""
        return self.weights.source != NO_WEIGHTS

    @property
    def towers(self) -> tuple["Network", ...]:
        """The networks that run beside each other: members with encoders of their own, or this one alone."""
        return self.members if len({id(member.body) for member in self.members}) > 1 else (self,)

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(
            tower.body.parameters + sum(p.numel() for p in tower.head.parameters()) for tower in self.towers
        )


class MapEncoder(nn.Module):
    """An encoder that pools a feature map to an embedding, and can give both."""

    def embed_with_map(self, pixels: Tensor) -> tuple[Any, Any]:
        """(N, 3, H, W) to the embedding (N, size), and to the map before pooling (N, C, h, w), or None without one."""
        raise NotImplementedError


class WholeNetwork(nn.Module):
    """Encoder and head as one module."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.encoder, self.head = network.encoder, network.head

    def forward(self, pixels: Tensor) -> tuple[Any, Any]:
        """(N, 3, H, W) to logits (N, C), of masks (N, C, H, W), and embedding (N, size)."""
        features = self.encoder(pixels)
        return self.head(features), pool_embedding(features)


class ExportedNetwork(WholeNetwork):
    """Encoder and head as they are exported: with the last feature map, which heat maps are drawn from."""

    def forward(self, pixels: Tensor) -> tuple[Any, ...]:
        """(N, 3, H, W) to logits, embedding, and feature map (N, C, h, w) where the encoder has one."""
        features, *embedded = encode_with_map(self.encoder, pixels)
        return (self.head(features), *embedded)


class ExportedEncoder(nn.Module):
    """An encoder as it is exported: with the last feature map."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, pixels: Tensor) -> tuple[Any, ...]:
        """(N, 3, H, W) to embedding, and feature map (N, C, h, w) where the encoder has one."""
        return encode_with_map(self.encoder, pixels)[1:]


class Unfrozen(nn.Module):
    """Encoder and head as one module of which only some blocks of the encoder are trained.

    A pretrained encoder keeps its batch-norm statistics unless they are trained, too: small batches may distort them.

    Args:
        network: is trained in place.
        unfreeze: number of last blocks, or "all".
        batch_norm: "frozen" or "trained": the statistics of the unfrozen blocks of a pretrained encoder.
    """

    def __init__(self, network: Network, unfreeze: int | str, batch_norm: str = "frozen") -> None:
        super().__init__()
        assert not (network.shared and unfreeze), "own_encoder comes before training it"
        self.encoder, self.head, self._pretrained = network.encoder, network.head, network.pretrained
        self.blocks = network.blocks  # a plain list, so that its weights are registered once
        self._freezes_statistics = batch_norm == "frozen"
        self._unfrozen = (
            [network.encoder] if unfreeze == "all" else network.blocks[len(network.blocks) - int(unfreeze) :]
        )
        self.encoder.requires_grad_(False)
        for block in self._unfrozen:
            block.requires_grad_(True)

    def forward(self, pixels: Tensor) -> Any:
        """(N, 3, H, W) to (N, C) logits, of masks (N, C, H, W)."""
        features = self.encoder(pixels)
        if not isinstance(features, Tensor) or features.ndim > 2:
            return self.head(features)
        # In a lower precision, a head that standardises its features would subtract large numbers without their digits.
        with torch.autocast(features.device.type, enabled=False):
            return self.head(features.float())

    def train(self, mode: bool = True) -> "Unfrozen":
        """Training mode for the trained parts; frozen parts stay in evaluation mode."""
        super().train(mode)
        if self._pretrained:
            self.encoder.eval()
            for block in self._unfrozen:
                block.train(mode)
            for part in self.encoder.modules() if self._freezes_statistics else ():
                if isinstance(part, nn.modules.batchnorm._BatchNorm):
                    part.eval()
        return self


def pool_embedding(features: Any) -> Any:
    """(N, size): an encoder's vector as it is; of its maps the last and coarsest one, averaged."""
    last = _last_map(features)
    return features if last is None else last.mean(dim=(2, 3))


def encode_with_map(encoder: nn.Module, pixels: Tensor) -> tuple[Any, ...]:
    """What the head takes, the embedding, and the last feature map (N, C, h, w) where the encoder has one."""
    if isinstance(encoder, MapEncoder):
        embedding, feature_map = encoder.embed_with_map(pixels)
        return (embedding, embedding) if feature_map is None else (embedding, embedding, feature_map)
    features = encoder(pixels)
    last = _last_map(features)
    return (features, features) if last is None else (features, last.mean(dim=(2, 3)), last)


def _last_map(features: Any) -> Any:
    """Of an encoder's maps the last and coarsest one; None where it gives one vector."""
    maps = features[0] if isinstance(features, tuple) else features
    return None if isinstance(maps, Tensor) else maps[-1]


def describe_head(classes: int, settings: ClassifierSettings) -> Head:
    """One linear layer, or one hidden layer with ReLU and dropout before it."""
    if settings.head == "dense":
        return Head(widths=[settings.head_width, classes], dropout=settings.dropout)
    return Head(widths=[classes])


def build_head(size: int, head: Head) -> nn.Module:
    """(N, size) to (N, C) logits; its weights are drawn from torch's own seed.

    Raises:
        PupilaError: the head standardises its features, which no head of this version does.
    """
    if head.standardisation is not None:
        raise PupilaError(
            say("Heads with standardised features can't be built"), remedy="pip install --upgrade pupila"
        )
    layers: list[nn.Module] = []
    for place, (before, after) in enumerate(pairwise([size, *head.widths])):
        last = place == len(head.widths) - 1
        if place:
            layers.append(nn.ReLU())
        if place and last:
            layers.append(nn.Dropout(head.dropout))
        layers.append(nn.Linear(before, after))
    return layers[0] if len(layers) == 1 else nn.Sequential(*layers)
