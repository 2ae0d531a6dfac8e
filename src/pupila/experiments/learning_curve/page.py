"""The answer of a learning curve in sentences, and its page."""

from pupila.artifacts.report.learning_curve import LearningCurve, draw_learning_curve
from pupila.artifacts.report.page import Page, Section, Table
from pupila.core.messages import integer, number, percent, say, say_count
from pupila.statistics.metrics.titles import metric_title, sentence_title
from pupila.statistics.power_law import LEAST_POINTS, LEAST_SIZES


def describe_curve(curve: LearningCurve) -> list[str]:
    """What twice the images would bring, or why that can't be predicted; then what limits it."""
    sentences = [_describe_twice(curve)]
    if curve.twice is not None and curve.is_predictable:
        sentences += [_describe_gain(curve)]
    if curve.validation_images:
        sentences.append(say_count(
            "All of this is for the same {n} validation image, which also chose the epochs: on other images the score "
            "itself is less certain.",
            "All of this is for the same {n} validation images, which also chose the epochs: on other images the score "
            "itself is less certain.", curve.validation_images,
        ))  # fmt: skip
    collapsed = sum(point.collapsed for point in curve.points)
    if collapsed:
        sentences.append(say_count(
            "{n} of {total} trainings collapsed; it counts with its score.",
            "{n} of {total} trainings collapsed; they count with their scores.", collapsed, total=len(curve.points),
        ))  # fmt: skip
    if curve.failed:
        sentences.append(say_count(
            "{n} training has no score and is missing from the curve.",
            "{n} trainings have no score and are missing from the curve.", curve.failed,
        ))  # fmt: skip
    if curve.waiting:
        sentences.append(say_count(
            "{n} training has not ended and is missing from the curve: --resume continues.",
            "{n} trainings have not ended and are missing from the curve: --resume continues.", curve.waiting,
        ))  # fmt: skip
    return sentences


def _describe_twice(curve: LearningCurve) -> str:
    if curve.now is None or curve.twice is None:
        return say(
            "What twice the images would bring can't be predicted: {trainings} with {sizes} of the training split, and "
            "a curve needs {least} with {different}.",
            trainings=say_count("{n} training", "{n} trainings", len(curve.points)),
            sizes=say_count("{n} size", "{n} sizes", len({point.images for point in curve.points})),
            least=integer(LEAST_POINTS), different=say_count("{n} size", "{n} sizes", LEAST_SIZES),
        )  # fmt: skip
    values = {"metric": metric_title(curve.metric), "low": number(curve.twice.low or 0.0, 2),
              "high": number(curve.twice.high or 0.0, 2)}  # fmt: skip
    if not curve.is_predictable:
        return say(
            "What twice the images would bring can't be predicted: {metric} between {low} and {high}, wider than "
            "{widest}. More repeats (--repeats) narrow it.", widest=number(curve.widest, 2), **values,
        )  # fmt: skip
    return say(
        "Twice the images: {metric} {now} \u2192 {then} [{low}, {high}].",
        now=curve.now.value_text(2),
        then=curve.twice.value_text(2),
        **values,
    )


def _describe_gain(curve: LearningCurve) -> str:
    assert curve.now is not None and curve.twice is not None
    now, low, high = curve.now.value or 0.0, curve.twice.low or 0.0, curve.twice.high or 0.0
    if low > now:
        return say("More images of the same kind would raise it.")
    if high <= now + 0.01:
        return say("The curve is flat: more images of the same kind would bring little.")
    return say("The interval includes no gain at all.")


def make_curve_page(curve: LearningCurve, name: str) -> Page:
    """The page of a learning curve.

    Args:
        curve: of the sweep.
        name: of the sweep.
    """
    sections = []
    if curve.curve:
        chart = draw_learning_curve(curve, sentence_title(curve.metric))
        text = [
            say("A point is one training; bars are the 95 % confidence intervals of the mean of each size. The band is "
                "the 95 % confidence interval of the curve; the dashed part is extrapolated."),
            say("Error = {a} + {b} (n / {full})^-{c}, n training images.", a=number(curve.a or 0.0),
                b=number(curve.b or 0.0), c=number(curve.c or 0.0, 2), full=integer(curve.full)),
        ]  # fmt: skip
        sections.append(Section(say("Learning curve"), text, charts=[chart]))
        header = [
            say("Training images"),
            say("Trainings"),
            say("{metric} (95 % CI)", metric=metric_title(curve.metric)),
        ]
        rows = [[integer(size.images), integer(size.trainings), size.score.text()] for size in curve.sizes]
        sections.append(Section(say("By size"), tables=[Table(header, rows)]))
    header = [say("Share"), say("Repeat"), say("Training images"), metric_title(curve.metric), say("Cell")]
    rows = [
        [percent(p.share, 0), integer(p.repeat + 1), integer(p.images),
         f"{number(p.score)} ({say('collapsed')})" if p.collapsed else number(p.score), p.cell]
        for p in curve.points
    ]  # fmt: skip
    sections.append(Section(say("Trainings"), tables=[Table(header, rows)]))
    return Page(
        title=say("Learning curve {name}", name=name), verdict=describe_curve(curve), sections=sections,
        footnote=say("Data hash {hash}, splits hash {splits}.", hash=curve.data_hash[:12],
                     splits=curve.splits_hash[:12]),
    )  # fmt: skip
