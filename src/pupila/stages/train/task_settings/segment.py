"""Settings of segmentation."""

from typing import ClassVar, Literal

from pydantic import Field, NonNegativeInt

from pupila.core.messages import mark
from pupila.learning.models.settings import EncoderSettings
from pupila.stages.train.settings import TrainPlan, TrainSettings
from pupila.stages.train.task_settings.shared import BudgetSettings, CriterionSettings, UnfreezingSettings


class SegmentTrainSettings(
    TrainSettings, EncoderSettings, CriterionSettings, BudgetSettings, UnfreezingSettings
):
    """What the user asked for in a training of a segmentation model."""

    notes: ClassVar[dict[str, str]] = {
        "model": mark("unet, unetplusplus, manet, linknet, fpn, pspnet, deeplabv3, deeplabv3plus, pan, upernet, "
                      "segformer or dpt; auto means unet"),
        "image_size": mark("of a tile with view=tile; auto means 256"),
        "epochs": mark("at least 1; auto means 3, or 40 from random weights"),
        "unfreeze": mark("auto means half of the blocks"),
        "finetune_epochs": mark("auto means 24"),
        "finetune_lr": mark("the decoder keeps lr"),
        "lr": mark("auto means 1e-3, sgd 0.01"),
        "batch_size": mark("auto means 8"),
        "augment": mark("auto means medium"),
        "loss": mark("cross_entropy, focal, dice or tversky; auto means dice+cross_entropy"),
        "batch_norm": mark("auto means frozen"),
        "budget": mark("decides image_size, view, epochs and unfreeze"),
    }  # fmt: skip

    view: Literal["resize", "tile"] = Field(
        default="resize", description="resize the whole image, or cut it into tiles at full resolution"
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
    overlap: NonNegativeInt = Field(description="overlap of neighbouring tiles in prediction, in pixels")
    batch_norm: Literal["frozen", "trained"] = Field(
        default="frozen", description="statistics of batch norm in unfrozen blocks"
    )
