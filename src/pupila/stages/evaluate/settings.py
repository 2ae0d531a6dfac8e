"""The settings of an evaluation."""

from pydantic import Field, PositiveInt

from pupila.core.settings import Settings


class EvaluateSettings(Settings):
    """What is evaluated besides the metrics."""

    stress: bool = Field(
        default=False,
        description="measure the sensitivity to light, blur, noise, compression, resolution and backgrounds",
    )
    stress_images: PositiveInt | None = Field(
        default=None, description="most images of --stress; None: 500, with prompts 50"
    )
