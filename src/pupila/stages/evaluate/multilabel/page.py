"""The report page of a model of several labels."""

from collections.abc import Sequence

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report import charts
from pupila.artifacts.report.evaluation.multilabel import LabelError, MultilabelModel, MultilabelReport
from pupila.artifacts.report.gallery import load_image
from pupila.artifacts.report.page import PageImage, Section, Table
from pupila.core.messages import integer, number, percent, say, say_count
from pupila.stages.evaluate.calibration import FEWER_RESAMPLES, CalibrationWords, calibration_section
from pupila.stages.evaluate.comparisons import comparison_section
from pupila.stages.evaluate.multilabel.baselines import PROBE_GRID
from pupila.stages.evaluate.multilabel.model_report import SHOWN_ERRORS, SHOWN_PAIRS
from pupila.stages.evaluate.predictions import Predictions
from pupila.statistics.intervals import RESAMPLES
from pupila.statistics.metrics.titles import metric_title

_CURVES = 8  # classes of the precision-recall chart: those with the lowest average precision
_DRAWN = 40  # classes of a chart


def sections(e: MultilabelReport, data: Dataset, predictions: Sequence[Predictions]) -> list[Section]:
    """Metrics, metrics by class, comparisons, calibration, and errors."""
    model = e.models[0]
    return [
        _metrics(e, model),
        _classes(model),
        *_curves(model),
        *comparison_section(e),
        *_baselines(e),
        *calibration_section(model.calibration, model.risk_coverage, _calibration_words()),
        *_error_pairs(model),
        _worst_errors(model, data),
    ]


def footnote() -> str:
    """How confidence intervals are computed."""
    return say(
        "Confidence intervals: Wilson for recall and subset accuracy where every image is its own group, otherwise "
        "cluster bootstrap with {resamples} resamples ({fewer} for calibration). Unknown labels count in no figure.",
        resamples=integer(RESAMPLES), fewer=integer(FEWER_RESAMPLES),
    )  # fmt: skip


def _metrics(e: MultilabelReport, model: MultilabelModel) -> Section:
    measurable = sum(row.positives > 0 for row in model.classes.values())
    count = say_count(
        "{images} images in {n} group; {known} known labels, {unknown} unknown.",
        "{images} images in {n} groups; {known} known labels, {unknown} unknown.",
        model.groups, images=model.n, known=integer(e.known), unknown=integer(e.unknown),
    )  # fmt: skip
    means = say(
        "Mean average precision and macro F1 are means over the classes with a positive: {n} of {all}.",
        n=measurable, all=len(model.classes),
    )  # fmt: skip
    rows = [[metric_title(metric), *estimate.measured_cells()] for metric, estimate in model.metrics.items()]
    points = {metric_title(metric): estimate for metric, estimate in model.metrics.items()}
    return Section(
        say("Metrics"), [count, means],
        charts=[charts.intervals(say("Metrics with 95 % confidence intervals"), points)],
        tables=[Table([say("metric"), say("value"), say("95 % CI")], rows)],
    )  # fmt: skip


def _baselines(e: MultilabelReport) -> list[Section]:
    """What each baseline is."""
    all_negative = say("All negative: no label for any image.")
    if e.unfitted_baselines:
        return [Section(say("Baselines"), [all_negative])]
    texts = [
        all_negative,
        say("Training prevalence: the share of the training images that show a class is its probability everywhere."),
        say(
            "Linear probe on colours: a logistic regression for each class on the mean colours of {n} × {n} cells of "
            "the image, without shapes and without pretrained features.", n=PROBE_GRID,
        ),
        say("All are fitted on the training images; with folds, each fold on the others."),
    ]  # fmt: skip
    return [Section(say("Baselines"), texts)]


def _classes(model: MultilabelModel) -> Section:
    drawn = {name: row.f1 for name, row in model.classes.items() if row.f1.value is not None}
    title = say("F1 by class with 95 % confidence intervals")
    texts = [say("Groups are those with a positive.")]
    if len(drawn) > _DRAWN:
        texts.append(
            say("The chart is left out, because it would have more than {most} classes.", most=_DRAWN)
        )
    return Section(
        say("Metrics by class"), texts,
        charts=[charts.intervals(title, drawn)] if 0 < len(drawn) <= _DRAWN else [],
        tables=[_threshold_table(model), *_ranking_table(model)],
    )  # fmt: skip


def _threshold_table(model: MultilabelModel) -> Table:
    """What is predicted from the threshold on."""
    header = [say("class"), say("known"), say("positives"), say("predicted"), say("groups")]
    header += [say("threshold")] if model.thresholds else []
    for metric in ("precision", "recall", "f1"):
        header += [metric_title(metric), say("95 % CI")]
    rows = []
    for name, row in model.classes.items():
        counts = [str(count) for count in (row.known, row.positives, row.predicted, row.groups)]
        threshold = [_describe_threshold(model, name)] if model.thresholds else []
        rows.append(
            [
                name,
                *counts,
                *threshold,
                *row.precision.measured_cells(),
                *row.recall.measured_cells(),
                *row.f1.measured_cells(),
            ]
        )
    return Table(header, rows)


def _ranking_table(model: MultilabelModel) -> list[Table]:
    """What needs no threshold, beside the average precision of a random ranking; none without probabilities."""
    if model.calibration is None:
        return []
    header = [say("class"), say("share of positives (average precision by chance)")]
    for metric in ("average_precision", "roc_auc"):
        header += [metric_title(metric), say("95 % CI")]
    rows = [
        [
            name, percent(row.positives / row.known) if row.known else say("not measurable"),
            *row.average_precision.measured_cells(), *row.roc_auc.measured_cells(),
        ]
        for name, row in model.classes.items()
    ]  # fmt: skip
    return [Table(header, rows)]


def _curves(model: MultilabelModel) -> list[Section]:
    """The precision-recall curves of the classes with the lowest average precision."""
    if not model.precision_recall:
        return []
    areas = {name: model.classes[name].average_precision.value or 0.0 for name in model.precision_recall}
    lowest = sorted(areas, key=lambda name: areas[name])[:_CURVES]
    text = say("The {n} classes with the lowest average precision.", n=len(lowest))
    series = {name: model.precision_recall[name] for name in areas if name in lowest}
    labels = (metric_title("recall"), metric_title("precision"))
    return [Section(
        say("Precision-recall curves"), [text] if len(lowest) < len(areas) else [],
        charts=[charts.lines(say("Precision-recall curves"), series, labels)],
    )]  # fmt: skip


def _describe_threshold(model: MultilabelModel, name: str) -> str:
    row = model.thresholds[name]
    text = number(row.threshold, 2)
    return say("{threshold} (shared)", threshold=text) if row.shared else text


def _calibration_words() -> CalibrationWords:
    """Several labels have a bias for each class beside the temperature, and a probability for each label."""
    return CalibrationWords(
        before=say("expected calibration error before calibration"),
        after=say("expected calibration error after calibration"), unhelpful=say("Calibration did not help."),
        axes=(say("probability"), say("share present")), risk=say("risk (share of images with an error)"),
    )  # fmt: skip


def _error_pairs(model: MultilabelModel) -> list[Section]:
    if not model.error_pairs:
        return []
    header = [
        say("present"), say("wrongly predicted"), say("images"), say("share"), say("share without the first class"),
    ]  # fmt: skip
    rows = [
        [
            pair.present, pair.predicted,
            say("{n} of {all}", n=pair.false_positives, all=pair.images), percent(pair.false_positives / pair.images),
            percent(pair.false_positives_elsewhere / pair.images_elsewhere) if pair.images_elsewhere
            else say("not measurable"),
        ]
        for pair in model.error_pairs
    ]  # fmt: skip
    text = say(
        "Absent classes that are predicted where another class is present, the most frequent first (at most {n}).",
        n=SHOWN_PAIRS,
    )  # fmt: skip
    return [Section(say("Co-occurrence of errors"), [text], tables=[Table(header, rows)])]


def _worst_errors(model: MultilabelModel, data: Dataset) -> Section:
    if not model.worst_errors:
        text = (
            say("No errors to show.") if model.calibration else say("Without probabilities, errors have no order.")
        )  # fmt: skip
        return Section(say("Worst errors"), [text])
    photos = [_show_error(error, data) for error in model.worst_errors]
    return Section(
        say("Worst errors"),
        galleries=[
            (
                say("Most confident errors first, one label of each image (at most {n})", n=SHOWN_ERRORS),
                photos,
            )
        ],
    )


def _show_error(error: LabelError, data: Dataset) -> PageImage:
    values = {"class_name": error.class_name, "confidence": percent(error.confidence, 0)}
    caption = (
        say("{class_name}: present, predicted absent ({confidence})", **values) if error.present
        else say("{class_name}: absent, predicted present ({confidence})", **values)
    )  # fmt: skip
    return load_image(data.path(error.row), caption, data.bands)
