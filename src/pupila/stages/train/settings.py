"""The settings of a training as the user gives them, and the plan with every "auto" decided."""

from typing import ClassVar, Literal

from pydantic import ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from pupila.artifacts.run.plan import RunPlan
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.learning.models.settings import ModelSettings

# Settings that only promptable models use.
PROMPT_SETTINGS = ("target", "targets", "box_share", "box_jitter", "points", "corrections", "cache")


class TrainSettings(ModelSettings):
    """What the user asked for. A field may be "auto"; its description carries the unit."""

    groups: ClassVar[dict[str, tuple[str, ...]]] = {
        "common": (
            "model", "epochs", "batch_size", "lr", "image_size", "weights", "augment", "device", "seed", "workers",
            "budget", "threshold",
        ),
        "masks": ("encoder", "view", "overlap", "tversky_beta"),
        "prompts": PROMPT_SETTINGS,
    }  # fmt: skip

    image_size: PositiveInt | Literal["auto"] = Field(
        default="auto",
        description="height and width of the model input, in pixels; with view=tile, of a tile; auto: the model's "
        "default, 256 for segmentation",
    )
    view: Literal["resize", "tile"] = Field(
        default="resize",
        description="for segmentation: resize the whole image, or cut it into tiles at full resolution",
    )
    overlap: NonNegativeInt | Literal["auto"] = Field(
        default="auto",
        description="overlap of neighbouring tiles in prediction, in pixels; auto: a quarter of image_size",
    )
    epochs: NonNegativeInt | Literal["auto"] = Field(
        default="auto",
        description="passes over the training split with a frozen encoder, or over all weights without pretrained "
        "ones; 0: bundle the pretrained model unchanged; auto: 20, segmentation 3, or 40 from random weights",
    )
    unfreeze: NonNegativeInt | Literal["auto", "all"] = Field(
        default="auto",
        description="number of last encoder blocks to fine-tune after the head; auto: 0 for a pretrained encoder, "
        "half of the blocks for segmentation, all without pretrained weights",
    )
    finetune_epochs: PositiveInt | Literal["auto"] = Field(
        default="auto", description="passes with unfrozen blocks; auto: 10, segmentation 24"
    )
    lr: PositiveFloat | Literal["auto"] = Field(
        default="auto",
        description="learning rate of the first phase; auto: 1e-3, sgd 0.01, promptable models 1e-4",
    )
    finetune_lr: PositiveFloat | Literal["auto"] = Field(
        default="auto",
        description="learning rate of unfrozen blocks and of the head trained with them (a segmentation decoder keeps "
        "lr); auto: a tenth of lr",
    )
    batch_size: PositiveInt | Literal["auto"] = Field(
        default="auto",
        description="images per step; auto: 32, segmentation 8, promptable models 2, fewer for small data sets",
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
    loss: str = Field(
        default="auto",
        description="loss function: cross_entropy, focal, for segmentation also dice, tversky, or a sum such as "
        "dice+0.5*focal; auto: cross_entropy, segmentation dice+cross_entropy, promptable models 20*focal+dice",
    )
    focal_gamma: NonNegativeFloat = Field(
        default=2.0, description="gamma of the focal loss; 0 is cross-entropy"
    )
    tversky_beta: float = Field(
        default=0.7,
        gt=0,
        lt=1,
        description="weight of false negatives in the tversky loss; false positives get 1 - beta",
    )
    label_smoothing: float = Field(
        default=0.0, ge=0, lt=1, description="probability mass given to the other classes"
    )
    class_weights: Literal["none", "inverse", "effective"] = Field(
        default="none",
        description="weight classes by inverse frequency, or by the effective number of images",
    )
    sampling: Literal["natural", "balanced"] = Field(
        default="natural",
        description="how training images are drawn; balanced: every class equally often, with replacement",
    )
    augment: str = Field(
        default="auto",
        description="augmentation preset; pupila train DATA --preview draws it; auto: A1, segmentation medium, "
        "pupila-sam light, other promptable models none",
    )
    augmented_views: PositiveInt | Literal["auto"] = Field(
        default="auto",
        description="number of augmented views per image with a frozen encoder; auto: epochs, at most 10",
    )
    target: Literal["class", "region", "both"] = Field(
        default="class",
        description="for promptable models: target of a prompt, a whole class of an image, a connected region, "
        "or either",
    )
    targets: PositiveInt = Field(
        default=1, description="for promptable models: prompt targets per image and epoch"
    )
    box_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="for promptable models: share of prompts that are boxes; the others are points",
    )
    box_jitter: float = Field(
        default=0.1,
        ge=0,
        lt=0.5,
        description="for promptable models: maximum shift of a box edge, as a share of the box side",
    )
    points: PositiveInt = Field(
        default=4,
        description="for promptable models: maximum number of foreground points; background points: half as many",
    )
    corrections: NonNegativeInt = Field(
        default=0,
        description="for promptable models: rounds that add a point where the prediction has the largest error",
    )
    cache: Literal["float16", "float32", "none"] = Field(
        default="float16",
        description="for promptable models: number format of cached embeddings; none: encode images again in every "
        "epoch",
    )
    patience: PositiveInt = Field(
        default=10, description="epochs without improvement after which a phase stops early"
    )
    collapse_patience: PositiveInt = Field(
        default=5,
        description="consecutive epochs that predict a single class, after which the run is stopped",
    )
    threshold: str | None = Field(
        default=None,
        description="for two classes: tune the decision threshold on validation for f1, recall>=0.95, precision>=0.9 "
        "or cost:fn=10,fp=1, of the rarer class or as CLASS:recall>=0.95; null: no threshold",
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
    budget: str | None = Field(
        default=None,
        description="time limit of the training, such as 90s, 15m or 2h; decides image_size, epochs and unfreeze",
    )
    allow_leak: bool = Field(
        default=False, description="train on a leaking split; the report states the leakage"
    )


class TrainPlan(TrainSettings, RunPlan):
    """The same fields with every "auto" decided, and the reasons."""

    model_config = ConfigDict(extra="forbid")

    image_size: PositiveInt = Field(description="height and width of the model input or of a tile, in pixels")
    overlap: NonNegativeInt = Field(description="overlap of neighbouring tiles in prediction, in pixels")
    epochs: NonNegativeInt = Field(description="passes over the training split")
    finetune_epochs: PositiveInt = Field(description="passes with unfrozen blocks")
    unfreeze: NonNegativeInt | Literal["all"] = Field(
        description="number of last encoder blocks to fine-tune"
    )
    lr: PositiveFloat = Field(description="learning rate of the first phase")
    finetune_lr: PositiveFloat = Field(description="learning rate of unfrozen blocks")
    batch_size: PositiveInt = Field(description="images per step")
    augmented_views: PositiveInt = Field(
        description="number of augmented views per image with a frozen encoder"
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
