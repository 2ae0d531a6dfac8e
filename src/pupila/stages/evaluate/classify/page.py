"""The report page of a classifier."""

from collections.abc import Sequence

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report import charts
from pupila.artifacts.report.evaluation.classify import ClassifyModel, ClassifyReport
from pupila.artifacts.report.gallery import load_image
from pupila.artifacts.report.page import Section, Table
from pupila.core.messages import integer, number, percent, say, say_count
from pupila.stages.evaluate.calibration import FEWER_RESAMPLES, CalibrationWords, calibration_section
from pupila.stages.evaluate.comparisons import comparison_section
from pupila.stages.evaluate.predictions import Predictions
from pupila.statistics.intervals import RESAMPLES
from pupila.statistics.metrics.classify import PER_CLASS
from pupila.statistics.metrics.titles import metric_title

_DRAWN = 20  # classes of a confusion matrix


def sections(e: ClassifyReport, data: Dataset, predictions: Sequence[Predictions]) -> list[Section]:
    """Metrics, metrics by class, comparisons, calibration, and the worst errors."""
    model = e.models[0]
    return [
        _metrics(model),
        _classes(model, e.classes),
        *comparison_section(e),
        *calibration_section(model.calibration, model.risk_coverage, calibration_words()),
        _worst_errors(model, data),
    ]


def footnote() -> str:
    """How confidence intervals are computed."""
    return say(
        "Confidence intervals: Wilson where every image is its own group, otherwise cluster bootstrap with {resamples} "
        "resamples ({fewer} for ROC AUC and calibration); for a difference in accuracy, Tango with the effective "
        "number of images.", resamples=integer(RESAMPLES), fewer=integer(FEWER_RESAMPLES),
    )  # fmt: skip


def _metrics(model: ClassifyModel) -> Section:
    baseline = model.baseline.metrics
    rows = [
        [metric_title(metric), *estimate.cells(), number(baseline[metric])]
        for metric, estimate in model.metrics.items()
    ]
    areas = {
        say("ROC AUC ({class_name})", class_name=name): estimate for name, estimate in model.roc_auc.items()
    }
    rows += [[title, *estimate.cells(), ""] for title, estimate in areas.items()]
    points = {metric_title(metric): estimate for metric, estimate in model.metrics.items()} | areas
    header = [
        say("metric"),
        say("value"),
        say("95 % CI"),
        say("majority-class baseline ({class_name})", class_name=model.baseline.name),
    ]
    count = say_count(
        "{images} images in {n} group.", "{images} images in {n} groups.", model.groups, images=model.n
    )
    return Section(
        say("Metrics"),
        [count, say("Macro F1 and balanced accuracy are means over the classes.")],
        charts=[charts.intervals(say("Metrics with 95 % confidence intervals"), points)],
        tables=[Table(header, rows)],
    )


def _classes(model: ClassifyModel, names: list[str]) -> Section:
    header = [say("class"), say("images"), say("groups")]
    for metric in PER_CLASS:
        header += [metric_title(metric), say("95 % CI")]
    rows = [
        [
            name,
            str(row.images),
            str(row.groups),
            *row.precision.measured_cells(),
            *row.recall.measured_cells(),
            *row.f1.measured_cells(),
        ]
        for name, row in model.classes.items()
    ]
    if len(names) > _DRAWN:
        text = say(
            "The confusion matrix of {n} classes is in report.json; the page draws one of up to {most}.",
            n=len(names), most=_DRAWN,
        )  # fmt: skip
        return Section(say("Metrics by class"), [text], tables=[Table(header, rows)])
    matrix = charts.confusion_matrix(say("Confusion matrix"), model.confusion, names)
    return Section(say("Metrics by class"), charts=[matrix], tables=[Table(header, rows)])


def calibration_words() -> CalibrationWords:
    """A classifier is calibrated by its temperature alone."""
    return CalibrationWords(
        before=say("expected calibration error before temperature scaling"),
        after=say("expected calibration error after temperature scaling"),
        unhelpful=say("Temperature scaling did not help."),
        axes=(say("confidence"), say("accuracy")), risk=say("risk (error rate)"),
    )  # fmt: skip


def _worst_errors(model: ClassifyModel, data: Dataset) -> Section:
    if not model.worst_errors:
        text = (
            say("No errors to show.") if model.correct == model.n
            else say("Without probabilities, errors have no order.")
        )  # fmt: skip
        return Section(say("Worst errors"), [text])
    photos = [
        load_image(data.path(m.row), say("{target}, predicted {prediction} ({confidence})",
                target=m.target, prediction=m.prediction, confidence=percent(m.confidence, 0)), data.bands)
        for m in model.worst_errors
    ]  # fmt: skip
    heading = say("Most confident errors first")
    if more := model.n - model.correct - len(photos):
        heading = say("Most confident errors first, and {n} more", n=more)
    return Section(say("Worst errors"), galleries=[(heading, photos)])
