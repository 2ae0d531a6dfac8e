"""What a user may wish of a training, and what it comes to once every "auto" is decided."""

from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from pupila.models.settings import ModelSettings


class TrainSettings(ModelSettings):
    """The wish. A field may be "auto"; its description carries the unit."""

    side: PositiveInt | Literal["auto"] = Field(
        default="auto", description="input side, pixels; auto: the model's own"
    )
    epochs: NonNegativeInt = Field(
        default=20,
        description="passes over the training split while the encoder is frozen (over all weights where it "
        "starts from none); 0 bundles the pretrained model as it is",
    )
    thaw: NonNegativeInt | Literal["auto", "all"] = Field(
        default="auto",
        description="last blocks of the encoder that are trained too, after the head; auto: none of a "
        "pretrained encoder, all of one without weights",
    )
    fine_epochs: PositiveInt = Field(default=10, description="passes with thawed blocks")
    learning_rate: PositiveFloat | Literal["auto"] = Field(
        default="auto", description="of the first phase, per step; auto: 1e-3, 0.01 for sgd"
    )
    fine_learning_rate: PositiveFloat | Literal["auto"] = Field(
        default="auto", description="of the phase with thawed blocks; auto: a tenth of learning_rate"
    )
    batch_size: PositiveInt | Literal["auto"] = Field(
        default="auto", description="images a step; auto: 32, fewer for under 320 training images"
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
    loss: Literal["cross_entropy", "focal"] = Field(default="cross_entropy", description="what is minimised")
    focal_gamma: NonNegativeFloat = Field(default=2.0, description="focal loss: 0 is cross-entropy")
    label_smoothing: float = Field(default=0.0, ge=0, lt=1, description="share given to the other classes")
    class_weights: Literal["none", "inverse", "effective"] = Field(
        default="none", description="by inverse frequency, or by the effective number of images"
    )
    sampling: Literal["natural", "balanced"] = Field(
        default="natural", description="balanced: every class is drawn equally often, with repetition"
    )
    augment: str = Field(default="A1", description="a preset; pupila train DATA --preview draws it")
    views: PositiveInt | Literal["auto"] = Field(
        default="auto",
        description="different augmented views of an image while the encoder is frozen; auto: epochs, 10 at most",
    )
    patience: PositiveInt = Field(
        default=10, description="epochs without a better macro F1, after which a phase ends"
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

    side: PositiveInt = Field(description="input side, pixels")
    thaw: NonNegativeInt | Literal["all"] = Field(
        description="last blocks of the encoder that are trained too"
    )
    learning_rate: PositiveFloat = Field(description="of the first phase, per step")
    fine_learning_rate: PositiveFloat = Field(description="of the phase with thawed blocks")
    batch_size: PositiveInt = Field(description="images a step")
    views: PositiveInt = Field(
        description="different augmented views of an image while the encoder is frozen"
    )
    device: Literal["cpu", "cuda", "mps"] = Field(description="where the steps run")
    precision: Literal["float32", "bfloat16", "float16"] = Field(description="of the steps")
    engine: Literal["torch", "onnxruntime"] = Field(description="what runs the frozen encoder")
    threads: PositiveInt = Field(description="of torch; another number gives other last digits")
    reasons: dict[str, str] = Field(default_factory=dict, description="why each auto was decided so")
    data_hash: str = Field(description="of the data set")
    splits_hash: str = Field(description="of splits.json")
    classes: list[str] = Field(description="in the order of the logits")
    leaking: bool = Field(default=False, description="whether the split leaks")
    folds: NonNegativeInt = Field(default=0, description="folds of splits.json; 0: one validation split")
