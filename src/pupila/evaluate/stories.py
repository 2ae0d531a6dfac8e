"""The tasks that can be evaluated."""

from pupila.evaluate.classify.story import CLASSIFY
from pupila.evaluate.prompt.story import PROMPTED
from pupila.evaluate.segment.story import SEGMENT
from pupila.evaluate.story import Story, Telling
from pupila.tasks import classify, prompt, segment

STORIES: dict[str, Story] = {classify.CLASSIFY.name: CLASSIFY, segment.SEGMENT.name: SEGMENT}
TELLINGS: dict[str, Telling] = {**STORIES, prompt.PROMPT.name: PROMPTED}
