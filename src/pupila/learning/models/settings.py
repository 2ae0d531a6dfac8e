"""Which network, with which weights and which head."""

from typing import Any, Literal

from pydantic import Field, PositiveInt

from pupila.core.settings import Settings

USUAL = {
    "classify": "mobilenetv2_100",
    "segment": "unet",
    "prompt": "pupila-sam",
}  # task -> the model that "auto" means
OWN = "pupila-sam"  # the promptable model for laptops
CHECKPOINTS = {
    **{f"sam-vit-{size}": f"facebook/sam-vit-{size}" for size in ("base", "large", "huge")},
    **{
        f"sam2.1-hiera-{size}": f"facebook/sam2.1-hiera-{size}"
        for size in ("tiny", "small", "base-plus", "large")
    },
}  # short name -> name on the hub
TOO_LARGE = (
    "sam-vit-huge",
)  # whose encoder does not fit into one ONNX file, as is known before it is fetched


def is_promptable(model: str) -> bool:
    """Whether the model answers prompts: ours, a checkpoint, or a hub's or a folder's name, which has a slash."""
    return model == OWN or model in CHECKPOINTS or "/" in model


class ModelSettings(Settings):
    """The wish."""

    model: str = Field(
        default="auto",
        description="of classes: lenet, resnet_small, resnet_dropout, or any classifier of timm; of masks: unet, "
        "unetplusplus, manet, linknet, fpn, pspnet, deeplabv3, deeplabv3plus, pan, upernet, segformer or dpt; of "
        "prompts: pupila-sam, sam-vit-base, -large, -huge, sam2.1-hiera-tiny, -small, -base-plus, -large, or a folder "
        "or a hub's name with a slash; auto: mobilenetv2_100, or unet",
    )
    encoder: str = Field(
        default="auto",
        description="of masks and pupila-sam: any model of timm under the architecture; auto: mobilenetv2_100",
    )
    weights: str = Field(
        default="default",
        description="default: the hub's; none; a local .safetensors file (JSON beside it); or a bundle of pupila-sam",
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
