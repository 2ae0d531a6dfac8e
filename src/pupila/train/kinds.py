"""The tasks that can be trained."""

from pupila.train.classes import CLASSES
from pupila.train.kind import Kind
from pupila.train.masks import MASKS
from pupila.train.prompts import PROMPTS

KINDS: dict[str, Kind] = {kind.task.name: kind for kind in (CLASSES, MASKS, PROMPTS)}
