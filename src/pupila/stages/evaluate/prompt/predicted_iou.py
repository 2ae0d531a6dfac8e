"""Report sections: sensitivity to the prompt, and predicted against actual IoU."""

from pupila.artifacts.report import charts
from pupila.artifacts.report.evaluation.prompt import PromptReport, PromptSensitivity, PromptVariation
from pupila.artifacts.report.page import Section, Table
from pupila.core.messages import percent, say, say_count
from pupila.stages.evaluate.prompt.sentences import strategy_titles
from pupila.statistics.estimate import Estimate
from pupila.statistics.metrics.titles import metric_title
from pupila.tasks.prompt_strategies import POINTS


def sensitivity_sections(e: PromptReport) -> list[Section]:
    """IoU by number of points, by box jitter, and for points at the border."""
    measured = {model.name: model.sensitivity for model in e.models if model.sensitivity}
    if not measured:
        return []
    points = {name: own.points for name, own in measured.items()}
    jitter = {name: own.jitter for name, own in measured.items()}
    iou = metric_title("iou")
    drawings = [
        charts.lines(say("IoU by number of points"), _curves(points), (say("points"), iou)),
        charts.lines(say("IoU by box jitter"), _curves(jitter), (say("jitter (share of the box side)"), iou)),
    ]
    header, rows = [say("model"), say("prompt"), iou, say("95 % CI")], []
    for name, own in measured.items():
        rows += [[name, title, *estimate.cells()] for title, estimate in _list_prompts(own)]
    note = say(
        "Each larger set of points contains the smaller ones. A single point is ambiguous: of three candidate masks, "
        "the one with the highest predicted IoU is used."
    )
    return [Section(say("Sensitivity to the prompt"), [note], charts=drawings, tables=[Table(header, rows)])]


def _curves(variations: dict[str, list[PromptVariation]]) -> dict[str, list[tuple[float, float]]]:
    return {
        name: [(row.at, row.value) for row in rows if row.value is not None]
        for name, rows in variations.items()
    }


def _list_prompts(own: PromptSensitivity) -> list[tuple[str, Estimate]]:
    """Each prompt in words, with its IoU."""
    prompts: list[tuple[str, Estimate]] = [
        (say_count("{n} point", "{n} points", round(row.at)), row) for row in own.points
    ]
    prompts += [(say("box with {jitter} jitter", jitter=percent(row.at, 0)), row) for row in own.jitter]
    places = ((say("anywhere in the mask"), own.anywhere), (say("at the border of the mask"), own.border))
    return prompts + [
        (say("{points} foreground and {negatives} background points, {where}",
             points=POINTS.points, negatives=POINTS.negatives, where=where), estimate)
        for where, estimate in places
    ]  # fmt: skip


def predicted_iou_sections(e: PromptReport) -> list[Section]:
    """Predicted against actual IoU of the models that predict one."""
    drawings, rows = [], []
    for strategy, title in strategy_titles().items():
        results = {model.name: model.strategies[strategy].predicted_iou for model in e.models}
        known = {name: result for name, result in results.items() if result is not None}
        curves = {
            name: [(band.predicted_iou, band.iou) for band in result.bands] for name, result in known.items()
        }
        drawings.append(
            charts.lines(
                say("Predicted against actual IoU, {prompts}", prompts=title),
                {**curves, say("perfect agreement"): [(0.0, 0.0), (1.0, 1.0)]},
                (say("predicted IoU"), say("mean actual IoU")),
            )
        )
        rows += [[name, title, *result.error.cells()] for name, result in known.items()]
    header = [say("model"), say("prompt"), say("mean absolute error"), say("95 % CI")]
    return (
        [Section(say("Predicted against actual IoU"), charts=drawings, tables=[Table(header, rows)])]
        if rows
        else []
    )
