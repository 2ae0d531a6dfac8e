"""Settings of promptable models."""

from typing import ClassVar, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from pupila.core.messages import mark
from pupila.learning.models.settings import EncoderSettings
from pupila.stages.train.settings import TrainPlan, TrainSettings
from pupila.stages.train.task_settings.shared import ViewSettings


class PromptTrainSettings(TrainSettings, EncoderSettings, ViewSettings):
    """What the user asked for in a training of a promptable model."""

    notes: ClassVar[dict[str, str]] = {
        "model": mark("pupila-sam, sam-vit-base, -large, -huge, sam2.1-hiera-tiny, -small, -base-plus, -large, or a "
                      "folder or hub name with a slash"),
        "image_size": mark("auto means the default of the model"),
        "epochs": mark("auto means 20"),
        "unfreeze": mark("auto means 0"),
        "finetune_epochs": mark("auto means 10"),
        "lr": mark("auto means 1e-4"),
        "batch_size": mark("auto means 2"),
        "augment": mark("auto means light for pupila-sam, none for other models"),
        "encoder": mark("of pupila-sam alone"),
        "augmented_views": mark("auto means 4 for pupila-sam, 1 for other models"),
    }  # fmt: skip

    target: Literal["class", "region", "both"] = Field(
        default="class",
        description="target of a prompt, a whole class of an image, a connected region, or either",
    )
    targets: PositiveInt = Field(default=1, description="prompt targets per image and epoch")
    box_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="share of prompts that are boxes; the others are points",
    )
    box_jitter: float = Field(
        default=0.1,
        ge=0,
        lt=0.5,
        description="maximum shift of a box edge, as a share of the box side",
    )
    points: PositiveInt = Field(
        default=4,
        description="maximum number of foreground points; background points: half as many",
    )
    corrections: NonNegativeInt = Field(
        default=0,
        description="rounds that add a point where the prediction has the largest error",
    )
    cache: Literal["float16", "float32", "none"] = Field(
        default="float16",
        description="number format of cached embeddings; none: encode images again in every epoch",
    )


class PromptTrainPlan(TrainPlan, PromptTrainSettings):
    """The plan of a promptable model."""

    task: Literal["prompt"] = Field(default="prompt", description="name of the task")
    augmented_views: PositiveInt = Field(
        description="number of augmented views per image with a frozen encoder"
    )
