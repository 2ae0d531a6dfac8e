"""Settings of classification."""

from typing import ClassVar, Literal

from pydantic import Field, PositiveInt

from pupila.core.messages import mark
from pupila.stages.train.settings import TrainPlan
from pupila.stages.train.task_settings.shared import ClassifierTrainSettings, ClassWeights, InputPlan


class ClassifyTrainSettings(ClassifierTrainSettings):
    """What the user asked for in a training of a classifier."""

    notes: ClassVar[dict[str, str]] = {
        **ClassifierTrainSettings.notes,
        "epochs": mark("auto means 20, and 1 of a logistic head"),
        "loss": mark("cross_entropy or focal; auto means cross_entropy"),
        "class_weights": mark("auto means inverse_sqrt of a logistic head with cross_entropy, else none"),
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
    class_weights: ClassWeights = Field(default="none", description="how classes are weighted in the loss")
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
