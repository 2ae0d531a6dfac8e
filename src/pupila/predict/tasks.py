"""How each task's bundles are asked, and how their answers are told."""

from typing import Any

from pupila.predict.classes import CLASSES
from pupila.predict.masks import MASKS
from pupila.predict.prompted import PROMPTED
from pupila.predict.rows import Telling

TELLING: dict[str, Telling[Any]] = {"classify": CLASSES, "segment": MASKS, "prompt": PROMPTED}
