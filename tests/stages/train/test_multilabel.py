"""Several labels per image from data to bundle: what is learned, measured, said, refused, and resumed."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import timm
import torch
from safetensors.torch import save_file
from sklearn.metrics import average_precision_score

import pupila
from pupila.api.split import plan_split
from pupila.api.train import make_plan
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.dataset.understood import describe
from pupila.core.errors import PupilaError
from pupila.imaging.images.decode import Array
from pupila.learning.export.weights import encode_weights
from pupila.learning.loop import Checkpointer
from pupila.learning.models.network import WholeNetwork
from pupila.learning.models.rebuild import rebuild_network
from pupila.learning.trainers.multilabel import MultilabelTrainer
from pupila.learning.trainers.trainer import SplitRows
from pupila.stages.train.budget import BUDGETS
from pupila.stages.train.multilabel import MULTILABEL_RECIPE, prevalence_baseline
from pupila.stages.train.page import describe_run
from pupila.stages.train.preparation import build_network
from pupila.stages.train.run import TrainedRun
from pupila.stages.train.schedule import Schedule
from pupila.tasks.label_text import label_matrix
from pupila.tasks.multilabel import MULTILABEL, LabelsPrediction
from tests.figures import validation
from tests.killing import Killed, struck
from tests.several_labels import write_several_labels

SETTINGS: dict[str, Any] = {
    "model": "lenet", "weights": "none", "image_size": 32, "epochs": 3, "augment": "none", "lr": 3e-3,
    "precision": "float32",
}  # fmt: skip
CLASSES = ["blue", "green", "red", "yellow"]


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Nets as small as these gain nothing from more, and another number gives other last digits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_several_labels(tmp_path_factory.mktemp("several") / "squares", count=100)
    pupila.split(folder, val=0.4)
    return folder


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    return pupila.train(data, out=tmp_path_factory.mktemp("run") / "first", **SETTINGS)


def weights(run: TrainedRun) -> bytes:
    return Path(run.bundle.folder, "weights.safetensors").read_bytes()


def out_of_fold(run: TrainedRun) -> pl.DataFrame:
    return pl.read_parquet(Path(run.folder, "oof.parquet"))


def write_labels_table(folder: Path, change: dict[str, str]) -> Path:
    """Images of which every cell of some columns is set to the same text."""
    write_several_labels(folder, count=24, unknown=0)
    with (folder / "labels.csv").open(newline="") as file:
        rows = [{**row, **change} for row in csv.DictReader(file)]
    with (folder / "labels.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return folder


def test_the_run_has_the_metrics_of_several_labels(run: TrainedRun) -> None:
    assert run.plan.task == "multilabel" and run.state == "completed"
    assert {"loss", "gamma_negative", "class_weights"} <= set(run.plan.model_dump())
    assert "sampling" not in run.plan.model_dump() and "threshold" not in run.plan.model_dump()
    assert [set(line.metrics) for line in run.log] == [{"mean_average_precision"}] * 3
    assert all(line.score == line.metrics["mean_average_precision"] for line in run.log)
    summary = validation(run.bundle.info)
    assert next(iter(summary.metrics)) == "mean_average_precision"
    assert {"micro_f1", "sample_f1", "subset_accuracy", "hamming_loss"} <= set(summary.metrics)
    assert "Mean average precision on validation" in Path(run.folder, "report.html").read_text()


def test_unknown_labels_are_left_out_and_the_best_epoch_is_kept(run: TrainedRun) -> None:
    frame = out_of_fold(run)
    targets = label_matrix(frame["target"].to_list(), CLASSES)
    logits = frame.select(f"logit:{name}" for name in CLASSES).to_numpy()
    known = targets >= 0
    assert 0 < (~known).sum() < known.sum()
    precisions = [average_precision_score(targets[known[:, k], k], logits[known[:, k], k]) for k in range(4)]
    assert max(line.score for line in run.log) == pytest.approx(np.mean(precisions))
    (own,) = run.outcomes.values()
    best = int(np.argmax([line.score for line in run.log]))
    assert len(own.values) == len(run.log) and (own.targets == targets).all()
    assert own.values[best] == pytest.approx(logits)
    assert validation(run.bundle.info).metrics["mean_average_precision"].value == pytest.approx(
        np.mean(precisions)
    )


def test_the_bundle_predicts_as_the_run_did(run: TrainedRun, data: Path) -> None:
    frame = out_of_fold(run)
    images = [str(data / name) for name in frame["image"]]
    streamed = [prediction for _, prediction in Predictor(run.bundle).stream(images)]
    predictions = [prediction for prediction in streamed if isinstance(prediction, LabelsPrediction)]
    logits = frame.select(f"logit:{name}" for name in CLASSES).to_numpy()
    assert np.stack([prediction.logits for prediction in predictions]) == pytest.approx(logits, abs=1e-3)
    assert [list(prediction.labels) for prediction in predictions] == [
        json.loads(labels) for labels in frame["labels"]
    ]
    assert run.bundle.info.parity is not None and run.bundle.info.parity.label_agreement == 1.0


def test_the_network_is_built_again_from_the_bundle_alone(run: TrainedRun, data: Path) -> None:
    network = rebuild_network(run.bundle)
    assert network.task is MULTILABEL
    predictor = Predictor(run.bundle)
    pixels = predictor.preprocess((data / "images/000.png").read_bytes()).inputs
    with torch.inference_mode():
        logits = WholeNetwork(network)(torch.from_numpy(pixels))[0].numpy()
    assert logits == pytest.approx(predictor.logits(pixels), abs=1e-4)


def test_page_and_card_say_which_classes_share_a_threshold_and_why(run: TrainedRun) -> None:
    post_processing = run.bundle.info.post_processing
    targets = label_matrix(out_of_fold(run)["target"].to_list(), CLASSES)
    rare = [name for name, n in zip(CLASSES, (targets == 1).sum(axis=0), strict=True) if n < 20]
    assert list(post_processing.shared_threshold) == rare != [] != [*{*CLASSES} - {*rare}]
    shared = f"for {', '.join(rare)}: fewer than 20 positive validation images are too few"
    own = "Decision thresholds, tuned on validation for F1 of each class: blue 0."
    for file in ("report.html", "bundle/card.md"):
        text = Path(run.folder, file).read_text()
        assert shared in text and own in text
    assert "Predicts which of 4 classes are present: blue, green, red, yellow." in text


def test_a_killed_run_ends_as_one_that_was_not(run: TrainedRun, data: Path, tmp_path: Path) -> None:
    with struck(9, 20, 23):
        for _ in range(3):
            with pytest.raises(Killed):
                pupila.train(
                    data, out=tmp_path / "run", resume=(tmp_path / "run/plan.json").exists(), **SETTINGS
                )
    resumed = pupila.train(data, out=tmp_path / "run", resume=True, workers=0)
    assert weights(resumed) == weights(run)
    assert resumed.bundle.info.post_processing == run.bundle.info.post_processing
    assert out_of_fold(resumed).equals(out_of_fold(run))
    assert len(resumed.log) == len(run.log) == 3


@pytest.mark.slow
def test_a_killed_head_on_cached_features_ends_as_one_that_was_not(data: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder = tmp_path / "encoder.safetensors"
    save_file(timm.create_model("test_efficientnet").state_dict(), encoder)
    encoder.with_suffix(".json").write_text('{"model": "test_efficientnet"}')
    opened = pupila.open(data)
    plan = make_plan(opened, weights=str(encoder), image_size=32, epochs=3, unfreeze=1, finetune_epochs=2,
                     batch_size=8, precision="float32", augment="flip")  # fmt: skip
    plan = plan.model_copy(update={"engine": "torch"})  # its export takes longer than the training
    splits = SplitFile.read(str(data))
    assert splits is not None

    def train(folder: Path) -> tuple[bytes, Array]:
        schedule = Schedule(opened, splits, MULTILABEL_RECIPE, lambda part: Checkpointer(str(folder), part))
        trained = schedule.train(plan, build_network(plan, opened, MULTILABEL_RECIPE))
        return encode_weights(trained.network), trained.predictions

    whole = train(tmp_path / "whole")
    with struck(9, 26):
        for _ in range(2):
            with pytest.raises(Killed):
                train(tmp_path / "killed")
    resumed = train(tmp_path / "killed")
    assert resumed[0] == whole[0] and (resumed[1] == whole[1]).all()


def test_folds_predict_every_image_with_a_model_that_was_not_trained_on_it(tmp_path: Path) -> None:
    data = pupila.open(write_several_labels(tmp_path / "squares", count=40))
    splits = plan_split(data, folds=2)
    plan = make_plan(data, folds=2, **{**SETTINGS, "epochs": 1})
    schedule = Schedule(
        data, splits, MULTILABEL_RECIPE, lambda part: Checkpointer(str(tmp_path / "run"), part)
    )
    trained = schedule.train(plan, build_network(plan, data, MULTILABEL_RECIPE))
    assert sorted(trained.rows) == [row for row, a in enumerate(splits.images) if a.fold is not None]
    assert set(trained.folds) == {0, 1} and trained.predictions.shape == (len(trained.rows), 4)
    groups = np.array([a.component for a in splits.images])[trained.rows]
    result = MULTILABEL_RECIPE.calibrate(plan, data, trained.predictions, trained.rows, groups)
    assert list(result.predictions.columns) == ["labels", *(f"logit:{name}" for name in CLASSES)]
    assert result.summary is not None and result.summary.n == len(trained.rows)


def test_classes_that_cannot_be_learned_or_measured_are_named(tmp_path: Path) -> None:
    folder = write_labels_table(tmp_path / "squares", {"red": "0", "green": "1"})
    data = pupila.open(folder)
    training, validation = list(range(16)), list(range(16, 24))
    text = "\n".join(MULTILABEL_RECIPE.warnings(data, training, validation))
    assert "No training image shows red: the model learns only their absence." in text
    assert (
        "Every training image with a known label shows green: the model learns only their presence." in text
    )
    assert "no validation image shows it: red" in text and "of 4 classes" in text
    assert "No validation image is known to lack green: average precision is 1 there in every epoch." in text
    assert not MULTILABEL_RECIPE.warnings(
        pupila.open(write_several_labels(tmp_path / "all")), [*range(60)], []
    )


def test_without_a_positive_in_validation_the_loss_chooses_and_nothing_is_invented(
    run: TrainedRun, data: Path
) -> None:
    opened = pupila.open(data)
    shows_none = np.flatnonzero((opened.label_matrix < 1).all(axis=1)).tolist()
    assert len(shows_none) > 1
    assert MULTILABEL_RECIPE.warnings(opened, [*range(len(opened))], shows_none) == [
        "No validation image shows a class, so the epoch with the lowest loss is chosen."
    ]
    plan: Any = run.plan
    network = build_network(plan, opened, MULTILABEL_RECIPE)
    trainer = MultilabelTrainer(opened, SplitRows([], shows_none), plan, network)
    logits = np.random.default_rng(0).normal(size=(len(shows_none), 4)).astype(np.float32)
    result = trainer.score_logits(logits, 0)
    assert result.metrics == {} and result.score == -(result.loss or 0) < 0
    finished = MULTILABEL_RECIPE.calibrate(plan, opened, logits, shows_none, np.array(shows_none))
    assert finished.summary is not None
    assert finished.summary.metrics["mean_average_precision"].value is None
    assert finished.summary.metrics["hamming_loss"].value is not None
    assert set(finished.calibration.post_processing.thresholds) == {0.5}
    info = run.bundle.info.model_copy(update={"validation": finished.summary})
    assert any("is not measurable on validation" in line for line in describe_run(run.plan, run.state, info))


def test_the_baseline_has_the_hand_computed_metrics() -> None:
    # a: 2 of 4 known; b: 1 of 3 known, so never predicted; the mean average precision is that of the prevalences
    targets = np.array([[1, 0], [1, -1], [0, 1], [0, 0]], dtype=np.int8)
    metrics = prevalence_baseline(targets).metrics
    assert metrics["mean_average_precision"] == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert metrics["hamming_loss"] == pytest.approx(3 / 7)  # a is predicted for all four, b for none
    assert "mean_average_precision" not in prevalence_baseline(np.zeros((3, 2), np.int8)).metrics


def test_equal_scores_for_all_images_are_a_collapse_and_no_predicted_class_is_none() -> None:
    rare = np.array([[-4.0, -3.0], [-3.8, -3.0], [-4.0, -3.3]])
    assert not MULTILABEL_RECIPE.is_collapsed(rare)
    assert MULTILABEL_RECIPE.is_collapsed(np.array([[2.0, -3.0], [2.05, -3.0]]))
    assert not MULTILABEL_RECIPE.is_collapsed(rare[:1]) and not MULTILABEL_RECIPE.is_collapsed(rare[:0])


def test_a_collapsed_run_says_so_in_the_words_of_the_task(run: TrainedRun) -> None:
    first = describe_run(run.plan, "collapsed", run.bundle.info)[0]
    assert first.startswith("The model gives every image nearly the same probabilities (collapsed). Try: ")
    assert "class_weights=inverse" in first and "sampling" not in first


REFUSED = [
    ({"loss": "cross_entropy"}, "a loss for this task: bce, focal, asymmetric"),
    ({"loss": "bce+dice"}, "a loss for this task: bce, focal, asymmetric"),
    ({"loss": "asymetric"}, "Unknown loss asymetric. Did you mean asymmetric?"),
    ({"loss": "focal", "label_smoothing": 0.1}, "bce, the only loss with label smoothing"),
    ({"gamma_negative": 2.0}, "gamma_negative=2.0 has no effect: it needs --loss asymmetric"),
    ({"focal_gamma": 1.0}, "focal_gamma=1.0 has no effect: it needs --loss focal"),
    ({"sampling": "balanced"}, "sampling=balanced is a setting for classification"),
    ({"threshold": "f1"}, "threshold=f1 is a setting for classification"),
    ({"epochs": 0}, "A multi-label model needs training"),
    ({"model": "pupila-sam", "weights": "default"}, "Promptable models need masks"),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "words"), REFUSED)
def test_what_cannot_be_honoured_is_refused(data: Path, settings: dict[str, Any], words: str) -> None:
    usual = {} if settings.get("epochs") == 0 or "model" in settings else SETTINGS
    with pytest.raises(PupilaError) as fault:
        make_plan(data, **{**usual, **settings})
    assert words in str(fault.value)


ACCEPTED: list[dict[str, Any]] = [
    {"loss": "asymmetric", "gamma_negative": 2.0}, {"loss": "bce+0.5*focal", "focal_gamma": 1.0},
    {"class_weights": "effective", "label_smoothing": 0.1},
]  # fmt: skip


@pytest.mark.parametrize("settings", ACCEPTED)
def test_every_loss_and_weight_of_the_task_can_be_planned(data: Path, settings: dict[str, Any]) -> None:
    plan = make_plan(data, **SETTINGS, **settings).model_dump()
    assert {name: plan[name] for name in settings} == settings


def test_the_usual_loss_is_binary_cross_entropy(run: TrainedRun) -> None:
    assert run.plan.model_dump()["loss"] == "bce"


def test_labels_that_are_all_unknown_are_refused(run: TrainedRun, data: Path) -> None:
    opened = pupila.open(data)
    plan: Any = run.plan.model_copy(update={"classes": ["other"]})
    with pytest.raises(PupilaError, match="Every label of the training images is unknown"):
        MultilabelTrainer(opened, SplitRows([0, 1], []), plan, build_network(plan, opened, MULTILABEL_RECIPE))


def test_labels_that_say_only_what_is_present_are_refused(tmp_path: Path) -> None:
    folder = write_labels_table(tmp_path / "squares", dict.fromkeys(CLASSES, "1"))
    with pytest.raises(PupilaError, match="No class can be learned") as fault:
        make_plan(folder, **SETTINGS)
    assert "an empty cell means unknown" in str(fault.value.remedy)


def test_a_training_says_how_the_labels_were_read_before_its_plan(data: Path) -> None:
    opened = pupila.open(data)
    lines: list[Any] = []
    make_plan(data, tell=lines.append, **SETTINGS)
    *reading, origin, split = [str(line) for line in lines]
    assert opened.notes and reading == describe(opened)
    assert origin == "The split was drawn at random." and split.startswith(
        "Split: train 44 images in 22 groups; "
    )


def test_a_budget_is_spent_as_for_one_class() -> None:
    assert BUDGETS["multilabel"] is BUDGETS["classify"]
