"""Report sections: sensitivity to the prompt, and predicted against actual IoU."""

from pupila.artifacts.report import charts
from pupila.artifacts.report.page import Section, Table
from pupila.core.messages import percent, say, say_count
from pupila.stages.evaluate.cells import estimate_cells
from pupila.stages.evaluate.evaluator import Evaluation
from pupila.stages.evaluate.prompt.sentences import strategy_titles
from pupila.statistics.metrics.titles import metric_title
from pupila.tasks.prompt_strategies import POINTS


def sensitivity_sections(e: Evaluation) -> list[Section]:
    """IoU by number of points, by box jitter, and for points at the border."""
    models = [model for model in e["models"] if model["sensitivity"]]
    if not models:
        return []
    titles = {
        "points": (say("IoU by number of points"), say("points")),
        "jitter": (say("IoU by box jitter"), say("jitter (share of the box side)")),
    }
    drawings = [
        charts.lines(
            title,
            {model["name"]: [(row["at"], row["value"]) for row in model["sensitivity"][kind]] for model in models},
            (label, metric_title("iou")),
        )
        for kind, (title, label) in titles.items()
    ]  # fmt: skip
    border = {"anywhere": say("anywhere in the mask"), "at the border": say("at the border of the mask")}
    header, rows = [say("model"), say("prompt"), metric_title("iou"), say("95 % CI")], []
    for model in models:
        own = model["sensitivity"]
        prompts = [(say_count("{n} point", "{n} points", row["at"]), row) for row in own["points"]]
        prompts += [
            (say("box with {jitter} jitter", jitter=percent(row["at"], 0)), row) for row in own["jitter"]
        ]
        prompts += [
            (say("{points} foreground and {negatives} background points, {where}",
                 points=POINTS.points, negatives=POINTS.negatives, where=where), own["border"][key])
            for key, where in border.items()
        ]  # fmt: skip
        rows += [[model["name"], title, *estimate_cells(row)] for title, row in prompts]
    note = say(
        "Each larger set of points contains the smaller ones. A single point is ambiguous: of three candidate masks, "
        "the one with the highest predicted IoU is used."
    )
    return [Section(say("Sensitivity to the prompt"), [note], charts=drawings, tables=[Table(header, rows)])]


def predicted_iou_sections(e: Evaluation) -> list[Section]:
    """Predicted against actual IoU of the models that predict one."""
    models = [model for model in e["models"] if model["promptable"]]
    drawings, rows = [], []
    for strategy, title in strategy_titles().items():
        curves = {
            model["name"]: [
                (band["predicted_iou"], band["iou"])
                for band in model["strategies"][strategy]["predicted_iou"]["bands"]
            ]
            for model in models
        }
        drawings.append(
            charts.lines(
                say("Predicted against actual IoU, {prompts}", prompts=title),
                {**curves, say("perfect agreement"): [(0.0, 0.0), (1.0, 1.0)]},
                (say("predicted IoU"), say("mean actual IoU")),
            )
        )  # fmt: skip
        rows += [
            [model["name"], title, *estimate_cells(model["strategies"][strategy]["predicted_iou"]["error"])]
            for model in models
        ]
    header = [say("model"), say("prompt"), say("mean absolute error"), say("95 % CI")]
    return (
        [Section(say("Predicted against actual IoU"), charts=drawings, tables=[Table(header, rows)])]
        if rows
        else []
    )
