"""Settings that some tasks share and others lack."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt

from pupila.core.messages import mark
from pupila.core.settings import Settings
from pupila.learning.models.settings import ClassifierSettings
from pupila.stages.train.settings import TrainSettings

ClassWeights = Literal["none", "inverse", "inverse_sqrt", "effective"]


class CriterionSettings(Settings):
    """The loss, where users choose it."""

    loss: str = Field(default="auto", description="loss function, or a weighted sum of them: A+0.5*B")
    focal_gamma: NonNegativeFloat = Field(
        default=2.0, description="gamma of the focal loss; 0 is cross-entropy"
    )
    label_smoothing: float = Field(
        default=0.0, ge=0, lt=1, description="probability mass given to the other classes"
    )
    class_weights: Literal["auto", "none", "inverse", "inverse_sqrt", "effective"] = Field(
        default="auto",
        description="weight classes by inverse frequency, its square root, or the effective number of images",
    )


class UnfreezingSettings(Settings):
    """How unfrozen blocks are trained, where an encoder has batch norm."""

    batch_norm: Literal["auto", "frozen", "trained"] = Field(
        default="auto",
        description="statistics of batch norm in the unfrozen blocks of a pretrained encoder: as they came, or "
        "those of the training images",
    )


class RecipeSettings(UnfreezingSettings):
    """The preset of a classifier's training, and how its images are mixed."""

    recipe: Literal["auto", "standard", "strong"] = Field(
        default="auto",
        description="preset of the settings that are not given; strong: all blocks at rates by layer, averaged "
        "weights, cutmix, label smoothing and stronger augmentation",
    )
    mixup: NonNegativeFloat = Field(
        default=0.0,
        description="alpha of mixup, which blends two training images and their labels; 0: none",
    )
    cutmix: NonNegativeFloat = Field(
        default=0.0,
        description="alpha of cutmix, which pastes a part of another training image; 0: none",
    )


class InputSettings(Settings):
    """How an image with one label becomes the input."""

    fit: Literal["auto", "squash", "crop", "pad"] = Field(
        default="auto",
        description="squash: stretch the whole image to the input; crop: fill the input and crop the centre; pad: the "
        "whole image, with a border",
    )
    crop_share: Annotated[float, Field(gt=0, le=1)] | Literal["auto"] = Field(
        default="auto",
        description="share of the resized image that fit=crop keeps; auto: that of the weights (crop_pct in timm)",
    )
    interpolation: Literal["auto", "nearest", "bilinear", "bicubic", "lanczos"] = Field(
        default="auto", description="resampling filter, antialiased; auto: that of the weights"
    )


class InputPlan(InputSettings):
    """The same fields, decided."""

    fit: Literal["squash", "crop", "pad"] = Field(description="how an image is fitted to the input")
    crop_share: float = Field(gt=0, le=1, description="share of the resized image that fit=crop keeps")
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = Field(
        description="resampling filter, antialiased"
    )


class ViewSettings(Settings):
    """Augmented views, where a frozen encoder's features are cached."""

    augmented_views: PositiveInt | Literal["auto"] = Field(
        default="auto", description="number of augmented views per image with a frozen encoder"
    )


class BudgetSettings(Settings):
    """A time limit, where the cost of a training can be measured."""

    budget: str | None = Field(
        default=None,
        description="time limit of the whole command, such as 90s, 15m or 2h; it ends with a bundle",
    )


class ClassifierTrainSettings(
    TrainSettings,
    ClassifierSettings,
    CriterionSettings,
    InputSettings,
    ViewSettings,
    BudgetSettings,
    RecipeSettings,
):
    """What the trainings of classifiers share, with one class per image or several."""

    notes: ClassVar[dict[str, str]] = {
        "model": mark("lenet, resnet_small, resnet_dropout, or any timm classifier; auto means mobilenetv2_100"),
        "image_size": mark("auto means the default of the model"),
        "unfreeze": mark("auto means as many as can be fine-tuned in 150 s: all, the last 3, or 0"),
        "batch_norm": mark("auto means frozen"),
        "recipe": mark("auto means standard"),
        "finetune_epochs": mark("auto means 10, or 2 to 10 where unfreeze is auto, too"),
        "finetune_lr": mark("auto means 0.3 of lr"),
        "lr": mark("auto means 1e-3, sgd 0.01"),
        "batch_size": mark("auto means 32"),
        "augment": mark("auto means A1"),
        "augmented_views": mark("auto means epochs, at most 10; of a logistic head 4, the first unchanged"),
        "head": mark("auto means logistic with pretrained weights, dense where a setting of its epochs is given"),
        "budget": mark("decides image_size, epochs, augmented_views and unfreeze"),
    }  # fmt: skip
