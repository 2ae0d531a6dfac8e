"""How each task's bundles are asked, and how their answers are told."""

from typing import Any

from pupila.stages.predict.classify import CLASSES
from pupila.stages.predict.prompt import PROMPTED
from pupila.stages.predict.rows import Telling
from pupila.stages.predict.segment import MASKS

TELLING: dict[str, Telling[Any]] = {"classify": CLASSES, "segment": MASKS, "prompt": PROMPTED}
