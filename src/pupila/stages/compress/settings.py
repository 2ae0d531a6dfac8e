"""The settings of a compression."""

from pydantic import Field, PositiveInt

from pupila.core.settings import Settings


class CompressSettings(Settings):
    """Which models are tried, and what one of them may cost."""

    calibration_images: PositiveInt = Field(
        default=100,
        description="training images that the ranges of int8 are measured on, evenly over the classes",
    )
    max_drop: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="largest loss of the metric, as measured, of a model that is not shown to be equivalent",
    )
    rounds: PositiveInt = Field(default=40, description="measurements of time of each model")
