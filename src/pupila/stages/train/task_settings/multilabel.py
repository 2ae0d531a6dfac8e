"""Settings of multi-label classification."""

from typing import ClassVar, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt

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


class MultilabelTrainSettings(
    TrainSettings,
    ClassifierSettings,
    CriterionSettings,
    InputSettings,
    ViewSettings,
    BudgetSettings,
    RecipeSettings,
):
    """What the user asked for in a training of a multi-label classifier."""

    notes: ClassVar[dict[str, str]] = {
        "model": mark(
            "lenet, resnet_small, resnet_dropout, or any timm classifier; auto means mobilenetv2_100"
        ),
        "image_size": mark("auto means the default of the model"),
        "epochs": mark("at least 1; auto means 20, and 1 of a logistic head"),
        "unfreeze": mark("auto decides by a short trial, see batch_norm"),
        "batch_norm": mark("auto decides by a short trial"),
        "recipe": mark("auto means standard"),
        "finetune_epochs": mark("auto means 10"),
        "lr": mark("auto means 1e-3, sgd 0.01"),
        "batch_size": mark("auto means 32"),
        "augment": mark("auto means A1"),
        "loss": mark("one of bce, focal and asymmetric; auto means bce"),
        "label_smoothing": mark("with bce; an absent class has half of it as its target"),
        "class_weights": mark("inverse weights the presence of a class by negatives / positives"),
        "augmented_views": mark("auto means epochs, at most 10; of a logistic head 4, the first unchanged"),
        "head": mark("auto means logistic with pretrained weights, dense where a setting of its epochs is given"),
        "budget": mark("decides image_size, epochs, augmented_views and unfreeze"),
    }  # fmt: skip

    gamma_positive: NonNegativeFloat = Field(
        default=0.0, description="gamma of the asymmetric loss for present classes; 0 is cross-entropy"
    )
    gamma_negative: NonNegativeFloat = Field(
        default=4.0, description="gamma of the asymmetric loss for absent classes; 0 is cross-entropy"
    )
    probability_margin: float = Field(
        default=0.05,
        ge=0,
        lt=1,
        description="probability up to which an absent class costs nothing in the asymmetric loss",
    )


class MultilabelTrainPlan(TrainPlan, InputPlan, MultilabelTrainSettings):
    """The plan of a multi-label classifier."""

    task: Literal["multilabel"] = Field(default="multilabel", description="name of the task")
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
