"""Each task that can be monitored."""

from pupila.stages.monitor.classify import CLASSIFY
from pupila.stages.monitor.multilabel import MULTILABEL
from pupila.stages.monitor.segment import SEGMENT
from pupila.stages.monitor.task import MonitoredTask

MONITORED: dict[str, MonitoredTask] = {
    "classify": CLASSIFY,
    "multilabel": MULTILABEL,
    "segment": SEGMENT,
}
