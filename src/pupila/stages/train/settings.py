"""What a user may wish of a training, and what it comes to once every "auto" is decided."""

from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.learning.models.settings import ModelSettings

# Settings that mean something for promptable models alone.
OF_PROMPTS = ("target", "targets", "boxes", "box_jitter", "points", "corrections", "cache")


class TrainSettings(ModelSettings):
    """The wish. A field may be "auto"; its description carries the unit."""

    side: PositiveInt | Literal["auto"] = Field(
        default="auto",
        description="input side, or that of a tile, pixels; auto: the model's own, 256 for masks",
    )
    view: Literal["resize", "tile"] = Field(
        default="resize", description="of masks: the whole picture resized, or tiles at full resolution"
    )
    overlap: NonNegativeInt | Literal["auto"] = Field(
        default="auto",
        description="of neighbouring tiles when answering, pixels; auto: a quarter of the side",
    )
    epochs: NonNegativeInt | Literal["auto"] = Field(
        default="auto",
        description="passes over the training split while the encoder is frozen (over all weights where it "
        "starts from none); 0 bundles the pretrained model as it is; auto: 20, for masks 3, or 40 from none",
    )
    thaw: NonNegativeInt | Literal["auto", "all"] = Field(
        default="auto",
        description="last blocks of the encoder that are trained too, after the head; auto: none of a pretrained "
        "encoder, for masks half of them, all of one without weights",
    )
    fine_epochs: PositiveInt | Literal["auto"] = Field(
        default="auto", description="passes with thawed blocks; auto: 10, for masks 24"
    )
    learning_rate: PositiveFloat | Literal["auto"] = Field(
        default="auto", description="of the first phase, per step; auto: 1e-3, 0.01 for sgd, of prompts 1e-4"
    )
    fine_learning_rate: PositiveFloat | Literal["auto"] = Field(
        default="auto",
        description="of thawed blocks, and of a head with them (the decoder of masks stays at learning_rate); auto: "
        "a tenth of learning_rate",
    )
    batch_size: PositiveInt | Literal["auto"] = Field(
        default="auto",
        description="images a step; auto: 32, for masks 8, fewer for few training images; of prompts 2",
    )
    optimizer: Literal["adam", "adamw", "sgd"] = Field(default="adamw", description="sgd has momentum 0.9")
    weight_decay: NonNegativeFloat = Field(default=1e-4, description="per step, as the optimizer defines it")
    schedule: Literal["constant", "cosine", "plateau"] = Field(
        default="cosine", description="of the learning rate; plateau halves it after 3 epochs without gain"
    )
    warmup_epochs: NonNegativeFloat = Field(
        default=1.0, description="epochs in which the learning rate rises from 0"
    )
    clip_norm: PositiveFloat | None = Field(
        default=None, description="largest norm of the gradient; null: not clipped"
    )
    loss: str = Field(
        default="auto",
        description="what is minimised: cross_entropy, focal, for masks also dice, tversky, or a sum such as "
        "dice+0.5*focal; auto: cross_entropy, for masks dice+cross_entropy, of prompts their own",
    )
    focal_gamma: NonNegativeFloat = Field(default=2.0, description="focal loss: 0 is cross-entropy")
    tversky_beta: float = Field(
        default=0.7,
        gt=0,
        lt=1,
        description="tversky loss: weight of what was missed; the rest is that of false alarms",
    )
    label_smoothing: float = Field(default=0.0, ge=0, lt=1, description="share given to the other classes")
    class_weights: Literal["none", "inverse", "effective"] = Field(
        default="none", description="by inverse frequency, or by the effective number of images"
    )
    sampling: Literal["natural", "balanced"] = Field(
        default="natural", description="balanced: every class is drawn equally often, with repetition"
    )
    augment: str = Field(
        default="auto",
        description="a preset; pupila train DATA --preview draws it; auto: A1, for masks medium, for pupila-sam light, "
        "for other promptable models none",
    )
    views: PositiveInt | Literal["auto"] = Field(
        default="auto",
        description="different augmented views of an image while the encoder is frozen; auto: epochs, 10 at most",
    )
    target: Literal["class", "region", "both"] = Field(
        default="class",
        description="of prompts: what is pointed at: a class of an image, a connected region of one, or by turns",
    )
    targets: PositiveInt = Field(default=1, description="of prompts: things of an image that an epoch draws")
    boxes: float = Field(
        default=0.5, ge=0, le=1, description="of prompts: share that are a box; the others are points"
    )
    box_jitter: float = Field(
        default=0.1,
        ge=0,
        lt=0.5,
        description="of prompts: how far a box's side is off, at most, over its own side",
    )
    points: PositiveInt = Field(
        default=4, description="of prompts: most points that belong to a thing; half as many that do not"
    )
    corrections: NonNegativeInt = Field(
        default=0, description="of prompts: rounds in which a point is added where the answer is most wrong"
    )
    cache: Literal["float16", "float32", "none"] = Field(
        default="float16",
        description="of prompts: how encoded images are kept; none: they are encoded anew in every epoch",
    )
    patience: PositiveInt = Field(
        default=10, description="epochs without a better score, after which a phase ends"
    )
    collapse_patience: PositiveInt = Field(
        default=5, description="epochs in a row that answer one class alone, after which the run is stopped"
    )
    threshold: str | None = Field(
        default=None,
        description="of two classes: the bundle's threshold is tuned on validation for f1, recall>=0.95, "
        "precision>=0.9 or cost:fn=10,fp=1, of the rarer class or as CLASS:recall>=0.95; null: none",
    )
    abstain_below: float = Field(
        default=0.0, ge=0, lt=1, description="confidence under which the bundle says that it does not know"
    )
    seed: int = Field(default=23, ge=0, lt=2**63, description="decides every draw")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        default="auto", description="auto: cuda, mps or cpu, what is there"
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto", description="of the steps; auto: a lower one where it was measured faster"
    )
    workers: NonNegativeInt = Field(
        default=2, description="threads that prepare batches; the numbers stay the same"
    )
    budget: str | None = Field(
        default=None,
        description="time to train in, such as 90s, 15m or 2h: side, epochs and thaw are decided by it",
    )
    allow_leak: bool = Field(default=False, description="train on a split that leaks; the report says so")


class TrainPlan(TrainSettings):
    """The deed: the same fields with every "auto" decided, and the reasons."""

    side: PositiveInt = Field(description="input side, or that of a tile, pixels")
    overlap: NonNegativeInt = Field(description="of neighbouring tiles when answering, pixels")
    epochs: NonNegativeInt = Field(description="passes over the training split")
    fine_epochs: PositiveInt = Field(description="passes with thawed blocks")
    thaw: NonNegativeInt | Literal["all"] = Field(
        description="last blocks of the encoder that are trained too"
    )
    learning_rate: PositiveFloat = Field(description="of the first phase, per step")
    fine_learning_rate: PositiveFloat = Field(description="of thawed blocks")
    batch_size: PositiveInt = Field(description="images a step")
    views: PositiveInt = Field(
        description="different augmented views of an image while the encoder is frozen"
    )
    device: Literal["cpu", "cuda", "mps"] = Field(description="where the steps run")
    precision: Literal["float32", "bfloat16", "float16"] = Field(description="of the steps")
    engine: Literal["torch", "torch-bfloat16", "onnxruntime"] = Field(
        description="what runs the frozen encoder"
    )
    threads: PositiveInt = Field(description="of torch; another number gives other last digits")
    reasons: dict[str, str] = Field(default_factory=dict, description="why each auto was decided so")
    data_hash: str = Field(description="of the data set")
    splits_hash: str = Field(description="of splits.json")
    classes: list[str] = Field(description="in the order of the logits")
    leaking: bool = Field(default=False, description="whether the split leaks")
    folds: NonNegativeInt = Field(default=0, description="folds of splits.json; 0: one validation split")


def as_it_is(wish: TrainSettings) -> bool:
    """Whether the pretrained model is bundled without learning anything."""
    return wish.epochs == 0 and wish.thaw in ("auto", 0)


def at_odds(found: str, wanted: str, remedy: str) -> PupilaError:
    """The refusal of settings that can't be honoured together."""
    return PupilaError(say("Settings at odds"), found=found, wanted=wanted, remedy=f"--set {remedy}")
