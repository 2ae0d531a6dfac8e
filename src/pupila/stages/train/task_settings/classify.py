"""Settings of classification."""

from typing import ClassVar, Literal

from pydantic import Field, PositiveInt

from pupila.core.messages import mark
from pupila.learning.models.settings import ClassifierSettings
from pupila.stages.train.settings import TrainPlan, TrainSettings
from pupila.stages.train.task_settings.shared import (
    BudgetSettings,
    CriterionSettings,
    InputPlan,
    InputSettings,
    RecipeSettings,
    ViewSettings,
)


class ClassifyTrainSettings(
    TrainSettings,
    ClassifierSettings,
    CriterionSettings,
    InputSettings,
    ViewSettings,
    BudgetSettings,
    RecipeSettings,
):
    """What the user asked for in a training of a classifier."""

    notes: ClassVar[dict[str, str]] = {
        "model": mark(
            "lenet, resnet_small, resnet_dropout, or any timm classifier; auto means mobilenetv2_100"
        ),
        "image_size": mark("auto means the default of the model"),
        "epochs": mark("auto means 20, and 1 of a logistic head"),
        "unfreeze": mark("auto decides by a short trial, see batch_norm"),
        "batch_norm": mark("auto decides by a short trial"),
        "recipe": mark("auto means standard"),
        "finetune_epochs": mark("auto means 10"),
        "lr": mark("auto means 1e-3, sgd 0.01"),
        "batch_size": mark("auto means 32"),
        "augment": mark("auto means A1"),
        "loss": mark("cross_entropy or focal; auto means cross_entropy"),
        "augmented_views": mark("auto means epochs, at most 10; of a logistic head 4, the first unchanged"),
        "head": mark(
            "auto means logistic with pretrained weights, dense where a setting of its epochs is given"
        ),
        "budget": mark("decides image_size, epochs, augmented_views and unfreeze"),
    }

    sampling: Literal["natural", "balanced"] = Field(
        default="natural",
        description="how training images are drawn; balanced: every class equally often, with replacement",
    )
    threshold: str | None = Field(
        default=None,
        description="for two classes: tune the decision threshold on validation for f1, recall>=0.95, precision>=0.9 "
        "or cost:fn=10,fp=1, of the rarer class or as CLASS:recall>=0.95; null: no threshold",
    )


class ClassifyTrainPlan(TrainPlan, InputPlan, ClassifyTrainSettings):
    """The plan of a classifier."""

    task: Literal["classify"] = Field(default="classify", description="name of the task")
    batch_norm: Literal["frozen", "trained"] = Field(
        default="frozen", description="statistics of batch norm in unfrozen blocks"
    )
    recipe: Literal["standard", "strong"] = Field(
        default="standard", description="preset of the settings that were not given"
    )
    augmented_views: PositiveInt = Field(
        description="number of augmented views per image with a frozen encoder"
    )
    head: Literal["logistic", "linear", "dense"] = Field(default="dense", description="classification head")
