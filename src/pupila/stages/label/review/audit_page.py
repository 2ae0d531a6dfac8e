"""The report of an audit, as sentences for the terminal and as a page."""

import contextlib

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report import charts
from pupila.artifacts.report.audit import AuditReport, ClassAccuracies, Confusion, LabelError, RandomPart
from pupila.artifacts.report.page import Page, Section, Table
from pupila.core.errors import PupilaError
from pupila.core.messages import integer, listing, number, percent, say, say_count
from pupila.core.vocabulary import AUDIT_FILE
from pupila.stages.label.review.review_task import ReviewTask
from pupila.stages.label.review.tasks import REVIEW_TASKS
from pupila.statistics.intervals import MIN_GROUPS, RESAMPLES

MAX_ERRORS_SHOWN = 48  # images
MAX_MATRIX_CLASSES = 20  # with more classes the confusion matrix is left out


def sentences(report: AuditReport) -> list[str]:
    """The findings, the most important first."""
    return [
        *_describe_accuracy(report),
        *_describe_limits(report),
        *_advise(report),
        *_describe_uncertain(report),
        *_describe_unanswered(report),
    ]


def _describe_accuracy(report: AuditReport) -> list[str]:
    random, accuracy = report.random, report.random.accuracy
    if not random.reviewed:
        return [
            say_count(
                "No answers yet; the accuracy of the {n} label is unknown.",
                "No answers yet; the accuracy of the {n} labels is unknown.",
                report.labels,
            )
        ]
    values = {
        "value": accuracy.value_text(),
        "correct": random.correct,
        "labels": say_count("{n} label", "{n} labels", random.reviewed),
        "total": report.labels,
    }
    if accuracy.low is None:
        return [say("Label accuracy {value} ({correct} of {labels} drawn at random); fewer than {min} answers give "
                    "no confidence interval.", **values, min=MIN_GROUPS)]  # fmt: skip
    if random.reviewed == report.labels:
        return [say("Label accuracy {value} ({correct} of {labels}). All labels were reviewed, so this is exact.",
                    **values)]  # fmt: skip
    lines = [say("Label accuracy {value} (95 % CI {interval}, n = {labels} drawn at random from {total}).",
                 **values, interval=accuracy.interval_text())]  # fmt: skip
    if random.more_to_halve:
        lines.append(say_count("One more answer would halve the interval: --sample {sample}.",
                               "{n} more answers would halve the interval: --sample {sample}.",
                               random.more_to_halve,
                               sample=_suggest_sample(random, random.more_to_halve, report.labels)))  # fmt: skip
    return lines


def _suggest_sample(random: RandomPart, more: int, labels: int) -> int:
    """The sample size that `more` answers to its random part need."""
    return min(labels, max(random.items, random.reviewed + random.abstained + more))


def _describe_limits(report: AuditReport) -> list[str]:
    """What it is an estimate of, and its limits: unsure answers, a large sample, few groups."""
    note = REVIEW_TASKS[report.target].accuracy_note()
    random, lines = report.random, [note] if note and report.random.reviewed else []
    if random.abstained:
        lines.append(_describe_unsure(random))
    if random.large_share and random.reviewed < report.labels:
        lines.append(say("The sample contains {share} of all labels, which narrows the interval.",
                         share=percent(random.reviewed / report.labels, 0)))  # fmt: skip
    unseen = random.unseen_groups
    if unseen is not None and unseen.low is None:
        lines.append(say_count("The answers cover {n} group, too few for a confidence interval on unseen groups.",
                               "The answers cover {n} groups, too few for a confidence interval on unseen groups.",
                               random.groups))  # fmt: skip
    elif unseen is not None:
        lines.append(say("Accuracy on unseen groups: 95 % CI {interval} (n = {n} images in {groups} groups).",
                         n=random.reviewed, groups=random.groups, interval=unseen.interval_text()))  # fmt: skip
    return lines


def _describe_unsure(random: RandomPart) -> str:
    """How far unsure answers could move the interval."""
    low, high = random.low_if_abstained_wrong, random.high_if_abstained_correct
    if low is None or high is None:
        return say_count(
            "One unsure answer is left out.", "{n} unsure answers are left out.", random.abstained
        )
    return say_count("One unsure answer is left out. The interval begins at {low} if its label is wrong, and ends at "
                     "{high} if it is correct.",
                     "{n} unsure answers are left out. The interval begins at {low} if all their labels are wrong, and "
                     "ends at {high} if all are correct.",
                     random.abstained, low=number(low), high=number(high))  # fmt: skip


def _advise(report: AuditReport) -> list[str]:
    """The most frequent confusions, and the classes with more errors than average."""
    figures = report.by_class
    if figures is None or not (figures.confusions or figures.label_errors):
        return []
    lines = [*_describe_confusions(figures.confusions), *_describe_label_errors(figures.label_errors)]
    average = report.random.accuracy.value
    worse = [
        name
        for name, row in figures.classes.items()
        if average is not None and row.precision.high is not None and row.precision.high < average
    ]
    if worse:
        quoted = listing([f"'{name}'" for name in worse])
        lines.append(say("These labels are wrong more often than average: {names}.", names=quoted))
    if not lines:
        lines.append(say("These answers show no pattern in the errors."))
    return lines


def _describe_confusions(confusions: list[Confusion]) -> list[str]:
    wrong = sum(confusion.count for confusion in confusions)
    return [
        say("{n} of {total} errors label '{actual}' as '{predicted}'; describe the difference in the prompt.",
            actual=confusion.actual, predicted=confusion.predicted, n=confusion.count, total=wrong)
        for confusion in confusions[:3] if _is_frequent(confusion.count, wrong)
    ]  # fmt: skip


def _describe_label_errors(errors: list[LabelError]) -> list[str]:
    wrong = sum(error.count for error in errors)
    lines = []
    for error in errors[:3]:
        values = {"n": error.count, "total": wrong, "name": error.name}
        if _is_frequent(error.count, wrong):
            lines.append(
                say("{n} of {total} errors label '{name}' where the image does not show it; describe it in the prompt.",
                    **values) if error.labelled
                else say("{n} of {total} errors miss '{name}'; describe it in the prompt.", **values)
            )  # fmt: skip
    return lines


def _is_frequent(count: int, total: int) -> bool:
    """Whether one kind of error is worth a word."""
    return count > 1 and 4 * count >= total


def _describe_uncertain(report: AuditReport) -> list[str]:
    uncertain, lines = report.uncertain, []
    if uncertain.reviewed:
        lines.append(say_count(
            "Of the {n} label with the lowest confidence {correct} are correct; they are not a random "
            "sample and do not count towards the accuracy.",
            "Of the {n} labels with the lowest confidence {correct} are correct; they are not a "
            "random sample and do not count towards the accuracy.",
            uncertain.reviewed, correct=uncertain.correct,
        ))  # fmt: skip
    if uncertain.unlabelled:
        lines.append(say_count("On one of the reviewed images the labeller was unsure.",
                               "On {n} of the reviewed images the labeller was unsure.",
                               uncertain.unlabelled))  # fmt: skip
    return lines


def _describe_unanswered(report: AuditReport) -> list[str]:
    if report.completed == report.items:
        return []
    questions = say_count("{n} question", "{n} questions", report.items)
    return [say_count("{n} of {questions} is answered; run the same command to resume.",
                      "{n} of {questions} are answered; run the same command to resume.", report.completed,
                      questions=questions)]  # fmt: skip


def audit_page(report: AuditReport, data: Dataset, task: ReviewTask) -> Page:
    """The report as a page.

    Args:
        report: see `measure_accuracy`.
        data: the data set.
        task: how its labels were reviewed.
    """
    by = ", ".join(f"{name} ({count})" for name, count in report.labellers.items())
    footnote = say(
        "Labels by {labellers}. The accuracy is estimated from the random part of the sample, with Wilson intervals "
        "for a finite population; for unseen groups with a cluster bootstrap, {resamples} resamples. Below {min} "
        "answers there is no interval.",
        labellers=by, resamples=integer(RESAMPLES), min=MIN_GROUPS,
    )  # fmt: skip
    classes = [] if report.by_class is None else [_class_section(report.by_class, report.random.reviewed)]
    return Page(
        say("Label audit: {name}", name=data.name),
        sentences(report),
        [*classes, _error_section(report, data, task)],
        footnote,
    )


def _class_section(figures: ClassAccuracies, reviewed: int) -> Section:
    names = list(figures.classes)
    rows = [
        [name, str(row.labels), f"{row.correct} / {row.predicted}", *row.precision.cells(),
         f"{row.correct} / {row.actual}", *row.recall.cells()]
        for name, row in figures.classes.items()
    ]  # fmt: skip
    header = [
        say("class"), say("labels"), say("correct / labelled so"), say("precision"), say("95 % CI"),
        say("correct / class members"), say("recall"), say("95 % CI"),
    ]  # fmt: skip
    points = {name: row.precision for name, row in figures.classes.items() if row.precision.value is not None}
    drawings = [charts.intervals(say("Precision per class"), points)] if points else []
    if figures.confusion_matrix and len(names) <= MAX_MATRIX_CLASSES and reviewed:
        title = say("Reviewer (rows) and labeller (columns)")
        drawings.append(charts.confusion_matrix(title, figures.confusion_matrix, names))
    return Section(say("Classes"), charts=drawings, tables=[Table(header, rows)])


def _error_section(report: AuditReport, data: Dataset, task: ReviewTask) -> Section:
    errors = report.disagreements
    if not errors:
        return Section(say("Wrong labels"), [say("The reviewer found none.")])
    rows = {digest: row for row, digest in enumerate(data.images["sha256"])}
    photos, notes = [], []
    for error in errors[:MAX_ERRORS_SHOWN]:
        with contextlib.suppress(PupilaError):  # a mask or an image was deleted since
            photos += [task.show_error(data, rows[error.sha256], error)] if error.sha256 in rows else []
    if deleted := len(errors[:MAX_ERRORS_SHOWN]) - len(photos):
        notes.append(say_count("One image can't be shown: its file or mask was deleted.",
                               "{n} images can't be shown: their files or masks were deleted.", deleted))  # fmt: skip
    if len(errors) > MAX_ERRORS_SHOWN:
        notes.append(say("{n} more are listed in {file}.", n=len(errors) - MAX_ERRORS_SHOWN, file=AUDIT_FILE))
    return Section(say("Wrong labels"), notes, galleries=[(say("Highest confidence first"), photos)])
