"""The settings of every training as the user gives them, and the plan with every "auto" decided.

What only some tasks have stands in `task_settings`, in a file for each task.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from pupila.artifacts.run.plan import RunPlan
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.imaging.images.flips import TestTimeFlips
from pupila.learning.models.settings import ModelSettings


class TrainSettings(ModelSettings):
    """What the user asked for. A field may be "auto"; its description carries the unit."""

    groups: ClassVar[dict[str, tuple[str, ...]]] = {
        "common": (
            "model", "epochs", "batch_size", "lr", "image_size", "weights", "augment", "device", "seed", "workers",
        ),
    }  # fmt: skip

    image_size: PositiveInt | Literal["auto"] = Field(
        default="auto", description="height and width of the model input, in pixels"
    )
    epochs: NonNegativeInt | Literal["auto"] = Field(
        default="auto",
        description="passes over the training split with a frozen encoder, or over all weights without pretrained "
        "ones; 0: bundle the pretrained model unchanged",
    )
    unfreeze: NonNegativeInt | Literal["auto", "all"] = Field(
        default="auto",
        description="number of last encoder blocks to fine-tune after the head; auto without pretrained weights: all",
    )
    finetune_epochs: PositiveInt | Literal["auto"] = Field(
        default="auto", description="passes with unfrozen blocks"
    )
    lr: PositiveFloat | Literal["auto"] = Field(
        default="auto", description="learning rate of the first phase"
    )
    finetune_lr: PositiveFloat | Literal["auto"] = Field(
        default="auto",
        description="learning rate of unfrozen blocks and of a head trained with them; auto: a tenth of lr",
    )
    batch_size: PositiveInt | Literal["auto"] = Field(
        default="auto",
        description="images per step, at most those of the training split; auto is smaller for small data sets",
    )
    optimizer: Literal["adam", "adamw", "sgd"] = Field(
        default="adamw", description="update rule of the weights; sgd uses momentum 0.9"
    )
    weight_decay: NonNegativeFloat = Field(
        default=1e-4, description="weight decay per step, as the optimizer defines it"
    )
    schedule: Literal["constant", "cosine", "plateau"] = Field(
        default="cosine",
        description="learning rate schedule; plateau halves the rate after 3 epochs without improvement",
    )
    warmup_epochs: NonNegativeFloat = Field(
        default=1.0, description="epochs in which the learning rate rises from 0"
    )
    clip_norm: PositiveFloat | None = Field(
        default=None, description="maximum gradient norm; null: no clipping"
    )
    layer_decay: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="factor of the learning rate from each unfrozen block to the one before it; 1: one rate for all",
    )
    ema_decay: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="decay per step of the exponential moving average of the weights, which is validated and exported "
        "in their place; 0: no average",
    )
    augment: str = Field(
        default="auto", description="augmentation preset; pupila train DATA --preview draws it"
    )
    patience: PositiveInt = Field(
        default=10, description="epochs without improvement after which a phase stops early"
    )
    collapse_patience: PositiveInt = Field(
        default=5,
        description="consecutive collapsed epochs, such as those that predict a single class, after which the run "
        "is stopped",
    )
    ensemble: bool = Field(
        default=False,
        description="with folds: bundle the mean of the logits of the fold models, instead of one model trained on "
        "all folds",
    )
    test_time_flips: TestTimeFlips = Field(
        default="none",
        description="the bundle predicts the mean over an image and its flips (test-time augmentation); horizontal "
        "takes 2 passes through the network, both (also upside down) takes 4",
    )
    reference_share: Annotated[float, Field(ge=0, lt=1)] | Literal["auto"] = Field(
        default="auto",
        description="share of the training groups, and at most of their images, that is left out as reference for "
        "monitoring; auto: 0.1 of at least 300, else 0. With folds the out-of-fold predictions are the reference",
    )
    abstain_below: float = Field(
        default=0.0, ge=0, lt=1, description="confidence below which the bundle abstains"
    )
    seed: int = Field(default=23, ge=0, lt=2**63, description="seed of all random draws")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        default="auto", description="device of the training; auto: the first available of cuda, mps, cpu"
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto", description="precision of training steps; auto: a lower one if it is measured faster"
    )
    workers: NonNegativeInt = Field(
        default=2, description="threads that load batches; results do not depend on it"
    )
    allow_leak: bool = Field(
        default=False, description="train on a leaking split; the report states the leakage"
    )


class TrainPlan(TrainSettings, RunPlan):
    """The same fields with every "auto" decided, and the reasons."""

    model_config = ConfigDict(extra="forbid")

    image_size: PositiveInt = Field(description="height and width of the model input or of a tile, in pixels")
    epochs: NonNegativeInt = Field(description="passes over the training split")
    finetune_epochs: PositiveInt = Field(description="passes with unfrozen blocks")
    unfreeze: NonNegativeInt | Literal["all"] = Field(
        description="number of last encoder blocks to fine-tune"
    )
    lr: PositiveFloat = Field(description="learning rate of the first phase")
    finetune_lr: PositiveFloat = Field(description="learning rate of unfrozen blocks")
    batch_size: PositiveInt = Field(description="images per step")
    reference_share: float = Field(
        default=0.0, ge=0, lt=1, description="share of the training groups that are left out as reference"
    )
    device: Literal["cpu", "cuda", "mps"] = Field(description="device of the training steps")
    precision: Literal["float32", "bfloat16", "float16"] = Field(description="precision of training steps")
    engine: Literal["torch", "torch-bfloat16", "onnxruntime"] = Field(
        description="runtime of the frozen encoder"
    )
    threads: PositiveInt = Field(description="threads of torch; another number changes the last digits")
    reasons: dict[str, str] = Field(default_factory=dict, description="reason for each decided auto")


def skips_training(settings: TrainSettings) -> bool:
    """Whether the pretrained model is bundled without any training."""
    return settings.epochs == 0 and settings.unfreeze in ("auto", 0)


def conflicting_settings(actual: str, expected: str, remedy: str) -> PupilaError:
    """The error for settings that exclude each other; the remedy is a flag such as "--image-size auto"."""
    return PupilaError(say("Conflicting settings"), actual=actual, expected=expected, remedy=remedy)
