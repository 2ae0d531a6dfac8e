"""The tasks that can be evaluated."""

from pupila.evaluate.classify.story import CLASSIFY
from pupila.evaluate.segment.story import SEGMENT
from pupila.evaluate.story import Story
from pupila.tasks import classify, segment

STORIES: dict[str, Story] = {classify.CLASSIFY.name: CLASSIFY, segment.SEGMENT.name: SEGMENT}
