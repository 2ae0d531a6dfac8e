"""The trainer of each task."""

from collections.abc import Callable
from typing import Any

from pupila.artifacts.dataset.manifest import Dataset
from pupila.learning.models.network import Network
from pupila.learning.pool import EncoderPool
from pupila.learning.trainers.classify import ClassifyTrainer
from pupila.learning.trainers.multilabel import MultilabelTrainer
from pupila.learning.trainers.prompt import PromptTrainer
from pupila.learning.trainers.segment import SegmentTrainer
from pupila.learning.trainers.trainer import SplitRows, TaskTrainer

# Task -> its trainer, from data set, rows, the task's settings (see `settings.py`), network and what is shared.
TRAINERS: dict[str, Callable[[Dataset, SplitRows, Any, Network, EncoderPool | None], TaskTrainer]] = {
    "classify": ClassifyTrainer,
    "multilabel": MultilabelTrainer,
    "segment": SegmentTrainer,
    "prompt": PromptTrainer,
}
