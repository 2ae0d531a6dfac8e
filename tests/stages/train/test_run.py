"""A run from data to bundle: what lies in its folder, what is refused, how it ends, and that it can go on."""

import json
import sys
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
from pupila.artifacts.bundle.folder import read_bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.dataset.splits import SplitFile
from pupila.cli.run import run as command
from pupila.core.errors import PupilaError
from pupila.stages.evaluate.sentences import sentences
from pupila.stages.train.phases import learn
from pupila.stages.train.run import Run
from pupila.statistics.metrics.threshold import tune
from pupila.tasks import classify
from pupila.tasks.classify import Answer, softmax
from tests.pictures import write_classes

WISH: dict[str, Any] = {
    "model": "lenet", "weights": "none", "side": 32, "epochs": 2, "augment": "flip",
    "learning_rate": 3e-3, "precision": "float32",
}  # fmt: skip
SET = [f"--set={name}={value}" for name, value in WISH.items()]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_classes(tmp_path_factory.mktemp("shop") / "pets", {"cat": 20, "dog": 20})
    for path in (folder / "dog").iterdir():  # dogs are photographed at night, which two epochs can learn
        with Image.open(path) as photo:
            photo.point(lambda value: value * 0.3).save(path, quality=92)
    pupila.split(folder, val=0.3)
    return folder


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return pupila.train(data, out=tmp_path_factory.mktemp("run") / "first", **WISH)


def weights(run: Run) -> bytes:
    return Path(run.bundle.folder, "weights.safetensors").read_bytes()


def answers(run: Run) -> pl.DataFrame:
    return pl.read_parquet(Path(run.folder, "oof.parquet"))


def test_the_folder_holds_what_the_docs_say(run: Run) -> None:
    names = {path.name for path in Path(run.folder).iterdir()}
    assert names == {"plan.json", "log.jsonl", "oof.parquet", "checkpoints", "bundle", "report.html"}
    plan = json.loads(Path(run.folder, "plan.json").read_text())
    assert plan["state"] == run.state == "done"
    assert plan["plan"]["batch_size"] == 8
    assert plan["plan"]["reasons"]["batch_size"] == "22 training images"
    lines = [json.loads(line) for line in Path(run.folder, "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    assert "Macro F1" in Path(run.folder, "report.html").read_text()


def test_the_answers_are_those_of_the_bundle_and_the_figures_those_of_a_second_way(
    run: Run, data: Path
) -> None:
    frame = answers(run)
    sealed = {a.image for a in SplitFile.read(str(data)).of("test")}  # type: ignore[union-attr]
    assert len(frame) == 12 and not set(frame["image"]) & sealed
    logits = frame.select("logit:cat", "logit:dog").to_numpy()
    found = [
        answer for _, answer in Predictor(run.bundle).stream(str(data / name) for name in frame["image"])
    ]
    assert np.stack([a.logits for a in found if isinstance(a, Answer)]) == pytest.approx(logits, abs=1e-3)
    score = f1_score(frame["target"].to_list(), frame["prediction"].to_list(), average="macro")
    assert run.bundle.info.validation["metrics"]["macro F1"]["value"] == pytest.approx(score)
    assert max(line["macro_f1"] for line in run.log) == pytest.approx(score)  # the best epoch was kept


def test_the_same_seed_gives_the_same_weights_and_another_others(
    run: Run, data: Path, tmp_path: Path
) -> None:
    assert weights(pupila.train(data, out=tmp_path / "again", workers=0, **WISH)) == weights(run)
    assert weights(pupila.train(data, out=tmp_path / "other", seed=5, **WISH)) != weights(run)


def test_a_run_that_is_there_is_not_overwritten_and_goes_on_only_with_its_own_data(
    run: Run, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(PupilaError, match=r"(?s)A run is there already.*--resume"):
        pupila.train(data, out=run.folder, **WISH)
    assert pupila.train(data, out=run.folder, resume=True).bundle.hash == run.bundle.hash  # it was done
    with pytest.raises(
        PupilaError, match=r"other settings: found epochs=9, seed=5; wanted epochs=2, seed=not set"
    ):
        pupila.train(data, out=run.folder, resume=True, **{**WISH, "epochs": 9, "seed": 5})
    with pytest.raises(PupilaError, match="Which run is to go on was not said"):
        pupila.train(data, resume=True, **WISH)
    other = write_classes(tmp_path / "other", {"cat": 20, "dog": 20}, seed=3)
    with pytest.raises(PupilaError, match="other data"):
        pupila.train(other, out=run.folder, resume=True)


def test_ctrl_c_leaves_a_usable_run_that_goes_on_to_the_same_end(
    run: Run, data: Path, tmp_path: Path
) -> None:
    def interrupt(line: dict[str, Any]) -> None:
        if line.get("epoch") == 1:
            raise KeyboardInterrupt

    stopped = pupila.train(data, out=tmp_path / "run", tell=interrupt, **WISH)
    assert stopped.state == "interrupted"
    assert "Interrupted" in Path(stopped.folder, "report.html").read_text()
    Predictor(read_bundle(stopped.folder))  # answers, and its golden answers are right
    whole = pupila.train(data, out=tmp_path / "run", resume=True)
    assert whole.state == "done"
    assert weights(whole) == weights(run)


def test_ctrl_c_before_the_first_epoch_ends_at_once(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pupila.learning.loop._train_epoch", interrupt)
    with pytest.raises(KeyboardInterrupt):
        pupila.train(data, out=tmp_path / "run", **WISH)


def test_a_run_that_answers_one_class_is_stopped_and_marked(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    still = ["--set=learning_rate=1e-12", "--set=epochs=9", "--set=collapse_patience=2"]
    assert command(["train", str(data), *SET, *still, "--out", str(tmp_path / "run")]) == 1
    told = capsys.readouterr().out
    assert "epoch 2:" in told and "epoch 3:" not in told
    assert "collapsed" in told and "class_weights=inverse" in told
    assert json.loads((tmp_path / "run/plan.json").read_text())["state"] == "collapsed"


def test_out_of_memory_halves_the_batch_and_says_so(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []

    def small_memory(lesson: Any, keeper: Any) -> Any:
        sizes.append(lesson.plan.batch_size)
        if lesson.plan.batch_size > 4:
            raise torch.OutOfMemoryError("no room")
        return learn(lesson, keeper)

    monkeypatch.setattr(sys.modules[Run.__module__], "learn", small_memory)
    told: list[dict[str, Any]] = []
    pupila.train(data, out=tmp_path / "run", tell=told.append, batch_size=16, **WISH)
    assert sizes == [16, 8, 4]
    assert [line["note"] for line in told if "Out of" in line.get("note", "")] == [
        f"Out of memory: the batch is halved to {n}." for n in (8, 4)
    ]
    plan = json.loads((tmp_path / "run/plan.json").read_text())["plan"]
    assert (plan["batch_size"], plan["reasons"]["batch_size"]) == (
        4,
        "halved from 8, for which there was no memory",
    )
    pupila.train(data, out=tmp_path / "run", resume=True, batch_size=16, **WISH)  # the same command again


def test_folds_answer_every_image_by_a_model_that_did_not_learn_from_it(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "pets", {"cat": 18, "dog": 18})
    done = pupila.train(folder, out=tmp_path / "run", folds=3, **{**WISH, "epochs": 1})
    frame = answers(done)
    split = SplitFile.read(str(folder))
    assert split is not None
    assert dict(zip(frame["image"], frame["fold"], strict=True)) == {
        a.image: a.fold for a in split.images if a.split != "test"
    }
    assert {line["part"] for line in done.log} == {"fold0-fine", "fold1-fine", "fold2-fine", "whole-fine"}
    judged = pupila.evaluate(done.folder, folder).evaluation["models"][0]
    assert judged["n"] == len(frame)
    right = (frame["target"] == frame["prediction"]).mean()
    assert judged["metrics"]["accuracy"]["value"] == pytest.approx(right)
    with pytest.raises(PupilaError, match="split otherwise"):
        pupila.train(folder, out=tmp_path / "more", folds=4, **WISH)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny classifier of timm with random weights, saved as a user would who knows cats and dogs."""
    torch.manual_seed(1)
    model = timm.create_model("test_resnet", num_classes=2)
    file = tmp_path_factory.mktemp("weights") / "pets.safetensors"
    save_file(model.state_dict(), file)
    told = {"model": "test_resnet", "options": {"num_classes": 2}, "classes": ["cat", "dog"], "side": 64}
    file.with_suffix(".json").write_text(json.dumps(told))
    return str(file)


def test_no_epoch_bundles_the_pretrained_model_as_it_is(data: Path, tmp_path: Path, classifier: str) -> None:
    done = pupila.train(data, out=tmp_path / "run", weights=classifier, epochs=0)
    model = timm.create_model("test_resnet", num_classes=2).eval()
    model.load_state_dict(load_file(classifier))
    predictor = Predictor(done.bundle)
    pixels = predictor.prepare((data / "cat/000.jpg").read_bytes()).inputs
    with torch.inference_mode():
        wanted = model(torch.from_numpy(pixels)).numpy()
    assert predictor.logits(pixels) == pytest.approx(wanted, abs=1e-4)
    assert done.bundle.info.classes == ["cat", "dog"]
    assert done.bundle.info.validation["n"] == 12
    assert done.log == []


def test_thawed_blocks_that_make_it_worse_are_not_kept(data: Path, tmp_path: Path, classifier: str) -> None:
    wish: dict[str, Any] = {"weights": classifier, "epochs": 2, "augment": "none", "precision": "float32"}
    head = pupila.train(data, out=tmp_path / "head", **wish)
    fine = pupila.train(data, out=tmp_path / "fine", thaw=1, fine_epochs=1, fine_learning_rate=1e3, **wish)
    assert [line["part"] for line in fine.log] == ["head", "head", "fine"]
    assert fine.log[2]["macro_f1"] <= head.bundle.info.validation["metrics"]["macro F1"]["value"]
    ours, theirs = (answers(one).select(pl.selectors.starts_with("logit")).to_numpy() for one in (fine, head))
    assert ours == pytest.approx(theirs, abs=1e-4)


def test_a_dry_run_and_a_preview_train_nothing(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command(["train", str(data), *SET, "--dry-run"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["model"], plan["side"], plan["classes"]) == ("lenet", 32, ["cat", "dog"])
    assert command(["train", str(data), *SET, "--preview", "sheet.png"]) == 0
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (7 * 32, 6 * 32)  # each picture and six views of it, of six pictures
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]


def test_set_overrides_the_file_and_reaches_into_it(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("model: lenet\nweights: none\nside: 48\nepochs: 7\nlearning_rate: 1e-4\n")
    assert command(["train", str(data), "--config", str(file), "--set", "epochs=3", "--dry-run"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["side"], plan["epochs"], plan["learning_rate"]) == (48, 3, 1e-4)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--set", "epoch=5"], "did you mean 'epochs'"),
        (["--set", "model=lennet"], "did you mean 'lenet'"),
        (["--set", "augment=A5"], "unknown"),
        (["--set", "weights=nowhere.safetensors"], "nowhere.safetensors"),
        (["--config", "nowhere.yaml"], "Can't read nowhere.yaml"),
        (["--set", "options=[1"], "YAML"),
        (["--set", "model.name=x", "--set", "model=lenet", "--set", "model.name=x"], "one value for model"),
    ],
)
def test_what_is_not_understood_is_answered(
    data: Path, arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["train", str(data), "--out", str(tmp_path / "run"), *arguments]) == 2
    told = capsys.readouterr().err
    assert says in told and "Traceback" not in told
    assert not (tmp_path / "run").exists()


def test_what_has_to_be_beaten_is_told_first(data: Path, tmp_path: Path) -> None:
    told: list[dict[str, Any]] = []
    pupila.train(data, out=tmp_path / "run", tell=told.append, **WISH)
    assert told[0]["note"] == "To beat: always answering cat has macro F1 0.333 on validation."
    assert "Always answering cat would reach macro F1 0.333." in (tmp_path / "run/report.html").read_text()


def test_a_dry_run_leaves_the_data_unsplit_and_knows_the_folds(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "pets", {"cat": 12, "dog": 12})
    before = sorted(path.name for path in folder.iterdir())
    assert make_plan(folder, folds=3, **WISH).folds == 3
    assert sorted(path.name for path in folder.iterdir()) == before


def test_the_bundle_answers_by_the_threshold_that_was_tuned(data: Path, tmp_path: Path) -> None:
    done = pupila.train(
        data, out=tmp_path / "run", threshold="dog:cost:fn=100,fp=1", abstain_below=0.6, **WISH
    )
    decision = done.bundle.info.decision
    assert (decision.positive, decision.objective, decision.abstain_below) == (
        "dog",
        "dog:cost:fn=100,fp=1",
        0.6,
    )
    frame = answers(done)
    logits = frame.select("logit:cat", "logit:dog").to_numpy()
    assert decision.threshold is not None
    found = classify.answers(logits, done.bundle.info)
    assert [a.prediction == "dog" for a in found] == [
        a.probabilities["dog"] >= decision.threshold for a in found
    ]
    dogs = [a.prediction for a, truth in zip(found, frame["target"], strict=True) if truth == "dog"]
    assert set(dogs) == {"dog"}  # none may be missed at this price
    assert frame["prediction"].to_list() == [a.prediction for a in found]
    right = (frame["prediction"] == frame["target"]).mean()
    assert done.bundle.info.validation["metrics"]["accuracy"]["value"] == pytest.approx(right)


def test_a_threshold_that_validation_does_not_reach_costs_no_model(data: Path, tmp_path: Path) -> None:
    wish = {**WISH, "learning_rate": 1e-9, "epochs": 1, "collapse_patience": 9}
    done = pupila.train(data, out=tmp_path / "run", threshold="dog:precision>=1", **wish)
    assert done.bundle.info.decision.threshold is None
    assert "No threshold reaches dog:precision&gt;=1" in (tmp_path / "run/report.html").read_text()


def test_the_bundle_names_what_it_learned_from(run: Run, data: Path) -> None:
    splits = SplitFile.read(str(data))
    assert splits is not None
    assert run.bundle.learned_from() == {a.sha256 for a in splits.images if a.split != "test"}


def test_the_plan_names_the_model_that_the_weights_bring(data: Path, tmp_path: Path, classifier: str) -> None:
    plan = make_plan(data, weights=classifier, augment="none")
    assert (plan.model, plan.options) == ("test_resnet", {"num_classes": 2})


@pytest.mark.parametrize(("model", "data_folder", "wanted"), [
    ("run", "run", "validation"), ("bundle", "run", "test"), ("bundle", "bundle", "test"),
])  # fmt: skip
def test_runs_alone_are_judged_on_validation_and_beside_bundles_on_test(
    run: Run, data: Path, tmp_path: Path, model: str, data_folder: str, wanted: str
) -> None:
    paths = {"run": run.folder, "bundle": run.bundle.folder}
    told = pupila.evaluate(paths[model], data, against=[paths[data_folder]], out=tmp_path).evaluation
    assert told["split"] == wanted
    assert [one["seen"] for one in told["models"]] == [0, 0]
    assert any("chose the best epochs" in one for one in sentences(told)) == (wanted == "validation")
    assert [one["name"] for one in told["models"]] == [
        paths[model],
        paths[data_folder],
    ]  # called by their paths


def test_a_named_split_is_the_one_that_is_judged(run: Run, data: Path, tmp_path: Path) -> None:
    sealed = pupila.evaluate(run.folder, data, split="test", out=tmp_path).evaluation
    assert (sealed["split"], sealed["models"][0]["seen"]) == ("test", 0)
    learned = pupila.evaluate(run.folder, data, split="train", out=tmp_path)
    assert learned.evaluation["models"][0]["seen"] == learned.evaluation["models"][0]["n"]
    assert "its figures are too good" in Path(learned.report).read_text()


def test_a_new_split_does_not_hide_what_a_bundle_learned_from(run: Run, data: Path, tmp_path: Path) -> None:
    old = SplitFile.read(str(data))
    assert old is not None
    new = pupila.split(data, val=0.3, seed=99, replace=True)
    try:
        told = pupila.evaluate(run.bundle.folder, data, out=tmp_path).evaluation
    finally:
        pupila.split(data, val=0.3, replace=True)
    learned = {a.sha256 for a in old.images if a.split != "test"}
    fresh = {a.sha256 for a in new.images if a.split == "test"}
    assert told["models"][0]["seen"] == len(fresh & learned) > 0


def test_a_run_and_a_table_of_its_validation_answers_are_compared(
    run: Run, data: Path, tmp_path: Path
) -> None:
    table = tmp_path / "theirs.csv"
    answers(run).select("image", prediction="target").write_csv(table)
    told = pupila.evaluate(run.folder, data, against=[table], out=tmp_path).evaluation
    assert (told["split"], told["comparisons"][0]["n"]) == ("validation", 12)


def test_a_threshold_is_not_judged_where_it_was_tuned(run: Run, data: Path) -> None:
    for split in (None, "validation"):
        with pytest.raises(PupilaError, match="same images"):
            pupila.evaluate(run.folder, data, split=split, threshold="f1")


def test_a_budget_leaves_a_model_as_it_is_alone(data: Path, classifier: str) -> None:
    plan = make_plan(data, weights=classifier, epochs=0, budget="5m")
    assert (plan.epochs, plan.thaw) == (0, 0)


def test_a_budget_hides_no_setting_that_would_do_nothing(data: Path, classifier: str) -> None:
    with pytest.raises(PupilaError, match="would do nothing: found focal_gamma=5"):
        make_plan(data, weights=classifier, augment="none", budget="5m", focal_gamma=5.0)


def test_with_folds_a_threshold_is_tuned_on_what_was_answered_out_of_fold(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "pets", {"cat": 18, "dog": 24})
    done = pupila.train(folder, out=tmp_path / "run", folds=3, **{**WISH, "epochs": 1})
    told = pupila.evaluate(done.folder, folder, split="test", threshold="cost:fn=100,fp=1").evaluation
    frame = answers(done)
    shares = softmax(frame.select("logit:cat", "logit:dog").to_numpy() / done.bundle.info.temperature)
    wanted = tune("cost:fn=100,fp=1", shares[:, 0], frame["target"].to_numpy() == "cat")
    assert (told["threshold"]["positive"], told["threshold"]["threshold"]) == ("cat", pytest.approx(wanted))
    with pytest.raises(PupilaError, match="no validation split to tune"):
        pupila.evaluate(done.bundle.folder, folder, threshold="f1")
