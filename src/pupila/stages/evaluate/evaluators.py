"""The tasks that can be evaluated."""

from pupila.stages.evaluate.classify.evaluator import CLASSIFY
from pupila.stages.evaluate.evaluator import Story, Telling
from pupila.stages.evaluate.prompt.evaluator import PROMPTED
from pupila.stages.evaluate.segment.evaluator import SEGMENT
from pupila.tasks import classify, prompt, segment

STORIES: dict[str, Story] = {classify.CLASSIFY.name: CLASSIFY, segment.SEGMENT.name: SEGMENT}
TELLINGS: dict[str, Telling] = {**STORIES, prompt.PROMPT.name: PROMPTED}
