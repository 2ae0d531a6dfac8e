"""How an evaluation by prompts is told."""

from pupila.evaluate.prompt import page, sentences
from pupila.evaluate.story import Telling

PROMPTED = Telling(
    verdict=sentences.verdict, warnings=sentences.warnings, sections=page.sections, footnote=page.footnote
)
