"""The settings of monitoring."""

from pydantic import Field, PositiveInt

from pupila.core.settings import Settings


class MonitorSettings(Settings):
    """When an alarm is raised."""

    false_alarm_every: PositiveInt = Field(
        default=10_000,
        description="mean number of groups of images between two false alarms of drift, at least",
    )
