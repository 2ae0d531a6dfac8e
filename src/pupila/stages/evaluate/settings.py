"""The settings of an evaluation."""

from typing import Any

from pydantic import Field, PositiveInt, field_validator

from pupila.core.settings import Settings


class EvaluateSettings(Settings):
    """What is evaluated besides the metrics."""

    by: list[str] = Field(
        default=[],
        description="columns, size (of the object, with masks) or regular expressions searched in the file name, by "
        "which metrics are given: each slice against all other images, numbers cut into thirds",
    )
    explain: bool = Field(
        default=False, description="heat maps of the worst errors, as pupila explain draws them"
    )
    stress: bool = Field(
        default=False,
        description="measure the sensitivity to light, blur, noise, compression, resolution and backgrounds",
    )
    stress_images: PositiveInt | None = Field(
        default=None, description="most images of --stress; None: 500, with prompts 50"
    )

    @field_validator("by", mode="before")
    @classmethod
    def _list_names(cls, value: Any) -> Any:
        """A single name as a list of one."""
        return [value] if isinstance(value, str) else value
