"""The tasks that can be evaluated."""

from pupila.stages.evaluate.classify.evaluator import CLASSIFY
from pupila.stages.evaluate.evaluator import ReportWriter, TaskEvaluator
from pupila.stages.evaluate.prompt.evaluator import PROMPT_REPORT
from pupila.stages.evaluate.segment.evaluator import SEGMENT
from pupila.tasks import classify, prompt, segment

EVALUATORS: dict[str, TaskEvaluator] = {classify.CLASSIFY.name: CLASSIFY, segment.SEGMENT.name: SEGMENT}
REPORT_WRITERS: dict[str, ReportWriter] = {**EVALUATORS, prompt.PROMPT.name: PROMPT_REPORT}
