"""Evaluating several labels per image from end to end: what is counted, named, compared and refused."""

import csv
import html
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import pupila
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.report.evaluation.multilabel import MultilabelReport
from pupila.artifacts.run.source import parse_source
from pupila.core.errors import PupilaError
from pupila.core.vocabulary import TEST, TRAIN
from pupila.imaging.images.decode import ImageFault
from pupila.stages.evaluate.evaluator import EvaluationSet
from pupila.stages.evaluate.multilabel.baselines import predict_baselines
from pupila.stages.evaluate.run import evaluate_models
from pupila.stages.evaluate.sentences import sentences
from pupila.statistics.metrics.multilabel import PER_CLASS, overall_metrics
from pupila.tasks.task import PostProcessing
from tests.colours import write_colours
from tests.label_metrics import measure_exactly
from tests.several_labels import write_several_labels
from tests.stages.evaluate.reports import assert_valid, mean_of_slices

Array = NDArray[Any]
Table = Callable[..., Path]
BLUE, GREEN, RED, YELLOW = range(4)
PRESENT, ABSENT = 0.9, 0.2  # probabilities of the tables


def rewrite(folder: Path, change: Callable[[list[str], list[list[str]]], None]) -> None:
    """Change the header and the rows of `labels.csv`."""
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    change(header, rows)
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def split_labels(folder: Path, count: int = 120, folds: int = 0) -> tuple[Dataset, SplitFile]:
    with pytest.MonkeyPatch.context() as patch:  # the shared cache comes with each test, later than this
        patch.setenv("PUPILA_CACHE", str(folder.parent / "cache"))
        data = pupila.open(folder if folder.exists() else write_several_labels(folder, count))
        pupila.split(data, **({"folds": folds} if folds else {"val": 0.2, "test": 0.5}))
    splits = SplitFile.read(data.home)
    assert splits is not None
    return data, splits


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, SplitFile]:
    """120 images in pairs, with 10 % of their labels unknown."""
    return split_labels(tmp_path_factory.mktemp("labelled") / "data")


@pytest.fixture
def table(tmp_path: Path) -> Table:
    """Writes a table of predictions and gives its path."""

    def write(name: str, data: Dataset, decisions: Array, columns: tuple[str, ...] = ("labels", "p")) -> Path:
        path = tmp_path / f"{name}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([
                "image", *(["labels"] if "labels" in columns else []),
                *([f"p:{name}" for name in data.classes] if "p" in columns else []),
            ])  # fmt: skip
            for image, row in zip(data.images["image"], decisions, strict=True):
                names = [name for name, there in zip(data.classes, row, strict=True) if there]
                labels = [json.dumps(names)] if "labels" in columns else []
                shares = np.where(row, PRESENT, ABSENT).tolist() if "p" in columns else []
                writer.writerow([image, *labels, *shares])
        return path

    return write


def evaluate(model: Path, on: tuple[Dataset, SplitFile], *others: Path) -> MultilabelReport:
    report = evaluate_models([parse_source(path) for path in (model, *others)], *on, split=TEST).evaluation
    assert isinstance(report, MultilabelReport)
    return report


def rows_of(on: tuple[Dataset, SplitFile], split: str = TEST) -> list[int]:
    data, splits = on
    return [row for row in range(len(data)) if splits.images[row].split == split]


def flip(targets: Array, share: float, seed: int = 0) -> Array:
    """Decisions of which about this share is wrong."""
    return np.asarray((targets == 1) ^ (np.random.default_rng(seed).random(targets.shape) < share))


def test_the_figures_are_those_of_the_table(labelled: tuple[Dataset, SplitFile], table: Table) -> None:
    data, rows = labelled[0], rows_of(labelled)
    decisions = flip(data.label_matrix, 0.2)
    report = evaluate(table("theirs", data, decisions), labelled)
    targets, scores = data.label_matrix[rows], np.where(decisions, PRESENT, ABSENT)[rows]
    exact = measure_exactly(targets, decisions[rows], scores)
    model = report.models[0]
    assert (report.known, report.unknown) == (int((targets >= 0).sum()), int((targets < 0).sum()))
    assert {name: row.value for name, row in model.metrics.items()} == exact.overall
    for name, expected in zip(data.classes, exact.classes, strict=True):
        row = model.classes[name]
        assert {metric: getattr(row, metric).value for metric in PER_CLASS} == expected
    wrong = (targets >= 0) & ((targets == 1) != decisions[rows])
    assert model.risk_coverage[-1] == (1.0, wrong.any(axis=1).mean())
    assert model.calibration is not None and model.calibration.before is None
    assert sum(n for _, _, n in model.calibration.bins) == report.known
    assert len({error.row for error in model.worst_errors}) == len(model.worst_errors) == 12
    for error in model.worst_errors:
        column = data.classes.index(error.class_name)
        assert data.label_matrix[error.row, column] == error.present != decisions[error.row, column]
        assert error.confidence == pytest.approx(1 - ABSENT if error.present else PRESENT)


def test_the_page_says_what_is_not_measurable_or_never_found(table: Table, tmp_path: Path) -> None:
    def hide(header: list[str], cells: list[list[str]]) -> None:
        for row in cells:
            row[2 + YELLOW] = row[2 + YELLOW] and "0"
            row[2 + BLUE] = row[2 + BLUE] and "1"

    folder = write_several_labels(tmp_path / "rare", 60)
    rewrite(folder, hide)
    on = split_labels(folder)
    rare = on[0]
    decisions = rare.label_matrix == 1
    decisions[:, RED] = False
    output = pupila.evaluate(table("theirs", rare, decisions), rare, split="test", out=tmp_path / "out")
    page = html.unescape(Path(output.report).read_text())
    known = int((rare.label_matrix[rows_of(on), YELLOW] >= 0).sum())
    positives = int((rare.label_matrix[rows_of(on), RED] == 1).sum())
    assert f"not measurable: 'yellow' (0 positives in {known} known images)." in page
    few = "too few groups for a confidence interval"
    assert f"The model never recognises 'red' (recall 0 of {positives}, {few})." in page
    assert (
        "Present in every image where it is known: 'blue'. Average precision is not measurable there" in page
    )
    report = MultilabelReport.model_validate_json(Path(output.report_json).read_bytes())
    others = [row.average_precision.value or 0 for row in report.models[0].classes.values()
              if 0 < row.positives < row.known]  # fmt: skip
    assert "its mean is over the other 2 classes." in page
    assert report.models[0].metrics["mean_average_precision"].value == pytest.approx(sum(others) / 2)
    headline = sentences(output.evaluation)[0]
    assert re.search(r"mean average precision [\d.]+ \(mean over 2 of 4 classes\), macro F1 [\d.]+ \(mean over 3 of 4 "
                     r"classes\), micro F1", headline), headline  # fmt: skip
    assert "<td>not measurable</td>" in page
    assert "NaN" not in Path(output.report_json).read_text()
    assert not re.search(r"\bnan\b", page, re.IGNORECASE)
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", page)
    assert_valid(Path(output.report_json), output.evaluation)


def test_labels_alone_are_enough(labelled: tuple[Dataset, SplitFile], table: Table) -> None:
    data = labelled[0]
    decisions = flip(data.label_matrix, 0.1)
    bare = evaluate(table("bare", data, decisions, ("labels",)), labelled).models[0]
    full = evaluate(table("full", data, decisions), labelled).models[0]
    assert bare.metrics["mean_average_precision"].value is None
    assert bare.calibration is None
    assert not (bare.worst_errors or bare.risk_coverage or bare.thresholds or bare.precision_recall)
    assert bare.metrics["micro_f1"] == full.metrics["micro_f1"]


def test_a_column_of_yes_and_no_for_each_class_is_enough(
    labelled: tuple[Dataset, SplitFile], table: Table, tmp_path: Path
) -> None:
    data = labelled[0]
    decisions = flip(data.label_matrix, 0.1)
    path = tmp_path / "columns.csv"

    def write(yes: str, no: str) -> Path:
        lines = [
            [image, *np.where(row, yes, no)]
            for image, row in zip(data.images["image"], decisions, strict=True)
        ]
        path.write_text("\n".join(map(",".join, [["image", *data.classes], *lines])))
        return path

    expected = evaluate(table("bare", data, decisions, ("labels",)), labelled).models[0].metrics
    for yes, no in (("1", "0"), ("1.0", "0.0"), ("Yes", "no")):
        assert evaluate(write(yes, no), labelled).models[0].metrics == expected
    with pytest.raises(PupilaError, match=r'found "0.1", "0.8"; expected 1 or 0'):
        evaluate(write("0.8", "0.1"), labelled)


def test_labels_are_read_as_those_of_a_data_set_are(
    labelled: tuple[Dataset, SplitFile], table: Table, tmp_path: Path
) -> None:
    data, decisions = labelled[0], flip(labelled[0].label_matrix, 0.1)
    expected = evaluate(table("theirs", data, decisions, ("labels",)), labelled).models[0].metrics
    named = [[name for name, there in zip(data.classes, row, strict=True) if there] for row in decisions]
    notations: dict[str, list[str]] = {
        "bars": ["|".join(names) or "none" for names in named],
        "commas": [", ".join(names) or "none" for names in named],
        "python": [str(names) for names in named],
        "records": [json.dumps({name: name in names for name in data.classes}) for names in named],
    }
    for notation, cells in notations.items():
        path = tmp_path / f"{notation}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            lines = zip(data.images["image"], cells, strict=True)
            csv.writer(file).writerows([("image", "labels"), *lines])
        assert evaluate(path, labelled).models[0].metrics == expected, notation
    path = tmp_path / "words.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        words = [[["TRUE " if there else " no" for there in row] for row in decisions]]
        rows = zip(data.images["image"], *words, strict=True)
        csv.writer(file).writerows([("image", *data.classes), *((image, *row) for image, row in rows)])
    assert evaluate(path, labelled).models[0].metrics == expected


def test_probabilities_alone_are_cut_at_one_half(labelled: tuple[Dataset, SplitFile], table: Table) -> None:
    data = labelled[0]
    decisions = flip(data.label_matrix, 0.1)
    report = evaluate(table("shares", data, decisions, ("p",)), labelled)
    full = evaluate(table("full", data, decisions), labelled).models[0]
    assert report.models[0].metrics == full.metrics
    assert {row.threshold for row in report.models[0].thresholds.values()} == {0.5}
    assert "All classes share the threshold 0.50." in sentences(report)


SPOILT = {
    "another class": ('""blue""', '""teal""', r"does not have: found teal; expected blue, green"),
    "no list of names": ('"[""blue""', '"[[""blue""', r"rows without valid labels"),
    "a word for unknown": ('"[""blue""', '"[null, ""blue""', r"rows without valid labels"),
    "a number for a name": ('"[""blue""', '"[1, ""blue""', r"does not have: found 1"),
    "no probability": ("0.9", "90", r"rows without valid probabilities"),
}


@pytest.mark.parametrize("fault", sorted(SPOILT))
def test_an_invalid_table_is_refused(labelled: tuple[Dataset, SplitFile], table: Table, fault: str) -> None:
    old, new, message = SPOILT[fault]
    path = table("spoilt", labelled[0], labelled[0].label_matrix == 1)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(PupilaError, match=message):
        evaluate(path, labelled)


def test_a_threshold_is_refused_because_training_tunes_it(
    labelled: tuple[Dataset, SplitFile], table: Table
) -> None:
    path = table("theirs", labelled[0], labelled[0].label_matrix == 1)
    with pytest.raises(PupilaError, match="training already tunes it"):
        evaluate_models([parse_source(path)], *labelled, split=TEST, threshold="f1")


def test_images_without_a_known_label_are_left_out_and_counted(tmp_path: Path, table: Table) -> None:
    def empty(header: list[str], rows: list[list[str]]) -> None:
        for row in rows[::3]:
            row[2:] = [""] * 4

    folder = write_several_labels(tmp_path / "data", 60)
    rewrite(folder, empty)
    on = split_labels(folder)
    left_out = [row for row in rows_of(on) if (on[0].label_matrix[row] < 0).all()]
    report = evaluate(table("theirs", on[0], on[0].label_matrix == 1), on)
    assert report.images_without_labels == len(left_out) > 0
    assert report.models[0].n == len(rows_of(on)) - len(left_out)
    assert any(
        text.startswith(f"{len(left_out)} images without any known label") for text in sentences(report)
    )


def test_a_model_is_compared_in_pairs(labelled: tuple[Dataset, SplitFile], table: Table) -> None:
    data = labelled[0]
    good, poor = (
        table(name, data, flip(data.label_matrix, share)) for name, share in (("good", 0.02), ("poor", 0.4))
    )
    report = evaluate(good, labelled, poor)
    row = report.comparisons[0]
    assert (row.name, row.is_baseline, row.primary_metric, row.verdict) == (
        "poor.csv",
        False,
        "micro_f1",
        "better",
    )
    assert row.only_first > row.only_other
    texts = sentences(report)
    assert any(
        text.startswith("good.csv is significantly better than poor.csv. Micro F1: 0.9") for text in texts
    )
    assert evaluate(poor, labelled, good).comparisons[0].verdict == "worse"
    same = evaluate(good, labelled, table("same", data, flip(data.label_matrix, 0.02))).comparisons[0]
    assert (same.p_value, same.only_first, same.p_images, same.verdict) == (
        1.0,
        0,
        1.0,
        "not distinguishable",
    )


def test_baselines_know_the_training_images_only(labelled: tuple[Dataset, SplitFile], table: Table) -> None:
    data, rows = labelled[0], rows_of(labelled)
    report = evaluate(table("theirs", data, flip(data.label_matrix, 0.02)), labelled)
    negative, prevalence, probe = (row for row in report.comparisons if row.is_baseline)
    targets, training = data.label_matrix[rows], data.label_matrix[rows_of(labelled, TRAIN)]
    shares = (training == 1).sum(axis=0) / (training >= 0).sum(axis=0)
    expected = overall_metrics(
        targets, np.tile(shares >= 0.5, (len(rows), 1)), np.tile(shares, (len(rows), 1))
    )
    assert prevalence.metrics["micro_f1"].other == expected["micro_f1"]
    assert prevalence.metrics["mean_average_precision"].other == pytest.approx(
        expected["mean_average_precision"]
    )
    assert negative.primary_metric == "hamming_loss"
    assert negative.metrics["hamming_loss"].other == pytest.approx(
        (targets == 1).sum() / (targets >= 0).sum()
    )
    # squares of colours are what the probe can see
    assert (
        probe.metrics["mean_average_precision"].other
        > prevalence.metrics["mean_average_precision"].other + 0.1
    )
    assert [row.verdict for row in (negative, prevalence, probe)] == ["better"] * 3
    texts = " ".join(sentences(report))
    for name in (
        "all negative: Hamming loss 0.",
        "training prevalence: micro F1 0.",
        "linear probe on colours: micro",
    ):
        assert f"theirs.csv is significantly better than the baseline {name}" in texts


def test_a_model_that_predicts_nothing_is_not_better_than_predicting_nothing(
    labelled: tuple[Dataset, SplitFile], table: Table
) -> None:
    report = evaluate(
        table("mute", labelled[0], np.zeros_like(labelled[0].label_matrix, dtype=bool)), labelled
    )
    assert report.comparisons[0].verdict == "not distinguishable"
    texts = sentences(report)
    assert "The model predicts the same labels for every image (collapsed): none of the classes." in texts
    assert any("not significantly better than the baseline all negative" in text for text in texts)


def test_without_any_positive_the_wrong_labels_are_what_is_measured(tmp_path: Path, table: Table) -> None:
    def clear(header: list[str], rows: list[list[str]]) -> None:
        for row in rows:
            row[2:] = ["0"] * 4

    folder = write_several_labels(tmp_path / "data", 40)
    rewrite(folder, clear)
    on = split_labels(folder)
    mute = table("mute", on[0], on[0].label_matrix == 1)
    report = evaluate(table("wrong", on[0], flip(on[0].label_matrix, 0.3)), on, mute)
    assert [row.value for row in report.models[0].metrics.values()][:3] == [None] * 3
    assert [row.primary_metric for row in report.comparisons] == ["hamming_loss"] * 4
    assert {row.verdict for row in report.comparisons} == {"worse"}
    assert sentences(report)[0].startswith("wrong.csv: no test image of 20 shows a class")
    # predicting nothing is right here, and no sign of a collapse
    assert not any("collapsed" in text for text in sentences(evaluate(mute, on)))


def test_baselines_need_an_image_to_be_fitted_on(labelled: tuple[Dataset, SplitFile], table: Table) -> None:
    data, splits = labelled
    tested = replace(splits, images=[replace(row, split=TEST) for row in splits.images])
    report = evaluate(table("theirs", data, data.label_matrix == 1), (data, tested))
    assert report.unfitted_baselines == "no-images"
    assert [row.name for row in report.comparisons] == ["all negative"]
    assert any(text.endswith("there is no labelled image to fit them on.") for text in sentences(report))


def test_no_baseline_is_fitted_on_images_that_it_predicts(
    labelled: tuple[Dataset, SplitFile], table: Table
) -> None:
    data = labelled[0]
    model = parse_source(table("theirs", data, flip(data.label_matrix, 0.1)))
    result = evaluate_models([model], *labelled, split=TRAIN)
    report = result.evaluation
    assert isinstance(report, MultilabelReport)
    assert [row.name for row in report.comparisons] == ["all negative"]
    message = (
        "The baselines training prevalence and linear probe are left out: they would be fitted on images"
    )
    assert any(text.startswith(message) for text in sentences(report))
    assert evaluate(Path(model.path), labelled).unfitted_baselines is None


def test_with_folds_a_baseline_predicts_each_fold_from_the_others(tmp_path: Path) -> None:
    data, splits = split_labels(tmp_path / "data", 40, folds=3)
    rows = [row for row in range(len(data)) if splits.images[row].split != TEST]
    (_, prevalence, _), unfitted = predict_baselines(EvaluationSet(data, splits, rows), out_of_fold=True)
    assert unfitted is None
    assert prevalence.probabilities is not None
    for place, row in enumerate(rows):
        others = data.label_matrix[[k for k in rows if splits.images[k].fold != splits.images[row].fold]]
        shares = (others == 1).sum(axis=0) / (others >= 0).sum(axis=0)
        assert prevalence.probabilities[place] == pytest.approx(shares)


def test_errors_that_co_occur_are_counted(labelled: tuple[Dataset, SplitFile], table: Table) -> None:
    data, rows = labelled[0], rows_of(labelled)
    decisions = data.label_matrix == 1
    decisions[:, YELLOW] |= data.label_matrix[:, BLUE] == 1  # yellow is seen wherever there is blue
    report = evaluate(table("theirs", data, decisions), labelled)
    targets = data.label_matrix[rows]
    pair = next(row for row in report.models[0].error_pairs if row.present == "blue")
    both = int(((targets[:, BLUE] == 1) & (targets[:, YELLOW] == 0)).sum())
    neither = int(((targets[:, BLUE] == 0) & (targets[:, YELLOW] == 0)).sum())
    assert (pair.predicted, pair.false_positives, pair.images) == ("yellow", both, both)
    assert (pair.false_positives_elsewhere, pair.images_elsewhere) == (0, neither)
    assert {row.predicted for row in report.models[0].error_pairs} == {"yellow"}


def test_a_bundle_is_evaluated_with_its_own_thresholds(tmp_path: Path) -> None:
    def drop(header: list[str], rows: list[list[str]]) -> None:
        for row in (header, *rows):
            del row[-1]

    folder = write_several_labels(tmp_path / "data", 40)
    rewrite(folder, drop)
    data, splits = split_labels(folder)
    post = PostProcessing(
        biases=(-4.0, -4.2, -4.1), thresholds=(0.5, 0.6, 0.6), shared_threshold=("green", "red")
    )
    bundle = write_colours(
        tmp_path / "bundle",
        10.0,
        task="multilabel",
        classes=data.classes,
        temperature=1.1,
        post_processing=post,
    )
    result = evaluate_models([parse_source(tmp_path / "bundle")], data, splits, split=TEST)
    report = result.evaluation
    assert isinstance(report, MultilabelReport)
    assert {name: (row.threshold, row.shared) for name, row in report.models[0].thresholds.items()} == {
        "blue": (0.5, False), "green": (0.6, True), "red": (0.6, True),
    }  # fmt: skip
    text = "Shared threshold 0.60, because of too few examples for one of its own: 'green', 'red'."
    assert text in sentences(report)
    rows = rows_of((data, splits))
    predicted = [
        prediction.labels
        for _, prediction in Predictor(bundle).stream(data.path(row) for row in rows)
        if not isinstance(prediction, ImageFault)
    ]
    named = [
        tuple(name for name, there in zip(data.classes, row, strict=True) if there)
        for row in vars(result.predictions[0])["decisions"]
    ]
    assert named == predicted
    assert len(set(named)) > 1
    assert report.models[0].calibration is not None and report.models[0].calibration.before is not None


def test_slices_make_up_sample_f1(labelled: tuple[Dataset, SplitFile], table: Table, tmp_path: Path) -> None:
    data, _ = labelled
    path = table("theirs", data, flip(data.label_matrix, 0.2))
    output = pupila.evaluate(path, data, split="test", by="brightness", out=tmp_path / "out")
    expected = output.evaluation.models[0].model_dump()["metrics"]["sample_f1"]["value"]
    assert mean_of_slices(output.evaluation, "brightness", "sample_f1") == pytest.approx(expected)
