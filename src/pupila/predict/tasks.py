"""How the answers of each task are told."""

from pupila.predict.classes import CLASSES
from pupila.predict.masks import MASKS
from pupila.predict.rows import Telling

TELLING: dict[str, Telling] = {"classify": CLASSES, "segment": MASKS}
