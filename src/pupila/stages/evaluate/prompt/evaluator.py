"""How an evaluation by prompts is told."""

from pupila.stages.evaluate.evaluator import Telling
from pupila.stages.evaluate.prompt import page, sentences

PROMPTED = Telling(
    verdict=sentences.verdict, warnings=sentences.warnings, sections=page.sections, footnote=page.footnote
)
