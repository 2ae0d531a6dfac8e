"""The settings of monitoring."""

from pydantic import Field

from pupila.core.settings import Settings


class MonitorSettings(Settings):
    """When an alarm is raised."""

    false_alarm_every: float = Field(
        default=10_000,
        gt=1,
        description="groups of related images in which a false alarm is expected once",
    )
