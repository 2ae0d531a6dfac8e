"""A run with a budget from its images to its bundle, by a clock that the test moves."""

import itertools
import json
import shutil
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

import pupila
from pupila.api.train import TrainCall, train_by_clock
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.run.budget import BudgetLog
from pupila.artifacts.run.folder import read_run
from pupila.artifacts.run.plan import RUNNING, write_plan
from pupila.stages.train import budget
from pupila.stages.train.budgets.cost import Cost
from pupila.stages.train.budgets.filling import LEFT_OUT, leave_out, order_rows, take_images
from pupila.stages.train.budgets.watch import BudgetWatch
from pupila.stages.train.clock import CommandClock
from pupila.stages.train.run import TrainedRun
from tests.pictures import write_classes

IMAGES = {"cat": 60, "dog": 20}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_classes(tmp_path_factory.mktemp("shop") / "pets", IMAGES)
    pupila.split(folder, val=0.3)
    return folder


@pytest.fixture(scope="module")
def opened(data: Path) -> tuple[Dataset, SplitFile]:
    splits = SplitFile.read(str(data))
    assert splits is not None
    return pupila.open(data), splits


def train(data: Path, out: Path, step: float, resume: bool = False) -> TrainedRun:
    """Train a tiny pretrained classifier; each reading of the clock takes a step of it."""
    weights = out.parent / "pets.safetensors"
    if not weights.exists():
        torch.manual_seed(1)
        save_file(timm.create_model("test_resnet", num_classes=2).state_dict(), weights)
        names = {
            "model": "test_resnet",
            "options": {"num_classes": 2},
            "classes": [*IMAGES],
            "image_size": 64,
        }
        weights.with_suffix(".json").write_text(json.dumps(names))
    readings = itertools.count()
    clock = CommandClock(lambda: step * next(readings), lambda: 1e9)
    settings = {"weights": str(weights), "model": "test_resnet", "budget": "60s", "image_size": 64}
    return train_by_clock(TrainCall(data, out, resume, lambda line: None, None, settings), clock)


@pytest.fixture
def _measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        budget, "_measure_cost", lambda *_: Cost(28, 12, 0.0, 0.0, 0.07, 64, lambda blocks: 0.07)
    )


@pytest.mark.usefixtures("_measured")
def test_a_run_ends_with_a_bundle_and_tells_how_its_time_was_spent(data: Path, tmp_path: Path) -> None:
    run = train(data, tmp_path / "run", 1.0)
    log = read_run(tmp_path / "run").plan_file.budget
    assert log is not None
    assert [entry.step for entry in log.steps] == [
        "start",
        "measuring",
        "images",
        "head",
        "finetune",
        "finish",
    ]
    assert log.find("finetune", "epochs")
    assert run.bundle.info.validation is not None
    assert "Time budget" in Path(run.folder, "report.html").read_text()
    # Killed before it was complete, it repeats what it had decided: the same weights.
    again = tmp_path / "again"
    shutil.copytree(run.folder, again)
    stored = read_run(again).plan_file
    killed = log.model_copy(update={"steps": log.steps[:3]})
    shutil.rmtree(again / "checkpoints")
    shutil.rmtree(again / "bundle")
    plan = stored.plan.model_copy(update={"unfreeze": 3})
    write_plan(str(again), stored.model_copy(update={"state": RUNNING, "budget": killed, "plan": plan}))
    resumed = train(data, again, 1e-6, resume=True)
    repeated = read_run(again).plan_file.budget
    assert repeated is not None and repeated.decisions == log.decisions
    for name in ("weights.safetensors", "model.onnx"):
        assert Path(resumed.bundle.folder, name).exists()
    first, second = (Path(r.bundle.folder, "weights.safetensors").read_bytes() for r in (run, resumed))
    assert first == second


@pytest.mark.usefixtures("_measured")
def test_with_too_little_time_for_all_images_a_stratified_part_is_used(data: Path, tmp_path: Path) -> None:
    run = train(data, tmp_path / "run", 4.0)
    log = read_run(run.folder).plan_file.budget
    assert log is not None
    used = {name: log.find("images", name)[-1].value for name in ("training_images", "validation_images")}
    assert 32 <= sum(used.values()) < sum(a.split != "test" for a in SplitFile.read(str(data)).images)  # type: ignore[union-attr]
    assert len(run.out_of_fold) == used["validation_images"]
    assert run.bundle.info.validation is not None


def test_every_beginning_of_the_order_has_both_splits_and_the_shares_of_the_classes(
    opened: tuple[Dataset, SplitFile],
) -> None:
    dataset, splits = opened
    ordered = order_rows(dataset, splits, 23)
    targets = dataset.images["target"].to_list()
    assert sorted(ordered.rows) == [row for row, a in enumerate(splits.images) if a.split != "test"]
    for count in (8, 16, 32):
        part = ordered.split(0, count)
        share = len(ordered.validation) / len(ordered.rows)
        assert abs(len(part.validation) - share * count) <= 1
        assert abs(sum(targets[row] == "dog" for row in part.train) - len(part.train) / 4) <= 2


def test_images_that_are_left_out_belong_to_no_split(opened: tuple[Dataset, SplitFile]) -> None:
    dataset, splits = opened
    watch = BudgetWatch(BudgetLog(seconds=30), lambda: 0.0)
    assert leave_out(dataset, splits, 23, watch.log) is splits
    used = take_images(order_rows(dataset, splits, 23), 40, "it was slow", watch)
    rest = leave_out(dataset, splits, 23, watch.log)
    left_out = {row for row, a in enumerate(rest.images) if a.split == LEFT_OUT}
    assert left_out == set(order_rows(dataset, splits, 23).rows) - set(used.rows)
    assert rest.in_split("test") == splits.in_split("test")
