"""The settings of explanations."""

from typing import Literal

from pydantic import Field, PositiveInt

from pupila.core.settings import Settings

PERTURBING = ("occlusion", "rise")  # methods that need predictions alone


class ExplainSettings(Settings):
    """How heat maps are made."""

    method: Literal["auto", "gradcam", "hirescam", "occlusion", "rise"] = Field(
        default="auto",
        description="gradcam, hirescam: from the last feature map and its gradient; occlusion: how the logit changes "
        "where a patch hides the image; rise: the same with random masks; auto: gradcam where the network has such a "
        "map, else occlusion",
    )
    label: str | None = Field(
        default=None, description="class to explain; None: the predicted one, of a mask the largest"
    )
    most: PositiveInt = Field(
        default=24, description="most images of a data set, drawn evenly over its classes"
    )
    random_masks: PositiveInt = Field(default=1000, description="of --method rise")
    check: bool = Field(default=False, description="test that the maps follow the model and matter to it")
    seed: int = Field(default=0, ge=0, description="of random masks, and of what is drawn")
