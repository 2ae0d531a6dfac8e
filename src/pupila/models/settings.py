"""Which network, with which weights and which head."""

from typing import Any, Literal

from pydantic import Field, PositiveInt

from pupila.settings import Settings

USUAL = {"classify": "mobilenetv2_100", "segment": "unet"}  # task -> the model that "auto" means


class ModelSettings(Settings):
    """The wish."""

    model: str = Field(
        default="auto",
        description="of classes: lenet, resnet_small, resnet_dropout, or any classifier of timm; of masks: unet, "
        "unetplusplus, manet, linknet, fpn, pspnet, deeplabv3, deeplabv3plus, pan, upernet, segformer or dpt; auto: "
        "mobilenetv2_100, or unet",
    )
    encoder: str = Field(
        default="auto",
        description="of masks: any model of timm under the architecture; auto: mobilenetv2_100",
    )
    weights: str = Field(
        default="default",
        description="default: the hub's; none; or a local .safetensors file (JSON beside it)",
    )
    options: dict[str, Any] = Field(
        default_factory=dict, description="of timm.create_model, such as options.pad_type=same"
    )
    head: Literal["dense", "linear"] = Field(
        default="dense", description="dense: one hidden layer; linear: none"
    )
    head_width: PositiveInt = Field(default=128, description="units of the dense head's hidden layer")
    dropout: float = Field(
        default=0.3, ge=0, lt=1, description="share of the dense head's units left out a step"
    )
