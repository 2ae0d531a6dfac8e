"""Settings of segmentation."""

from typing import ClassVar, Literal

from pydantic import Field, NonNegativeInt

from pupila.core.messages import mark
from pupila.learning.models.settings import EncoderSettings
from pupila.stages.train.settings import TrainPlan, TrainSettings
from pupila.stages.train.task_settings.shared import (
    BudgetSettings,
    ClassWeights,
    CriterionSettings,
    UnfreezingSettings,
)


class SegmentTrainSettings(
    TrainSettings, EncoderSettings, CriterionSettings, BudgetSettings, UnfreezingSettings
):
    """What the user asked for in a training of a segmentation model."""

    notes: ClassVar[dict[str, str]] = {
        "model": mark("unet, unetplusplus, manet, linknet, fpn, pspnet, deeplabv3, deeplabv3plus, pan, upernet, "
                      "segformer or dpt; auto means unet"),
        "image_size": mark("of a tile with view=tile; auto means 256, or up to 512 for thin or small objects"),
        "epochs": mark("at least 1; auto means 1 to 3, or 40 from random weights"),
        "unfreeze": mark("auto means half of the blocks, or all where 24 epochs or more are affordable"),
        "finetune_epochs": mark("auto means 6 to 48, so that every data set costs about the same"),
        "finetune_lr": mark("the decoder keeps lr"),
        "lr": mark("auto means 1e-3, sgd 0.01"),
        "batch_size": mark("auto means 8"),
        "augment": mark("auto means medium"),
        "loss": mark("cross_entropy, focal, dice or tversky; auto means dice+cross_entropy, for a "
                     "rare class tried against tversky+cross_entropy"),
        "class_weights": mark("auto means none"),
        "batch_norm": mark("auto means frozen"),
        "budget": mark("decides image_size, view, epochs and unfreeze"),
    }  # fmt: skip

    view: Literal["auto", "resize", "tile"] = Field(
        default="auto",
        description="resize the whole image, or cut it into tiles at full resolution; auto: resize, unless that "
        "loses thin or small objects",
    )
    overlap: NonNegativeInt | Literal["auto"] = Field(
        default="auto",
        description="overlap of neighbouring tiles in prediction, in pixels; auto: a quarter of image_size",
    )
    tversky_beta: float = Field(
        default=0.7,
        gt=0,
        lt=1,
        description="weight of false negatives in the tversky loss; false positives get 1 - beta",
    )


class SegmentTrainPlan(TrainPlan, SegmentTrainSettings):
    """The plan of a segmentation model."""

    task: Literal["segment"] = Field(default="segment", description="name of the task")
    view: Literal["resize", "tile"] = Field(description="resized images, or tiles at full resolution")
    overlap: NonNegativeInt = Field(description="overlap of neighbouring tiles in prediction, in pixels")
    class_weights: ClassWeights = Field(default="none", description="how classes are weighted in the loss")
    batch_norm: Literal["frozen", "trained"] = Field(
        default="frozen", description="statistics of batch norm in unfrozen blocks"
    )
