"""The report writer for promptable models."""

from pupila.stages.evaluate.evaluator import ReportWriter
from pupila.stages.evaluate.prompt import page, sentences

PROMPT_REPORT = ReportWriter(
    verdict=sentences.verdict, warnings=sentences.warnings, sections=page.sections, footnote=page.footnote
)
