"""Bundles that predict a mean, over fold models or over flips: served as trained, resumed, rebuilt, and refused."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import polars as pl
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

import pupila
from pupila.artifacts.bundle.folder import HEADS_FILE, Bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.bundle.reference import REFERENCE_FILE
from pupila.core.errors import PupilaError
from pupila.learning.models.rebuild import rebuild_network
from pupila.learning.models.served import ServedNetwork
from tests.killing import Killed, struck
from tests.pictures import write_classes, write_scenes

SETTINGS: dict[str, Any] = {
    "model": "test_efficientnet", "image_size": 32, "epochs": 2, "augmented_views": 2, "batch_size": 8,
    "augment": "flip", "precision": "float32", "device": "cpu", "head": "dense",
}  # fmt: skip
UNFROZEN: list[dict[str, Any]] = [{"unfreeze": 0}, {"unfreeze": 1, "finetune_epochs": 1}]
FOLDS: dict[str, Any] = {"folds": 2, "ensemble": True}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("weights") / "efficient.safetensors"
    torch.manual_seed(0)
    save_file(timm.create_model("test_efficientnet").state_dict(), path)
    path.with_suffix(".json").write_text('{"model": "test_efficientnet"}')
    return str(path)


@pytest.fixture(scope="module")
def pets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_classes(tmp_path_factory.mktemp("data") / "pets", {"cat": 14, "dog": 14})


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("PUPILA_CACHE", str(tmp_path_factory.getbasetemp() / "ensembles"))


def check_rebuilt(bundle: Bundle) -> None:
    """Torch's network from the bundle alone predicts as its graph does."""
    spec, network = bundle.info.preprocessing, rebuild_network(bundle)
    inputs = np.random.default_rng(0).standard_normal((2, 3, spec.height, spec.width), dtype=np.float32)
    with torch.inference_mode():
        ours = ServedNetwork(network).eval()(torch.from_numpy(inputs))[0].numpy()
    theirs = Predictor(bundle).logits(inputs)
    assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(ours).max()


@pytest.mark.parametrize("unfreeze", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_an_ensemble_of_classifiers_is_one_bundle(
    unfreeze: int, pets: Path, weights: str, tmp_path: Path
) -> None:
    pupila.split(pets, folds=2, replace=True)
    lines: list[str] = []
    run = pupila.train(
        pets, out=tmp_path / "run", weights=weights, **UNFROZEN[unfreeze],
        tell=lambda line: lines.append(str(line)), **SETTINGS, **FOLDS,
    )  # fmt: skip
    info = run.bundle.info
    assert len(info.members) == 2 and info.parity is not None and info.validation is not None
    assert info.parity.label_agreement == 1.0 and info.parity.largest_difference < 1e-4
    names = {name for name in info.files if name.endswith(".safetensors")} - {REFERENCE_FILE}
    assert names == (
        {"weights_0.safetensors", "weights_1.safetensors"}
        if unfreeze
        else {"weights.safetensors", HEADS_FILE}
    )
    assert {member.weights_file for member in info.members} == names - {HEADS_FILE}
    assert {line.part.partition("-")[0] for line in run.log} == {"fold0", "fold1"}  # none on all folds
    frame = pl.read_parquet(Path(run.folder, "oof.parquet"))
    assert len(frame) == info.validation.n == 24 and set(frame["fold"]) == {0, 1}
    card = Path(run.bundle.folder, "card.md").read_text()
    assert "Ensemble of 2 fold models" in card and "usually a lower bound" in card
    assert any("Served as one file of" in line for line in lines)
    check_rebuilt(run.bundle)


def test_an_ensemble_of_masks_in_tiles_with_flips_is_one_bundle(weights: str, tmp_path: Path) -> None:
    scenes = write_scenes(tmp_path / "water", 10)
    run = pupila.train(
        scenes, out=tmp_path / "run", encoder="test_efficientnet", weights=weights, image_size=32, epochs=1,
        finetune_epochs=1, batch_size=8, precision="float32", device="cpu", view="tile",
        test_time_flips="horizontal", **FOLDS,
    )  # fmt: skip
    info = run.bundle.info
    assert len(info.members) == 2 and info.parity is not None and info.parity.largest_difference < 1e-4
    graph = onnx.load_model_from_string(run.bundle.read("model.onnx")).graph
    layers = [
        layer
        for layer in ServedNetwork(rebuild_network(run.bundle)).modules()
        if isinstance(layer, nn.Conv2d)
    ]
    assert sum(node.op_type == "Conv" for node in graph.node) < len(
        layers
    )  # the frozen blocks are in it once
    check_rebuilt(run.bundle)


@pytest.mark.parametrize("unfreeze", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_bundle_with_flips_serves_what_was_validated(
    unfreeze: int, pets: Path, weights: str, tmp_path: Path
) -> None:
    pupila.split(pets, val=0.4, replace=True)
    run = pupila.train(
        pets, out=tmp_path / "run", weights=weights, **UNFROZEN[unfreeze],
        test_time_flips="both", **SETTINGS,
    )  # fmt: skip
    predictor = Predictor(run.bundle)
    frame = pl.read_parquet(Path(run.folder, "oof.parquet"))
    images = [predictor.preprocess((pets / name).read_bytes()) for name in frame["image"]]
    served = predictor.logits(np.concatenate([image.inputs for image in images]))
    validated = frame.select("logit:cat", "logit:dog").to_numpy()
    assert np.abs(served - validated).max() <= 1e-3 * np.abs(validated).max()
    turned = images[0].inputs[..., ::-1].copy()  # the mean over flips is that of a flipped image
    assert predictor.logits(turned)[0] == pytest.approx(served[0], rel=1e-4)
    assert predictor.embedding(images[0]).shape == (rebuild_network(run.bundle).size,)
    assert "of 4 passes through the network" in Path(run.bundle.folder, "card.md").read_text()
    check_rebuilt(run.bundle)


def test_a_killed_ensemble_ends_as_one_that_was_not(pets: Path, weights: str, tmp_path: Path) -> None:
    own: dict[str, Any] = {"weights": weights, "unfreeze": 0, **SETTINGS, **FOLDS}
    pupila.split(pets, folds=2, replace=True)
    whole = pupila.train(pets, out=tmp_path / "whole", **own)
    with struck(3, 9):
        with pytest.raises(Killed):
            pupila.train(pets, out=tmp_path / "killed", **own)
        with pytest.raises(Killed):
            pupila.train(pets, out=tmp_path / "killed", resume=True)
    resumed = pupila.train(pets, out=tmp_path / "killed", resume=True)
    assert resumed.bundle.read("weights.safetensors") == whole.bundle.read("weights.safetensors")


def test_what_has_no_mean_is_refused(pets: Path, weights: str, tmp_path: Path) -> None:
    pupila.split(pets, replace=True)
    with pytest.raises(PupilaError, match=r"ensemble=True has no effect: it needs folds"):
        pupila.train(pets, out=tmp_path / "a", ensemble=True, weights=weights, **SETTINGS)
    with pytest.raises(PupilaError, match=r"(?s)Conflicting settings.*ensemble=true.*at least one epoch"):
        pupila.train(pets, out=tmp_path / "b", weights=weights, epochs=0, ensemble=True)
    scenes = write_scenes(tmp_path / "water", 6)
    averages: list[dict[str, Any]] = [{"ensemble": True}, {"test_time_flips": "both"}]
    for average in averages:
        with pytest.raises(PupilaError, match=r"(?s)Conflicting settings.*model without prompts"):
            pupila.train(scenes, out=tmp_path / "c", model="pupila-sam", **average)
