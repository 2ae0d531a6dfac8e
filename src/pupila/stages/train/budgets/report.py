"""How a budget was spent: a sentence for the user, and a section of the report."""

from pupila.artifacts.report.page import Page, Section, Table
from pupila.artifacts.run.budget import BudgetLog
from pupila.core.messages import number, say
from pupila.stages.train.budgets.watch import describe_choice


def describe_budget(log: BudgetLog) -> str:
    """The seconds of the run, and of its steps from the longest one."""
    steps = sorted(log.steps, key=lambda entry: -entry.taken)
    return say(
        "Budget: {taken} of {seconds} s ({steps}).", taken=number(log.elapsed, 0), seconds=number(log.seconds, 0),
        steps=", ".join(say("{step} {n} s", step=entry.step, n=number(entry.taken, 0)) for entry in steps),
    )  # fmt: skip


def add_budget(page: Page, log: BudgetLog | None) -> Page:
    """The report of a run with the section of its budget, if it has one."""
    if log is None:
        return page
    return Page(page.title, page.verdict, [*page.sections, _make_section(log)], page.footnote)


def _make_section(log: BudgetLog) -> Section:
    """The steps with their times, and the decisions with their reasons."""
    rows = []
    for step in log.steps:
        decisions = [entry for entry in log.decisions if entry.step == step.step]
        rows.append([
            step.step,
            "" if step.planned is None else number(step.planned, 1),
            number(step.taken, 1),
            "; ".join(map(describe_choice, decisions)),
        ])  # fmt: skip
    left = max(0.0, log.seconds - log.elapsed)
    sentences = [
        describe_budget(log),
        say("{left} s were not spent: {reserve} s were reserved for the end of the run, and a further epoch or view "
            "would not have ended in time, or was not expected to help.",
            left=number(left, 0), reserve=number(log.expected.get("finish", 0.0), 0)),
    ]  # fmt: skip
    header = [say("Step"), say("Planned, s"), say("Taken, s"), say("Decisions")]
    return Section(say("Time budget"), sentences, tables=[Table(header, rows)])
