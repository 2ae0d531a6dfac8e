"""How a sweep is run: what varies, on how many processes, and for how long."""

from typing import Any, ClassVar

from pydantic import Field, NonNegativeInt, PositiveInt

from pupila.core.settings import Settings


class SweepSettings(Settings):
    """The settings of a sweep beside those of train, which its cells share."""

    groups: ClassVar[dict[str, tuple[str, ...]]] = {
        "common": ("grid", "jobs", "total_budget", "retries"),
    }

    grid: dict[str, list[Any]] = Field(
        default_factory=dict,
        description="values of a setting that varies, such as model=resnet18,resnet50; may be repeated: all "
        "combinations are trained; seed and folds may vary, too",
    )
    jobs: PositiveInt = Field(default=1, description="processes that train cells side by side")
    total_budget: str | None = Field(
        default=None, description="time such as 90s, 15m or 2h, after which no further cell is begun"
    )
    retries: NonNegativeInt = Field(default=1, description="how often a failed cell is run again")
