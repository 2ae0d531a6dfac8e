"""Trainings that share a pool: the same numbers bit for bit, and a further one builds, hashes and encodes nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

import pupila
from pupila.api.split import plan_split
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.sweep.cell import CellResult
from pupila.learning.models import classify
from pupila.learning.pool import EncoderPool
from pupila.stages.train import cell, measure, plan
from pupila.stages.train.cell import FixedPart, PlannedCell, plan_cell, train_cell, write_planned
from pupila.stages.train.config import TrainConfig
from pupila.stages.train.measure import EngineChoice
from pupila.stages.train.sharing import fill_shared_features
from tests.pictures import write_classes

SETTINGS: dict[str, Any] = {
    "model": "test_efficientnet", "image_size": 32, "epochs": 2, "augmented_views": 2, "batch_size": 4,
    "augment": "A1", "unfreeze": 0, "device": "cpu",
}  # fmt: skip
VARIED: list[dict[str, Any]] = [{}, {"lr": 0.01}, {"head": "linear"}, {"seed": 4}, {"augment": "flip"}]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return pupila.open(write_classes(tmp_path_factory.mktemp("data"), {"ant": 8, "bee": 8}))


@pytest.fixture(scope="module")
def splits(data: Dataset) -> SplitFile:
    return plan_split(data)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("weights") / "efficient.safetensors"
    torch.manual_seed(0)
    save_file(timm.create_model("test_efficientnet").state_dict(), path)
    return str(path)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cache of its own, and no export."""
    monkeypatch.setenv("PUPILA_CACHE", str(tmp_path / "cache"))
    for module in (plan, measure, cell):
        monkeypatch.setattr(module, "pick_engine", lambda *_: EngineChoice("torch", "it was measured", 0.01))


class Cells:
    """Cells of one sweep."""

    def __init__(self, data: Dataset, splits: SplitFile, weights: str) -> None:
        self.data, self.splits, self.weights = data, splits, weights

    def plan(self, varied: dict[str, Any], pool: EncoderPool) -> PlannedCell:
        config = TrainConfig.parse({**SETTINGS, "weights": self.weights, **varied}, "train")
        fixed = FixedPart("cpu", torch.get_num_threads())
        return plan_cell(config, self.data, self.splits, fixed, pool)

    def train(self, planned: PlannedCell, folder: Path, pool: EncoderPool) -> CellResult:
        write_planned(str(folder), planned)
        return train_cell(self.data, self.splits, str(folder), [planned.choice], lambda line: None, pool)


@pytest.fixture
def cells(data: Dataset, splits: SplitFile, weights: str) -> Cells:
    return Cells(data, splits, weights)


def best_weights(folder: Path) -> dict[str, bytes]:
    """Name of a tensor to its bytes; the order in the file is the library's."""
    tensors = load_file(folder / "checkpoints/head-best.safetensors")
    return {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}


def test_cells_of_one_pool_are_bit_equal_to_cells_alone(
    cells: Cells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = EncoderPool()
    planned = [cells.plan(varied, pool) for varied in VARIED]
    assert fill_shared_features(cells.data, [(each.plan, cells.splits) for each in planned], pool) > 0
    shared = [cells.train(each, tmp_path / f"shared/{each.id}", pool) for each in planned]
    monkeypatch.setenv("PUPILA_CACHE", str(tmp_path / "other"))
    for varied, each, result in zip(VARIED, planned, shared, strict=True):
        alone = EncoderPool()
        again = cells.plan(varied, alone)
        assert (again.id, again.plan) == (each.id, each.plan)
        figures = cells.train(again, tmp_path / f"alone/{each.id}", alone)
        assert figures.model_copy(update={"timing": result.timing}) == result
        assert best_weights(tmp_path / f"alone/{each.id}") == best_weights(tmp_path / f"shared/{each.id}")
    assert len({result.predictions for result in shared}) == len(VARIED)


def count_calls(monkeypatch: pytest.MonkeyPatch, holder: Any, name: str) -> list[str]:
    calls: list[str] = []
    function: Callable[..., Any] = getattr(holder, name)

    def count(*given: Any, **named: Any) -> Any:
        calls.append(name)
        return function(*given, **named)

    monkeypatch.setattr(holder, name, count)
    return calls


def test_a_further_head_on_a_frozen_encoder_builds_hashes_and_encodes_nothing(
    cells: Cells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = EncoderPool()
    first = cells.plan({}, pool)
    cells.train(first, tmp_path / "first", pool)
    calls = [
        count_calls(monkeypatch, classify, name) for name in ("_create_model", "hash_module", "load_weights")
    ]
    network = pool.built.get(*_any_key(pool))
    calls.append(count_calls(monkeypatch, network.encoder, "forward"))
    second = cells.plan({"lr": 0.01, "head": "linear"}, pool)
    calls[3].clear()  # the plan tries the image size
    cells.train(second, tmp_path / "second", pool)
    assert calls == [[], [], [], []]
    third = cells.plan({"augment": "flip"}, pool)
    calls[3].clear()
    cells.train(third, tmp_path / "third", pool)
    assert calls[:3] == [[], [], []] and calls[3]  # other views are encoded by the same encoder


def _any_key(pool: EncoderPool) -> tuple[Any, Any]:
    def fail() -> Any:
        raise AssertionError("nothing is built again")

    (key,) = pool.built._built
    return key, fail


def test_an_unfrozen_cell_leaves_the_shared_encoder_as_it_is(cells: Cells, tmp_path: Path) -> None:
    pool = EncoderPool()
    before = cells.train(cells.plan({}, pool), tmp_path / "before", pool)
    tuned = cells.plan({"unfreeze": 1, "finetune_epochs": 1, "precision": "float32"}, pool)
    cells.train(tuned, tmp_path / "tuned", pool)
    after = cells.train(cells.plan({}, pool), tmp_path / "after", pool)
    assert after.predictions == before.predictions
    other = cells.plan({"augment": "flip"}, pool)
    assert (
        cells.train(other, tmp_path / "flip", pool).predictions
        == cells.train(
            cells.plan({"augment": "flip"}, EncoderPool()), tmp_path / "alone", EncoderPool()
        ).predictions
    )
