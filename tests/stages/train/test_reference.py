"""The reference of a bundle comes from images that chose nothing: left out of the training, or out of fold."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import timm
import torch
from safetensors.torch import save_file

import pupila
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.bundle.reference import PROJECTIONS, find_reference, read_reference
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.run.log import LogLine
from pupila.core.errors import PupilaError
from pupila.imaging.images.appearance import measure_appearance
from pupila.stages.train.reference import REFERENCE, leave_out_reference
from pupila.statistics.drift.observations import to_digits
from tests.pictures import write_classes, write_scenes

SETTINGS: dict[str, Any] = {
    "model": "test_efficientnet", "image_size": 32, "epochs": 1, "augmented_views": 1, "batch_size": 8,
    "augment": "none", "device": "cpu", "fit": "squash",
}  # fmt: skip


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("weights") / "efficient.safetensors"
    torch.manual_seed(0)
    save_file(timm.create_model("test_efficientnet").state_dict(), path)
    path.with_suffix(".json").write_text('{"model": "test_efficientnet"}')
    return str(path)


@pytest.fixture(scope="module")
def pets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_classes(tmp_path_factory.mktemp("data") / "pets", {"cat": 20, "dog": 20})


def train(data: Path, out: Path, weights: str, **more: Any) -> tuple[Any, list[str]]:
    lines: list[str] = []

    def tell(line: LogLine) -> None:
        lines.append(str(line))

    return pupila.train(
        data, out=out, tell=tell, weights=weights, **{"unfreeze": 0, **SETTINGS, **more}
    ), lines


@pytest.mark.parametrize(
    ("sizes", "share"), [([12], 0.2), ([5, 5, 5, 5], 0.25), ([9, 1, 6, 4], 0.1), ([20, 20], 0.1)]
)
def test_no_larger_share_of_the_images_is_left_out_than_of_the_groups(
    pets: Path, sizes: list[int], share: float
) -> None:
    """Groups of these sizes, and of one image each."""
    data, splits = pupila.open(pets), SplitFile.read(str(pets)) or pupila.split(pets)
    components = [number for number, size in enumerate(sizes) for _ in range(size)]
    components += range(len(sizes), len(sizes) + len(splits.images) - len(components))
    counts = Counter(components)
    pairs = zip(splits.images, components, strict=True)
    grouped = replace(splits, images=[replace(a, component=own, split="train") for a, own in pairs])
    for seed in range(20):
        left_out = leave_out_reference(data, grouped, share, seed).in_split(REFERENCE)
        groups = {a.component for a in left_out}
        assert len(left_out) == sum(counts[group] for group in groups)  # all of each group
        most = max(1, round(share * len(counts)))
        assert len(groups) == most and len(left_out) <= most / len(counts) * len(components)


@pytest.mark.parametrize(("groups", "share"), [(1, 0.2), (3, 0.99)])
def test_a_reference_that_leaves_nothing_to_train_on_is_refused(
    pets: Path, groups: int, share: float
) -> None:
    data, splits = pupila.open(pets), SplitFile.read(str(pets)) or pupila.split(pets)
    images = [replace(a, component=row % groups, split="train") for row, a in enumerate(splits.images)]
    with pytest.raises(PupilaError, match="Conflicting settings") as fault:
        leave_out_reference(data, replace(splits, images=images), share, 0)
    assert fault.value.remedy == "--reference-share 0"


def test_without_training_images_none_are_left_out(pets: Path) -> None:
    data, splits = pupila.open(pets), SplitFile.read(str(pets)) or pupila.split(pets)
    tested = replace(splits, images=[replace(a, split="test") for a in splits.images])
    assert leave_out_reference(data, tested, 0.2, 0) == tested


def test_left_out_images_are_predicted_by_the_bundle_and_taught_it_nothing(
    pets: Path, weights: str, tmp_path: Path
) -> None:
    run, lines = train(pets, tmp_path / "run", weights, reference_share=0.25)
    bundle = run.bundle
    reference = read_reference(bundle)
    drift = bundle.info.drift
    assert drift is not None and (drift.source, drift.groups) == ("left-out", len(reference.observations))
    assert any(f"{drift.groups} training images are left out" in line for line in lines)
    data, splits = pupila.open(pets), SplitFile.read(str(pets))
    assert splits is not None
    used = leave_out_reference(data, splits, run.plan.reference_share, run.plan.seed)
    left_out = {a.sha256: pets / a.image for a in used.in_split(REFERENCE)}
    assert len(left_out) == drift.groups and not bundle.training_images() & left_out.keys()
    taught = {a.sha256 for a in splits.images if a.split in ("train", "validation")}
    assert bundle.training_images() == taught - left_out.keys()
    assert bundle.info.splits_hash == run.plan.splits_hash == splits.hash
    predictor = Predictor(bundle)
    images = [predictor.preprocess(path.read_bytes()) for path in left_out.values()]
    observed = predictor.observe_batch(images)
    confidences = sorted(prediction.confidence for prediction, _ in observed)
    np.testing.assert_allclose(sorted(reference.observations.confidence), confidences, rtol=1e-4)
    brightness = [measure_appearance(image.inputs, bundle.info.preprocessing)[0] for image in images]
    assert sorted(reference.observations.brightness) == sorted(map(to_digits, brightness))
    projected = np.array([embedding @ reference.projection for _, embedding in observed])
    np.testing.assert_allclose(
        np.sort(reference.observations.embedding, axis=0), np.sort(projected, axis=0), rtol=1e-3, atol=1e-5
    )
    np.testing.assert_allclose(reference.observations.outputs.sum(axis=1), 1, rtol=1e-5)


def test_few_groups_are_all_trained_on_with_the_reason(pets: Path, weights: str, tmp_path: Path) -> None:
    run, _ = train(pets, tmp_path / "run", weights)
    assert run.plan.reference_share == 0 and "no reference" in run.plan.reasons["reference_share"]
    assert find_reference(run.bundle) is None and run.bundle.info.drift is None


def test_a_resumed_run_leaves_out_the_same_images(pets: Path, weights: str, tmp_path: Path) -> None:
    first, _ = train(pets, tmp_path / "run", weights, reference_share=0.25)
    content = first.bundle.read("reference.safetensors")
    for name in ("bundle/bundle.json", "bundle/reference.safetensors"):
        Path(tmp_path, "run", name).unlink()
    again, _ = train(pets, tmp_path / "run", weights, reference_share=0.25, resume=True)
    assert again.bundle.read("reference.safetensors") == content


@pytest.mark.parametrize(("ensemble", "unfreeze"), [
    (False, 0), (True, 0), pytest.param(False, 1, marks=pytest.mark.slow),
])  # fmt: skip
def test_folds_give_out_of_fold_predictions(
    ensemble: bool, unfreeze: int, pets: Path, weights: str, tmp_path: Path
) -> None:
    more = {"finetune_epochs": 1} if unfreeze else {}
    pupila.split(pets, folds=2, replace=True)
    run, _ = train(pets, tmp_path / "run", weights, ensemble=ensemble, unfreeze=unfreeze, **more)
    pupila.split(pets, replace=True)
    own, drift = read_reference(run.bundle).observations, run.bundle.info.drift
    frame = pl.read_parquet(Path(run.folder, "oof.parquet"))
    assert drift is not None and drift.source == "out-of-fold" and len(own) == frame["component"].n_unique()
    assert own.embedding.shape[1] == (0 if unfreeze else PROJECTIONS)  # the encoder has learned from them
    assert np.isfinite(own.brightness).all()
    if ensemble:  # no fold predicts what the mean predicts
        assert np.isnan(own.confidence).all() and np.isnan(own.outputs).all()
    else:
        logits = frame.select("logit:cat", "logit:dog").to_numpy() / run.bundle.info.temperature
        share = np.exp(logits[:, 0]) / np.exp(logits).sum(axis=1)
        np.testing.assert_allclose(np.sort(own.outputs[:, 0]), np.sort(share), rtol=1e-4)


def test_masks_have_a_reference_of_their_shares(weights: str, tmp_path: Path) -> None:
    scenes = write_scenes(tmp_path / "water", 12)
    run = pupila.train(
        scenes, out=tmp_path / "run", encoder="test_efficientnet", weights=weights, image_size=32, epochs=1, unfreeze=0,
        batch_size=4, device="cpu", folds=2, precision="float32",
    )  # fmt: skip
    own = read_reference(run.bundle).observations
    np.testing.assert_allclose(own.outputs.sum(axis=1), 1, rtol=1e-5)
    assert np.isnan(own.confidence).all() and own.embedding.shape == (len(own), PROJECTIONS)


def test_a_share_beside_folds_is_refused(pets: Path, weights: str, tmp_path: Path) -> None:
    pupila.split(pets, folds=2, replace=True)
    with pytest.raises(PupilaError, match=r"reference_share.* has no effect"):
        train(pets, tmp_path / "run", weights, reference_share=0.2)
    pupila.split(pets, replace=True)
