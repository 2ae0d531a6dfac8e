"""The settings of a model: network, weights and head."""

from typing import Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from pupila.core.settings import Settings

DEFAULT_MODELS = {
    "classify": "mobilenetv2_100",
    "multilabel": "mobilenetv2_100",
    "segment": "unet",
    "prompt": "pupila-sam",
}  # task -> model of "auto"
CROSS_VALIDATION: Literal["cross-validation"] = "cross-validation"  # of the L2 strength
LOGISTIC = "logistic"  # a head that has one optimum
DEFAULT_ENCODER = "mobilenetv2_100"  # of "auto"
PUPILA_SAM = "pupila-sam"  # the promptable model for laptops
CHECKPOINTS = {
    **{f"sam-vit-{size}": f"facebook/sam-vit-{size}" for size in ("base", "large", "huge")},
    **{
        f"sam2.1-hiera-{size}": f"facebook/sam2.1-hiera-{size}"
        for size in ("tiny", "small", "base-plus", "large")
    },
}  # short name -> name on the hub
TOO_LARGE = ("sam-vit-huge",)  # the encoder does not fit into one ONNX file; known before the download


def is_promptable(model: str) -> bool:
    """Whether the model takes prompts: pupila-sam, a checkpoint, or a name with a slash (hub or folder)."""
    return model == PUPILA_SAM or model in CHECKPOINTS or "/" in model


class ModelSettings(Settings):
    """What every model has."""

    model: str = Field(default="auto", description="architecture of the model")
    weights: str = Field(
        default="default",
        description="source of the weights; default: pretrained weights of the hub; none: random; a .safetensors "
        "file (JSON file of the same name beside it); or a bundle of pupila-sam",
    )
    options: dict[str, Any] = Field(
        default_factory=dict, description="options of timm.create_model, such as options.pad_type=same"
    )


class ClassifierSettings(ModelSettings):
    """What a classifier has, too."""

    head: Literal["auto", "logistic", "linear", "dense"] = Field(
        default="auto",
        description="classification head; logistic: a linear one, fitted to its optimum on standardised features; "
        "linear: no hidden layer, trained in epochs; dense: one hidden layer, trained in epochs",
    )
    l2: PositiveFloat | Literal["cross-validation"] = Field(
        default=CROSS_VALIDATION,
        description="L2 strength of the logistic head, for standardised features; cross-validation: the best of 8 on "
        "the training images, over groups",
    )
    head_width: PositiveInt = Field(default=128, description="units in the hidden layer of the dense head")
    dropout: float = Field(default=0.3, ge=0, lt=1, description="dropout rate of the dense head")


class EncoderSettings(ModelSettings):
    """What a model of masks has, too, whose decoder fits several encoders."""

    encoder: str = Field(
        default="auto", description="encoder of the model: any timm model; auto: mobilenetv2_100"
    )
