"""What is true of an image: one file for each task that brings its own targets, and one literal dict."""

from pupila.artifacts.dataset.targets.classify import CLASS
from pupila.artifacts.dataset.targets.multilabel import CLASSES
from pupila.artifacts.dataset.targets.reader import TargetReader
from pupila.artifacts.dataset.targets.segment import MASK
from pupila.tasks.task import Target

TARGETS: dict[Target, TargetReader] = {"class": CLASS, "classes": CLASSES, "mask": MASK}
