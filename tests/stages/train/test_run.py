"""A run from data to bundle: its folder, refusals, end states, and resuming."""

import html
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from sklearn.metrics import f1_score

import pupila
from pupila.api.train import make_plan
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.run.folder import Run, read_run
from pupila.artifacts.run.log import EpochLog, LogLine
from pupila.artifacts.run.out_of_fold import read_out_of_fold
from pupila.cli.run import run as command
from pupila.core.errors import PupilaError
from pupila.stages.evaluate.sentences import sentences
from pupila.stages.train import schedule
from pupila.stages.train.page import describe_run
from pupila.stages.train.phases import train_split
from pupila.stages.train.resume import _shorten
from pupila.stages.train.run import TrainedRun
from pupila.statistics.metrics.threshold import tune_threshold
from pupila.tasks import classify
from pupila.tasks.classify import ClassPrediction, softmax
from tests.figures import validation
from tests.pictures import write_classes
from tests.stages.evaluate.reports import classified

SETTINGS: dict[str, Any] = {
    "model": "lenet", "weights": "none", "image_size": 32, "epochs": 2, "augment": "flip",
    "lr": 3e-3, "precision": "float32",
}  # fmt: skip
FLAGS = [f"--{name.replace('_', '-')}={value}" for name, value in SETTINGS.items()]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_classes(tmp_path_factory.mktemp("shop") / "pets", {"cat": 20, "dog": 20})
    for path in (folder / "dog").iterdir():  # dogs are photographed at night, easy to learn in two epochs
        with Image.open(path) as photo:
            photo.point(lambda value: value * 0.3).save(path, quality=92)
    pupila.split(folder, val=0.3)
    return folder


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    return pupila.train(data, out=tmp_path_factory.mktemp("run") / "first", **SETTINGS)


def weights(run: TrainedRun) -> bytes:
    return Path(run.bundle.folder, "weights.safetensors").read_bytes()


def predictions(run: TrainedRun) -> pl.DataFrame:
    return pl.read_parquet(Path(run.folder, "oof.parquet"))


def test_the_run_folder_has_the_documented_files(run: TrainedRun) -> None:
    names = {path.name for path in Path(run.folder).iterdir()}
    assert names == {
        "plan.json",
        "log.jsonl",
        "oof.parquet",
        "outcomes.npz",
        "checkpoints",
        "bundle",
        "report.html",
    }
    plan = json.loads(Path(run.folder, "plan.json").read_text())
    assert plan["state"] == run.state == "completed"
    assert plan["plan"]["batch_size"] == 8
    assert plan["plan"]["reasons"]["batch_size"] == "22 training images"
    lines = [json.loads(line) for line in Path(run.folder, "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    assert "Macro F1" in Path(run.folder, "report.html").read_text()


def test_a_training_returns_the_run_that_its_folder_holds(run: TrainedRun) -> None:
    stored = read_run(run.folder)
    assert isinstance(run, Run) and read_run(run) is run
    assert (run.state, run.settings, run.log) == (stored.state, stored.settings, stored.log)
    assert run.state == "completed" and run.bundle.hash == stored.bundle.hash
    assert set(stored.plan.model_dump()) == set(run.plan.model_dump())
    assert run.plan.epochs == run.settings["epochs"] and run.plan.reasons
    assert "completed" in repr(run) and run.plan.model in run._repr_html_()


def test_predictions_match_the_bundle_and_metrics_match_scikit_learn(run: TrainedRun, data: Path) -> None:
    frame = predictions(run)
    sealed = {a.image for a in SplitFile.read(str(data)).in_split("test")}  # type: ignore[union-attr]
    assert len(frame) == 12 and not set(frame["image"]) & sealed
    logits = frame.select("logit:cat", "logit:dog").to_numpy()
    actual = [
        prediction
        for _, prediction in Predictor(run.bundle).stream(str(data / name) for name in frame["image"])
    ]
    assert np.stack([a.logits for a in actual if isinstance(a, ClassPrediction)]) == pytest.approx(
        logits, abs=1e-3
    )
    score = f1_score(frame["target"].to_list(), frame["prediction"].to_list(), average="macro")
    assert validation(run.bundle.info).metrics["macro_f1"].value == pytest.approx(score)
    best = max(line.metrics["macro_f1"] for line in run.log)
    assert best == pytest.approx(score)  # the best epoch was kept


def test_the_outcomes_of_each_epoch_have_its_accuracy(run: TrainedRun, data: Path) -> None:
    own = run.outcomes["finetune"]
    opened, right = pupila.open(data), own.values == own.targets
    assert own.values.dtype == np.uint8 and run.outcomes.keys() == {"finetune"}
    assert right.mean(axis=1) == pytest.approx([line.metrics["accuracy"] for line in run.log])
    assert predictions(run)["image"].to_list() == opened.images["image"][own.rows.tolist()].to_list()
    assert [opened.classes[number] for number in own.targets] == predictions(run)["target"].to_list()


def test_the_same_seed_gives_the_same_weights_and_another_others(
    run: TrainedRun, data: Path, tmp_path: Path
) -> None:
    assert weights(pupila.train(data, out=tmp_path / "again", workers=0, **SETTINGS)) == weights(run)
    assert weights(pupila.train(data, out=tmp_path / "other", seed=5, **SETTINGS)) != weights(run)


def test_an_existing_run_is_not_overwritten_and_resumes_only_with_its_own_data(
    run: TrainedRun, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(PupilaError, match=r"(?s)already contains a run.*--resume"):
        pupila.train(data, out=run.folder, **SETTINGS)
    assert pupila.train(data, out=run.folder, resume=True).bundle.hash == run.bundle.hash  # it was done
    with pytest.raises(
        PupilaError, match=r"other settings: found epochs=9, seed=5; expected epochs=2, seed=not set"
    ):
        pupila.train(data, out=run.folder, resume=True, **{**SETTINGS, "epochs": 9, "seed": 5})
    with pytest.raises(PupilaError, match="--resume needs the folder of the run"):
        pupila.train(data, resume=True, **SETTINGS)
    other = write_classes(tmp_path / "other", {"cat": 20, "dog": 20}, seed=3)
    with pytest.raises(PupilaError, match=r"other data: found other images \(hash"):
        pupila.train(other, out=run.folder, resume=True)


def test_images_that_were_lost_or_changed_are_named_on_resuming(
    run: TrainedRun, data: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(data, tmp_path / "data")
    first, second = sorted((copy / "cat").iterdir())[:2]
    first.unlink()
    second.write_bytes(second.read_bytes() + b"x")
    with pytest.raises(PupilaError, match=r"no longer those of .*splits\.json") as fault:
        pupila.train(copy, out=run.folder, resume=True)
    assert f"gone or unreadable: cat/{first.name}; 1 image has changed: cat/{second.name}" in str(fault.value)


@pytest.mark.parametrize("place", range(64))
def test_two_hashes_are_shown_as_far_as_they_differ(place: int) -> None:
    first = 64 * "a"
    second = f"{first[:place]}b{first[place + 1 :]}"
    shown = _shorten(first, second)
    assert shown[0] != shown[1] and len(shown[0]) == len(shown[1]) >= 12


@pytest.mark.parametrize(("exists", "actual"), [(False, "no such folder"), (True, r"no plan\.json")])
def test_where_there_is_no_run_nothing_is_resumed(
    data: Path, tmp_path: Path, exists: bool, actual: str
) -> None:
    folder = tmp_path / "zz"
    folder.mkdir() if exists else None
    with pytest.raises(
        PupilaError, match=rf"no run to resume in .*zz: found {actual}.*(?s:.*)without resume"
    ):
        pupila.train(data, out=folder, resume=True, **SETTINGS)
    assert not folder.exists() or not list(folder.iterdir())


def test_what_can_not_be_called_with_the_log_is_refused_before_anything_is_written(
    data: Path, tmp_path: Path
) -> None:
    tell: Any = "x"
    with pytest.raises(PupilaError, match=r"`tell` can't be called: found str"):
        pupila.train(data, out=tmp_path / "run", tell=tell, **SETTINGS)
    assert not (tmp_path / "run").exists()


def test_without_tell_the_notes_are_printed_and_no_epochs(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notes: list[LogLine] = []
    pupila.train(data, out=tmp_path / "silent", tell=notes.append, **SETTINGS)
    assert not capsys.readouterr().out
    pupila.train(data, out=tmp_path / "run", **SETTINGS)
    printed = capsys.readouterr().out.splitlines()
    texts = [str(note) for note in notes if not isinstance(note, EpochLog)]
    assert printed[:8] == texts[:8] and len(printed) == len(texts) == 10  # the ninth one has the seconds
    assert printed[9] == texts[9] and texts[9].startswith("Exporting the model")


@pytest.mark.parametrize(("baseline", "below"), [(0.0, False), (1.1, True)])
def test_a_model_below_its_baseline_is_reported_first(run: TrainedRun, baseline: float, below: bool) -> None:
    own = validation(run.bundle.info)
    other = own.baseline.model_copy(update={"metrics": {**own.baseline.metrics, "macro_f1": baseline}})
    summary = own.model_copy(update={"baseline": other})
    info = run.bundle.info.model_copy(update={"validation": summary})
    lines = describe_run(run.plan, run.state, info)
    assert lines[0].startswith("The model is below the baseline. Try: ") == below


def test_a_run_of_an_older_version_is_refused_with_the_command(
    run: TrainedRun, data: Path, tmp_path: Path
) -> None:
    old = json.loads(Path(run.folder, "plan.json").read_text()) | {"schema": 1}
    (tmp_path / "plan.json").write_text(json.dumps(old))
    with pytest.raises(PupilaError, match=r"found .*schema 1; expected schema 3") as fault:
        pupila.train(data, out=tmp_path, resume=True)
    assert fault.value.remedy == f"pupila train {data} --out FOLDER"
    (tmp_path / "oof.parquet").write_bytes(Path(run.folder, "oof.parquet").read_bytes())
    with pytest.raises(PupilaError, match="another version of Pupila"):
        read_out_of_fold(read_run(str(tmp_path)), pupila.open(data))


def test_ctrl_c_leaves_a_usable_run_that_resumes_to_the_same_result(
    run: TrainedRun, data: Path, tmp_path: Path
) -> None:
    def interrupt(line: LogLine) -> None:
        if isinstance(line, EpochLog) and line.epoch == 1:
            raise KeyboardInterrupt

    stopped = pupila.train(data, out=tmp_path / "run", tell=interrupt, **SETTINGS)
    assert stopped.state == "interrupted"
    assert "was interrupted" in Path(stopped.folder, "report.html").read_text()
    Predictor(stopped.bundle)  # checks its golden predictions
    whole = pupila.train(data, out=tmp_path / "run", resume=True)
    assert whole.state == "completed"
    assert weights(whole) == weights(run)


def test_ctrl_c_before_the_first_epoch_ends_at_once(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pupila.learning.loop._train_epoch", interrupt)
    with pytest.raises(KeyboardInterrupt):
        pupila.train(data, out=tmp_path / "run", **SETTINGS)


def test_a_collapsed_run_is_stopped_and_marked(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    still = ["--lr=1e-12", "--epochs=9", "--collapse-patience=2"]
    assert command(["train", str(data), *FLAGS, *still, "--out", str(tmp_path / "run")]) == 1
    report = capsys.readouterr().out
    assert "epoch 2:" in report and "epoch 3:" not in report
    assert "collapsed" in report and "class_weights=inverse" in report
    assert json.loads((tmp_path / "run/plan.json").read_text())["state"] == "collapsed"


def test_out_of_memory_halves_the_batch_size_and_logs_it(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []

    def small_memory(trainer: Any, plan: Any, checkpointer: Any) -> Any:
        sizes.append(plan.batch_size)
        if plan.batch_size > 4:
            raise torch.OutOfMemoryError("no room")
        return train_split(trainer, plan, checkpointer)

    monkeypatch.setattr(schedule, "train_split", small_memory)
    report: list[LogLine] = []
    pupila.train(data, out=tmp_path / "run", tell=report.append, batch_size=16, **SETTINGS)
    assert sizes == [16, 8, 4]
    assert [str(line) for line in report if "Out of" in str(line)] == [
        f"Out of memory: batch size halved to {n}." for n in (8, 4)
    ]
    plan = json.loads((tmp_path / "run/plan.json").read_text())["plan"]
    assert (plan["batch_size"], plan["reasons"]["batch_size"]) == (
        4,
        "halved from 8, which ran out of memory",
    )
    pupila.train(data, out=tmp_path / "run", resume=True, batch_size=16, **SETTINGS)  # the same command again


def test_folds_predict_every_image_with_a_model_that_was_not_trained_on_it(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "pets", {"cat": 18, "dog": 18})
    finished = pupila.train(folder, out=tmp_path / "run", folds=3, **{**SETTINGS, "epochs": 1})
    frame = predictions(finished)
    split = SplitFile.read(str(folder))
    assert split is not None
    assert dict(zip(frame["image"], frame["fold"], strict=True)) == {
        a.image: a.fold for a in split.images if a.split != "test"
    }
    assert {line.part for line in finished.log} == {
        "fold0-finetune",
        "fold1-finetune",
        "fold2-finetune",
        "whole-finetune",
    }
    assert finished.outcomes.keys() == {
        f"fold{fold}-finetune" for fold in range(3)
    }  # the last has no validation
    rows = [row for own in finished.outcomes.values() for row in own.rows.tolist()]
    assert pupila.open(folder).images["image"][rows].to_list() == frame["image"].to_list()
    result = classified(pupila.evaluate(finished.folder, folder).evaluation).models[0]
    assert result.n == len(frame)
    right = (frame["target"] == frame["prediction"]).mean()
    assert result.metrics["accuracy"].value == pytest.approx(right)
    with pytest.raises(PupilaError, match=r"splits.json has 3 folds, but --folds is 4"):
        pupila.train(folder, out=tmp_path / "more", folds=4, **SETTINGS)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny classifier of timm with random weights, saved as a user would who knows cats and dogs."""
    torch.manual_seed(1)
    model = timm.create_model("test_resnet", num_classes=2)
    file = tmp_path_factory.mktemp("weights") / "pets.safetensors"
    save_file(model.state_dict(), file)
    report = {
        "model": "test_resnet",
        "options": {"num_classes": 2},
        "classes": ["cat", "dog"],
        "image_size": 64,
    }
    file.with_suffix(".json").write_text(json.dumps(report))
    return str(file)


def test_zero_epochs_bundle_the_pretrained_model(data: Path, tmp_path: Path, classifier: str) -> None:
    finished = pupila.train(data, out=tmp_path / "run", weights=classifier, epochs=0)
    model = timm.create_model("test_resnet", num_classes=2).eval()
    model.load_state_dict(load_file(classifier))
    predictor = Predictor(finished.bundle)
    pixels = predictor.preprocess((data / "cat/000.jpg").read_bytes()).inputs
    with torch.inference_mode():
        expected = model(torch.from_numpy(pixels)).numpy()
    assert predictor.logits(pixels) == pytest.approx(expected, abs=1e-4)
    assert finished.bundle.info.classes == ["cat", "dog"]
    assert validation(finished.bundle.info).n == 12
    assert finished.log == []


def test_unfrozen_blocks_that_lower_the_score_are_discarded(
    data: Path, tmp_path: Path, classifier: str
) -> None:
    overrides: dict[str, Any] = {
        "weights": classifier,
        "epochs": 2,
        "augment": "none",
        "precision": "float32",
    }
    head = pupila.train(data, out=tmp_path / "head", unfreeze=0, **overrides)
    finetuned = pupila.train(
        data, out=tmp_path / "fine", unfreeze=1, finetune_epochs=1, finetune_lr=1e3, **overrides
    )
    assert [line.part for line in finetuned.log] == ["head", "head", "finetune"]
    headed = validation(head.bundle.info).metrics["macro_f1"].value
    assert headed is not None and finetuned.log[2].metrics["macro_f1"] <= headed
    ours, theirs = (
        predictions(item).select(pl.selectors.starts_with("logit")).to_numpy() for item in (finetuned, head)
    )
    assert ours == pytest.approx(theirs, abs=1e-4)


def test_a_dry_run_and_a_preview_train_nothing(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command(["train", str(data), *FLAGS, "--dry-run"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["model"], plan["image_size"], plan["classes"]) == ("lenet", 32, ["cat", "dog"])
    assert command(["train", str(data), *FLAGS, "--preview", "sheet.png"]) == 0
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (7 * 32, 6 * 32)  # each picture and six views of it, of six pictures
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]


def test_set_overrides_the_file_and_reaches_into_it(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("model: lenet\nweights: none\nimage_size: 48\nepochs: 7\nlr: 1e-4\n")
    assert command(["train", str(data), "--config", str(file), "--epochs", "3", "--dry-run"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["image_size"], plan["epochs"], plan["lr"]) == (48, 3, 1e-4)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--epoch", "5"], "--epochs"),
        (["--model", "lennet"], "Did you mean lenet"),
        (["--augment", "A5"], "Unknown augmentation preset A5"),
        (["--weights", "nowhere.safetensors"], "nowhere.safetensors"),
        (["--config", "nowhere.yaml"], "nowhere.yaml does not exist"),
        (["--options", "[1"], "--options"),
    ],
)
def test_bad_arguments_are_refused_with_a_message(
    data: Path, arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["train", str(data), "--out", str(tmp_path / "run"), *arguments]) == 2
    report = capsys.readouterr().err
    assert says in report and "Traceback" not in report
    assert not (tmp_path / "run").exists()


def test_data_model_and_baseline_are_logged_first_and_the_time_after_an_epoch(
    data: Path, tmp_path: Path
) -> None:
    notes: list[LogLine] = []
    pupila.train(data, out=tmp_path / "run", tell=notes.append, **SETTINGS)
    first = [str(note) for note in notes[:9]]
    assert first[0].endswith(": a folder per class.")
    assert first[1] == "Task: classify, 2 classes (cat 20, dog 20)."
    assert first[2].startswith("Confidence in this reading: likely.")  # both are numbered alike
    assert first[3] == "The split was drawn at random."
    assert first[4].startswith("Split: train 22 images in 22 groups; validation 12 images")
    assert first[5].startswith("No groups are known: neither the data nor the file names tell")
    assert first[6] == "Model: lenet at 32 pixels on cpu, from random weights."
    assert first[7] == "Validation baseline (majority class 'cat'): macro F1 0.333."
    assert first[8].startswith("finetune epoch 1: loss")
    assert "s per epoch, at most" in str(notes[9]) and "for 2 epochs." in str(notes[9])
    assert "baseline (majority class 'cat') 0.333." in html.unescape(
        (tmp_path / "run/report.html").read_text()
    )


def test_a_dry_run_leaves_the_data_unsplit_and_knows_the_folds(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "pets", {"cat": 12, "dog": 12})
    before = sorted(path.name for path in folder.iterdir())
    assert make_plan(folder, folds=3, **SETTINGS).folds == 3
    assert sorted(path.name for path in folder.iterdir()) == before


def test_the_bundle_predicts_with_the_tuned_threshold(data: Path, tmp_path: Path) -> None:
    finished = pupila.train(
        data, out=tmp_path / "run", threshold="dog:cost:fn=100,fp=1", abstain_below=0.6, **SETTINGS
    )
    post_processing = finished.bundle.info.post_processing
    assert (post_processing.positive, post_processing.objective, post_processing.abstain_below) == (
        "dog",
        "dog:cost:fn=100,fp=1",
        0.6,
    )
    frame = predictions(finished)
    logits = frame.select("logit:cat", "logit:dog").to_numpy()
    assert post_processing.threshold is not None
    actual = classify.predict_classes(logits, finished.bundle.info)
    assert [a.prediction == "dog" for a in actual] == [
        a.probabilities["dog"] >= post_processing.threshold for a in actual
    ]
    dogs = [a.prediction for a, target in zip(actual, frame["target"], strict=True) if target == "dog"]
    assert set(dogs) == {"dog"}  # none may be missed at this price
    assert frame["prediction"].to_list() == [a.prediction for a in actual]
    right = (frame["prediction"] == frame["target"]).mean()
    assert validation(finished.bundle.info).metrics["accuracy"].value == pytest.approx(right)


def test_an_unreachable_threshold_objective_keeps_the_model(data: Path, tmp_path: Path) -> None:
    overrides = {**SETTINGS, "lr": 1e-9, "epochs": 1, "collapse_patience": 9}
    finished = pupila.train(data, out=tmp_path / "run", threshold="dog:precision>=1", **overrides)
    assert finished.bundle.info.post_processing.threshold is None
    assert "No threshold reaches dog:precision&gt;=1" in (tmp_path / "run/report.html").read_text()


def test_the_bundle_lists_its_training_images(run: TrainedRun, data: Path) -> None:
    splits = SplitFile.read(str(data))
    assert splits is not None
    assert run.bundle.training_images() == {a.sha256 for a in splits.images if a.split != "test"}


def test_the_plan_names_the_model_of_the_weights(data: Path, tmp_path: Path, classifier: str) -> None:
    plan = make_plan(data, weights=classifier, augment="none")
    assert (plan.model, plan.options) == ("test_resnet", {"num_classes": 2})


@pytest.mark.parametrize(("model", "data_folder", "expected"), [
    ("run", "run", "validation"), ("bundle", "run", "test"), ("bundle", "bundle", "test"),
])  # fmt: skip
def test_runs_are_compared_on_validation_and_bundles_on_test(
    run: TrainedRun, data: Path, tmp_path: Path, model: str, data_folder: str, expected: str
) -> None:
    paths = {"run": run.folder, "bundle": run.bundle.folder}
    report = pupila.evaluate(paths[model], data, against=[paths[data_folder]], out=tmp_path).evaluation
    assert report.split == expected
    assert [item.seen_in_training for item in report.models] == [0, 0]
    assert any("can depend on these images" in item for item in sentences(report)) == (
        expected == "validation"
    )
    assert [item.name for item in report.models] == [
        paths[model],
        paths[data_folder],
    ]  # called by their paths


def test_a_named_split_is_evaluated(run: TrainedRun, data: Path, tmp_path: Path) -> None:
    sealed = pupila.evaluate(run.folder, data, split="test", out=tmp_path).evaluation
    assert (sealed.split, sealed.models[0].seen_in_training) == ("test", 0)
    learned = pupila.evaluate(run.folder, data, split="train", out=tmp_path)
    assert learned.evaluation.models[0].seen_in_training == learned.evaluation.models[0].n
    assert "its figures are optimistically biased" in Path(learned.report).read_text()


def test_a_new_split_does_not_hide_training_images(run: TrainedRun, data: Path, tmp_path: Path) -> None:
    old = SplitFile.read(str(data))
    assert old is not None
    new = pupila.split(data, val=0.3, seed=99, replace=True)
    try:
        report = pupila.evaluate(run.bundle.folder, data, out=tmp_path).evaluation
    finally:
        pupila.split(data, val=0.3, replace=True)
    learned = {a.sha256 for a in old.images if a.split != "test"}
    fresh = {a.sha256 for a in new.images if a.split == "test"}
    assert report.models[0].seen_in_training == len(fresh & learned) > 0


def test_a_run_is_compared_with_a_table_of_predictions(run: TrainedRun, data: Path, tmp_path: Path) -> None:
    table = tmp_path / "theirs.csv"
    predictions(run).select("image", prediction="target").write_csv(table)
    report = pupila.evaluate(run.folder, data, against=[table], out=tmp_path).evaluation
    assert (report.split, report.comparisons[0].n) == ("validation", 12)


def test_a_threshold_is_not_evaluated_where_it_was_tuned(run: TrainedRun, data: Path) -> None:
    for split in (None, "validation"):
        with pytest.raises(PupilaError, match="same images"):
            pupila.evaluate(run.folder, data, split=split, threshold="f1")


def test_a_budget_does_not_train_a_model_without_epochs(data: Path, classifier: str) -> None:
    plan = make_plan(data, weights=classifier, epochs=0, budget="5m")
    assert (plan.epochs, plan.unfreeze) == (0, 0)


def test_a_budget_does_not_hide_a_setting_without_effect(data: Path, classifier: str) -> None:
    with pytest.raises(PupilaError, match="focal_gamma=5"):
        make_plan(data, weights=classifier, augment="none", budget="5m", focal_gamma=5.0)


def test_with_folds_a_threshold_is_tuned_on_out_of_fold_predictions(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "pets", {"cat": 18, "dog": 24})
    finished = pupila.train(folder, out=tmp_path / "run", folds=3, **{**SETTINGS, "epochs": 1})
    output = pupila.evaluate(finished.folder, folder, split="test", threshold="cost:fn=100,fp=1")
    frame = predictions(finished)
    shares = softmax(frame.select("logit:cat", "logit:dog").to_numpy() / finished.bundle.info.temperature)
    expected = tune_threshold("cost:fn=100,fp=1", shares[:, 0], frame["target"].to_numpy() == "cat")
    tuned = classified(output.evaluation).threshold
    assert tuned and tuned.positive == "cat" and tuned.threshold == pytest.approx(expected)
    with pytest.raises(PupilaError, match="no validation split to tune"):
        pupila.evaluate(finished.bundle.folder, folder, threshold="f1")
