"""How far answers depend on the prompt, and how far what a model expects of them can be trusted."""

from pupila.artifacts.report import charts
from pupila.artifacts.report.page import Section, Table
from pupila.core.messages import say, say_count
from pupila.stages.evaluate.cells import told
from pupila.stages.evaluate.evaluator import Evaluation
from pupila.stages.evaluate.prompt.sentences import way_titles
from pupila.tasks.prompt_strategies import POINTS


def sensitivity(e: Evaluation) -> list[Section]:
    """The IoU over the number of points and over how far the box is off, and at the border."""
    models = [one for one in e["models"] if one["sensitivity"]]
    if not models:
        return []
    titles = {
        "points": (say("IoU over the number of points"), say("points")),
        "jitter": (say("IoU over how far the box is off"), say("share of its sides")),
    }
    drawings = [
        charts.lines(
            title, {one["name"]: [(row["at"], row["value"]) for row in one["sensitivity"][kind]] for one in models},
            (label, "IoU"),
        )
        for kind, (title, label) in titles.items()
    ]  # fmt: skip
    border = {"anywhere": say("anywhere in the mask"), "at the border": say("at its border")}
    header, rows = [say("model"), say("prompt"), "IoU", say("95 % interval")], []
    for one in models:
        own = one["sensitivity"]
        said = [(say_count("{n} point", "{n} points", row["at"]), row) for row in own["points"]]
        said += [(say("box off by {at:.0%}", at=row["at"]), row) for row in own["jitter"]]
        said += [
            (say("{points} points and {negatives} beside, {where}",
                 points=POINTS.points, negatives=POINTS.negatives, where=where), own["border"][key])
            for key, where in border.items()
        ]  # fmt: skip
        rows += [[one["name"], title, *told(row)] for title, row in said]
    note = say(
        "Eight points are the five and three others, and so on. A single point is ambiguous: of three masks the one of "
        "which the model expects most is its answer."
    )
    return [
        Section(
            say("How far it depends on the prompt"), [note], charts=drawings, tables=[Table(header, rows)]
        )
    ]


def expected(e: Evaluation) -> list[Section]:
    """The IoU that models expect beside the true one."""
    models = [one for one in e["models"] if one["prompted"]]
    drawings, rows = [], []
    for way, title in way_titles().items():
        curves = {
            one["name"]: [(band["expected"], band["IoU"]) for band in one["ways"][way]["expected"]["bands"]]
            for one in models
        }
        drawings.append(
            charts.lines(
                say("Expected and true IoU with {way}", way=title),
                {**curves, say("perfect"): [(0.0, 0.0), (1.0, 1.0)]},
                (say("expected IoU"), say("true IoU, mean")),
            )
        )  # fmt: skip
        rows += [[one["name"], title, *told(one["ways"][way]["expected"]["error"])] for one in models]
    header = [say("model"), say("prompt"), say("mean absolute error"), say("95 % interval")]
    return (
        [Section(say("What it expects of itself"), charts=drawings, tables=[Table(header, rows)])]
        if rows
        else []
    )
