"""Settings of multi-label classification."""

from typing import ClassVar, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt

from pupila.core.messages import mark
from pupila.stages.train.settings import TrainPlan
from pupila.stages.train.task_settings.shared import ClassifierTrainSettings, ClassWeights, InputPlan


class MultilabelTrainSettings(ClassifierTrainSettings):
    """What the user asked for in a training of a multi-label classifier."""

    notes: ClassVar[dict[str, str]] = {
        **ClassifierTrainSettings.notes,
        "epochs": mark("at least 1; auto means 20, and 1 of a logistic head"),
        "loss": mark("one of bce, focal and asymmetric; auto means bce"),
        "label_smoothing": mark("with bce; an absent class has half of it as its target"),
        "class_weights": mark(
            "inverse weights the presence of a class by negatives / positives; auto means none"
        ),
    }

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
