"""The page of an evaluation."""

from collections.abc import Sequence
from typing import Any

from pupila.dataset.manifest import Dataset
from pupila.evaluate.answers import Answers
from pupila.evaluate.sentences import sentences
from pupila.evaluate.stories import TELLINGS
from pupila.evaluate.story import Evaluation
from pupila.evaluate.verdicts import verdicts
from pupila.messages import say
from pupila.report.page import Page, Section, Table


def evaluation_page(e: Evaluation, data: Dataset, answers: Sequence[Answers]) -> Page:
    """The page.

    Args:
        e: what `report.json` holds.
        data: for the photos that are shown.
        answers: of the models, for what they answered to them.
    """
    judged, telling = e["models"][0], TELLINGS[e["task"]]
    sections = telling.sections(e, data, answers)
    if e["comparisons"]:
        sections.insert(2, _comparisons(judged["name"], e["comparisons"]))
    return Page(
        title=say("{name} on the {split} split", name=judged["name"], split=e["split"]),
        verdict=sentences(e),
        sections=sections,
        footnote=say(
            "Model {model}, data {data}, splits {splits}.",
            model=judged["version"][:12], data=e["data_hash"][:12], splits=e["splits_hash"][:12],
        ) + " " + telling.footnote(),
    )  # fmt: skip


def _comparisons(name: str, rows: list[dict[str, Any]]) -> Section:
    header = [
        say("against"),
        say("metric"),
        name,
        say("other"),
        say("change"),
        say("difference, 95 %"),
        say("verdict"),
    ]
    cells = []
    for row in rows:
        against = f"{row['name']} ({row['way']})" if "way" in row else row["name"]  # prompts have two
        for metric, m in row["metrics"].items():
            change = "" if m["change"] is None else f"{m['change']:+.1%}"
            interval = say("too few groups") if m["low"] is None else f"{m['low']:+.3f} .. {m['high']:+.3f}"
            word = verdicts()[row["verdict"]] if metric == row["by"] else ""
            cells.append([against, metric, f"{m['first']:.3f}", f"{m['other']:.3f}", change, interval, word])
    return Section(say("Compared on the same images"), tables=[Table(header, cells)])
