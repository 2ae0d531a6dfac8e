"""The stress test on the page: verdict, a curve for each corruption, all figures, and what each level looks like."""

from pupila.artifacts.report.charts import level_curve
from pupila.artifacts.report.evaluation.report import EvaluationReport
from pupila.artifacts.report.evaluation.stress import StressedCorruption, StressLevel, StressReport
from pupila.artifacts.report.gallery import embed_wide
from pupila.artifacts.report.page import PageImage, Section, Table
from pupila.core.messages import number, say, signed_number, translate
from pupila.imaging.corruptions.catalogue import CORRUPTIONS
from pupila.stages.evaluate.evaluator import StressExamples
from pupila.stages.evaluate.stress.sentences import (
    amount_text,
    corruption_title,
    drawn_text,
    level_text,
    stress_sentences,
)
from pupila.stages.evaluate.verdicts import verdict_words
from pupila.statistics.estimate import Difference, p_text
from pupila.statistics.metrics.titles import metric_title


def stress_sections(e: EvaluationReport, examples: StressExamples | None) -> list[Section]:
    """The sections of the stress test; none where there was none."""
    stress = e.stress
    if stress is None or examples is None:
        return []
    return [
        _figures(stress, [*stress_sentences(e), *_method(stress)]),
        Section(
            say("What the levels look like"), [_caption(examples, stress)],
            galleries=[
                (say("as it is"), [embed_wide(examples.clean, number(stress.clean))]),
                *((corruption_title(row.name), _strip(row, examples)) for row in stress.corruptions),
            ],
        ),
    ]  # fmt: skip


def _method(stress: StressReport) -> list[str]:
    """What was done, and what was left out."""
    texts = [say(
        "{images}: predicted as they are, and once more at four levels of each corruption, with the preprocessing of "
        "every prediction. An interval is that of the difference from the clean images "
        "(cluster bootstrap, the same resamples for both); the p-value is of the mean over the four levels "
        "(permutation test over groups, Holm-corrected). Levels of two corruptions are not equally strong.",
        images=drawn_text(stress),
    )]  # fmt: skip
    reasons = {
        "no-masks": say("Other backgrounds were not tried: they need masks, and these data have none."),
        "no-background": say("Other backgrounds were not tried: every class of these masks is an object."),
    }
    return texts + [reasons[reason] for reason in stress.left_out.values()]


def _figures(stress: StressReport, texts: list[str]) -> Section:
    """The sentences, a chart of equal size and scale for each corruption, and the table."""
    bands = {
        row.name: [(stress.clean, stress.clean, stress.clean), *(band(level) for level in row.levels)]
        for row in stress.corruptions
    }
    ends = [end for band in bands.values() for point in band for end in point]
    charts = [
        level_curve(
            corruption_title(name),
            band,
            [say("clean"), *(amount_text(name, amount) for amount in CORRUPTIONS[name].amounts)],
            (translate(CORRUPTIONS[name].axis), metric_title(stress.metric)),
            (min(ends), max(ends)),
        )
        for name, band in bands.items()
    ]
    return Section(say("Stress test"), texts, charts, tables=[_table(stress)])


def band(level: StressLevel) -> tuple[float, float, float]:
    """The metric, and the clean metric plus the ends of the difference, within the 0..1 of the metric."""
    difference = level.difference
    if difference.low is None or difference.high is None:
        return difference.first, difference.first, difference.first
    low, high = difference.other + difference.low, difference.other + difference.high
    return difference.first, max(low, 0.0), min(high, 1.0)


def _table(stress: StressReport) -> Table:
    """Every level of every corruption; test and verdict stand with the mean over the levels."""
    rows = []
    for row in stress.corruptions:
        title = corruption_title(row.name)
        rows += [
            [title, level_text(row.name, level.amount), *_cells(level.difference), "", ""]
            for level in row.levels
        ]
        few = row.mean.low is None
        rows.append([title, say("mean over the levels"), *_cells(row.mean), "" if few else p_text(row.p_holm),
                     "" if few else verdict_words()[row.verdict]])  # fmt: skip
    header = [
        say("corruption"), say("level"), metric_title(stress.metric), say("difference"), say("95 % CI"),
        say("p (Holm)"), say("verdict"),
    ]  # fmt: skip
    return Table(header, rows)


def _cells(difference: Difference) -> list[str]:
    return [
        number(difference.first),
        signed_number(difference.first - difference.other),
        difference.interval_text(),
    ]


def _caption(examples: StressExamples, stress: StressReport) -> str:
    return say(
        "One of the images ({image}) at every level. The number is the {metric} of all {images} at that level.",
        image=examples.image, metric=metric_title(stress.metric), images=drawn_text(stress),
    )  # fmt: skip


def _strip(row: StressedCorruption, examples: StressExamples) -> list[PageImage]:
    return [
        embed_wide(rgb, f"{level_text(row.name, level.amount)}: {number(level.difference.first)}")
        for rgb, level in zip(examples.versions[row.name], row.levels, strict=True)
    ]
