"""The settings of a compression."""

from pydantic import Field, PositiveInt

from pupila.core.settings import Settings


class CompressSettings(Settings):
    """Which models are tried, and what one of them may cost."""

    int8: bool = Field(default=True, description="8-bit weights and activations, in three ways")
    half: bool = Field(default=False, description="16-bit floating point: half the size, seldom faster")
    prune: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="share of the weights that is removed, channel by channel, before fine-tuning; 0: none",
    )
    zero: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="share of the weights that is set to zero in its place (unstructured pruning), before "
        "fine-tuning; 0: none",
    )
    distill_into: str = Field(
        default="",
        description="smaller architecture that learns from the logits of the model; empty: none",
    )
    finetune_epochs: PositiveInt = Field(
        default=3, description="passes over the training split after prune or zero"
    )
    calibration_images: PositiveInt = Field(
        default=100,
        description="training images that the ranges of int8 are measured on, evenly over the classes",
    )
    max_drop: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="largest loss of the metric, as measured, of a model that is not shown to be equivalent",
    )
    rounds: PositiveInt = Field(default=40, description="measurements of time of each model")
