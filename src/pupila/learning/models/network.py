"""The common form of all models: an encoder, a head, and their preprocessing."""

from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor, nn

from pupila.imaging.images.preprocess import Preprocessing
from pupila.learning.models.settings import ModelSettings
from pupila.tasks.task import Task

NO_WEIGHTS = "none"


@dataclass(frozen=True)
class Network:
    """A model in two parts, which training can treat differently."""

    name: str
    task: Task
    encoder: nn.Module  # (N, 3, H, W) float32 to (N, size) float32, or to feature maps
    head: nn.Module  # (N, size) to (N, C) logits, or feature maps to (N, C, H, W)
    size: int  # length of the embedding
    preprocessing: Preprocessing
    blocks: list[nn.Module]  # parts of the encoder from input to output; the last ones are unfrozen first
    source: str  # description of where the weights come from; "none" for random ones
    weights_hash: str  # SHA-256 over the encoder's name, options, and tensors as they were loaded
    options: dict[str, Any] = field(
        default_factory=dict
    )  # of timm.create_model, including those in the JSON file of the weights
    classes: tuple[str, ...] = ()  # of a pretrained head; empty for a new head
    encoder_name: str = ""  # of timm, where it is not the model's own name
    stride: int = 1  # pixels; the input's sides have to be multiples of it
    training_images: frozenset[str] = (
        frozenset()
    )  # SHA-256 of the images that the weights learned from, as far as known
    prompt_format: Literal["", "sam", "sam2"] = ""  # of a head that takes prompts

    @property
    def pretrained(self) -> bool:
        """Whether the encoder has pretrained weights."""
        return self.source != NO_WEIGHTS


class WholeNetwork(nn.Module):
    """Encoder and head as one module, as exported to a bundle."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.encoder, self.head = network.encoder, network.head

    def forward(self, pixels: Tensor) -> tuple[Any, Any]:
        """(N, 3, H, W) to logits (N, C), of masks (N, C, H, W), and embedding (N, size)."""
        features = self.encoder(pixels)
        return self.head(features), pool_embedding(features)


class Unfrozen(nn.Module):
    """Encoder and head as one module of which only some blocks of the encoder are trained.

    A pretrained encoder keeps its batch-norm statistics: small batches of new images would distort them.

    Args:
        network: is trained in place.
        unfreeze: number of last blocks, or "all".
    """

    def __init__(self, network: Network, unfreeze: int | str) -> None:
        super().__init__()
        self.encoder, self.head, self._pretrained = network.encoder, network.head, network.pretrained
        self._unfrozen = (
            [network.encoder] if unfreeze == "all" else network.blocks[len(network.blocks) - int(unfreeze) :]
        )
        self.encoder.requires_grad_(False)
        for block in self._unfrozen:
            block.requires_grad_(True)

    def forward(self, pixels: Tensor) -> Any:
        """(N, 3, H, W) to (N, C) logits, of masks (N, C, H, W)."""
        return self.head(self.encoder(pixels))

    def train(self, mode: bool = True) -> "Unfrozen":
        """Training mode for the trained parts; frozen parts stay in evaluation mode."""
        super().train(mode)
        if self._pretrained:
            self.encoder.eval()
            for block in self._unfrozen:
                block.train(mode)
            for part in self.encoder.modules():
                if isinstance(part, nn.modules.batchnorm._BatchNorm):
                    part.eval()
        return self


def pool_embedding(features: Any) -> Any:
    """(N, size): an encoder's vector as it is; of its maps the last and coarsest one, averaged."""
    maps = features[0] if isinstance(features, tuple) else features
    return maps if isinstance(maps, Tensor) else maps[-1].mean(dim=(2, 3))


def make_head(size: int, classes: int, settings: ModelSettings) -> nn.Module:
    """(N, size) to (N, classes): one linear layer, or one hidden layer with ReLU and dropout before it."""
    if settings.head == "linear":
        return nn.Linear(size, classes)
    hidden, dropout = settings.head_width, nn.Dropout(settings.dropout)
    return nn.Sequential(nn.Linear(size, hidden), nn.ReLU(), dropout, nn.Linear(hidden, classes))
