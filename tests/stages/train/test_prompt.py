"""Train promptable models, from folders of drawn scenes to a bundle that predicts for points and boxes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

import pupila
from pupila.api.train import make_plan
from pupila.artifacts.bundle.prompter import Prompter
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.run.folder import Run
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.vocabulary import TRAIN, VALIDATION
from pupila.learning.loop import Checkpointer
from pupila.learning.models.prompt import build_promptable
from pupila.learning.models.settings import EncoderSettings
from pupila.learning.trainers.prompt import PromptTrainer
from pupila.learning.trainers.trainer import SplitRows
from pupila.stages.train.phases import TrainedSplit, train_split
from pupila.tasks.prompt import Prompt
from pupila.tasks.task import PostProcessing
from pupila.tasks.tuning.calibration import RejectedSetting
from pupila.tasks.tuning.segment import PostProcessingTuner
from tests import checkpoints
from tests.figures import validation
from tests.pictures import write_scenes
from tests.stages.evaluate.reports import prompted


@dataclass(frozen=True)
class Scenes:
    """Drawn scenes that are split, and an encoder's weights."""

    folder: Path
    encoder: Path

    @property
    def overrides(self) -> dict[str, Any]:
        return {
            "model": "pupila-sam", "weights": str(self.encoder), "image_size": 64, "epochs": 3, "augmented_views": 2,
            "lr": 1e-3, "warmup_epochs": 0.5,
        }  # fmt: skip


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Scenes:
    folder = write_scenes(tmp_path_factory.mktemp("data") / "scenes", 30)
    pupila.split(folder)
    torch.manual_seed(0)
    encoder = folder.parent / "encoder.safetensors"
    save_file(timm.create_model("test_efficientnet", features_only=True).state_dict(), encoder)
    files.write_json(str(encoder.with_suffix(".json")), {"model": "test_efficientnet", "part": "encoder"})
    return Scenes(folder, encoder)


@pytest.fixture(scope="module")
def run(scenes: Scenes, tmp_path_factory: pytest.TempPathFactory) -> Run:
    def tuned(_: Any, start: PostProcessing, positive: str) -> tuple[PostProcessing, list[RejectedSetting]]:
        # too few groups decide nothing by themselves
        return start.model_copy(update={"positive": positive, "threshold": 0.3}), []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PostProcessingTuner, "tune", tuned)
        return pupila.train(scenes.folder, out=tmp_path_factory.mktemp("runs") / "run", **scenes.overrides)


def rows(data: Dataset, split: str) -> list[int]:
    splits = SplitFile.read(data.home)
    assert splits is not None
    return [row for row, item in enumerate(splits.images) if item.split == split]


@dataclass
class Trained:
    """Result of a training without its bundle, which takes most of the time of a run."""

    learned: TrainedSplit
    losses: list[float]
    weights: dict[str, Tensor]


def trained(
    scenes: Scenes, folder: Path, strike: Callable[[int], None] | None = None, **changes: Any
) -> Trained:
    """Train in this folder, or resume it; `strike` gets the number of each prepared batch."""
    plan: Any = make_plan(scenes.folder, **{**scenes.overrides, **changes})
    data = pupila.open(scenes.folder)
    torch.manual_seed(plan.seed)
    network = build_promptable(plan, None, plan.image_size)
    trainer = PromptTrainer(data, SplitRows(rows(data, TRAIN), rows(data, VALIDATION)), plan, network)
    if strike is not None:
        count, whole = [0], trainer.add_prompts

        def count_batch(*args: Any) -> Any:
            count[0] += 1
            strike(count[0])
            return whole(*args)

        trainer.add_prompts = count_batch  # type: ignore[method-assign, assignment]
    checkpointers: list[Checkpointer] = []

    def checkpointer(phase: str) -> Checkpointer:
        checkpointers.append(Checkpointer(str(folder), phase))
        return checkpointers[-1]

    learned = train_split(trainer, plan, checkpointer)
    losses = [line.train_loss for item in checkpointers for line in item.lines]
    weights = {**network.head.state_dict(), **network.encoder.state_dict()}
    return Trained(learned, losses, {name: tensor.clone() for name, tensor in weights.items()})


def same(first: Trained, second: Trained) -> bool:
    return first.losses == second.losses and all(
        torch.equal(tensor, second.weights[name]) for name, tensor in first.weights.items()
    )


def test_auto_selects_the_recipe_for_a_decoder(scenes: Scenes) -> None:
    plan: Any = make_plan(scenes.folder, model="pupila-sam", weights=str(scenes.encoder), image_size=64)
    assert (plan.epochs, plan.batch_size, plan.lr, plan.unfreeze) == (20, 2, 1e-4, 0)
    assert (plan.cache, plan.augmented_views, plan.augment) == ("float16", 4, "light")
    assert plan.engine in ("torch", "torch-bfloat16", "onnxruntime") and "ms with" in plan.reasons["engine"]


def test_a_run_learns_and_records_its_metrics(run: Run, scenes: Scenes) -> None:
    assert run.state == "completed" and [line.epoch for line in run.log] == [1, 2, 3]
    assert run.log[-1].train_loss < run.log[0].train_loss
    assert run.log[0].metrics.keys() <= validation(run.bundle.info).metrics.keys()
    assert run.log[0].metrics["mean_iou"] == pytest.approx(
        (run.log[0].metrics["mean_iou_points"] + run.log[0].metrics["mean_iou_box"]) / 2
    )
    (own,) = run.outcomes.values()
    for number, name in enumerate(("points", "box")):
        scores = [line.metrics[f"mean_iou_{name}"] for line in run.log]
        assert own.values[:, :, number].mean(axis=1) == pytest.approx(scores)
    report = run.bundle.info
    assert (report.task, report.prompt_format, report.classes) == (
        "prompt",
        "sam",
        ["background", "foreground"],
    )
    assert report.parity is not None and report.parity.largest_difference < 1e-3
    data = pupila.open(scenes.folder)
    assert validation(report).n == len(rows(data, VALIDATION))
    assert {"mean_iou", "mean_iou_points", "mean_iou_box"} <= validation(report).metrics.keys()
    cached = pl.read_parquet(f"{run.folder}/oof.parquet")
    assert cached["iou:points"].mean() == pytest.approx(validation(report).metrics["mean_iou_points"].value)
    page = (Path(run.folder) / "report.html").read_text()
    assert "Mean IoU" in page and "filled box" in page


def test_the_bundle_has_an_encoder_and_a_decoder(run: Run, scenes: Scenes) -> None:
    assert {"encoder.onnx", "decoder.onnx", "weights.safetensors"} <= run.bundle.info.files.keys()
    data = pupila.open(scenes.folder)
    prompter = Prompter(run.bundle)
    row = rows(data, VALIDATION)[0]
    encoded = prompter.encode(prompter.preprocess(Path(data.path(row)).read_bytes()))
    height, width = data.mask(row).shape
    whole = Prompt(box=(0.0, 0.0, float(width), float(height)))
    prediction = prompter.predict(encoded, whole)
    assert prediction.mask.shape == (height, width) and 0 <= prediction.predicted_iou <= 1
    other = prompter.predict(encoded, Prompt(points=((1.0, 1.0),)))
    assert not np.array_equal(
        prompter.decode(encoded, whole).masks, prompter.decode(encoded, other_prompt()).masks
    )
    assert other.mask.shape == (height, width)


def other_prompt() -> Prompt:
    return Prompt(points=((1.0, 1.0),))


def test_a_bundle_is_a_start_for_another_training(run: Run, scenes: Scenes) -> None:
    network = build_promptable(EncoderSettings(model="pupila-sam", weights=run.folder), None)
    assert (
        network.preprocessing == run.bundle.info.preprocessing and network.encoder_name == "test_efficientnet"
    )
    report = {f"head.{name}": tensor for name, tensor in network.head.state_dict().items()}
    from safetensors.torch import load

    cached = load(run.bundle.read("weights.safetensors"))
    assert report.keys() <= cached.keys() and all(
        torch.equal(cached[name], tensor) for name, tensor in report.items()
    )
    plan: Any = make_plan(scenes.folder, model="pupila-sam", weights=run.folder)
    assert plan.image_size == 64 and plan.encoder == "test_efficientnet"


def test_validation_metrics_match_those_of_the_bundle(run: Run, scenes: Scenes, tmp_path: Path) -> None:
    report = run.bundle.info
    assert (
        report.temperature != 1 and report.post_processing.threshold == 0.3
    )  # which were tuned on one another
    output = pupila.evaluate(run.folder, scenes.folder, split="validation", out=tmp_path)
    actual = prompted(output.evaluation).models[0]
    for strategy in ("points", "box"):
        value = actual.strategies[strategy].per_mask["iou"].mean.value
        assert value == pytest.approx(validation(report).metrics[f"mean_iou_{strategy}"].value, abs=0.003)


def test_a_bundle_lists_the_training_images_of_its_pretrained_bundle(
    run: Run, scenes: Scenes, tmp_path: Path
) -> None:
    other = write_scenes(tmp_path / "other", 12, seed=5)
    pupila.split(other)
    overrides: dict[str, Any] = {"model": "pupila-sam", "weights": run.folder, "epochs": 0}
    later = pupila.train(other, out=tmp_path / "later", **overrides)
    assert run.bundle.training_images() <= later.bundle.training_images()
    assert later.bundle.info.weights.source == "file: run"


def test_masks_without_foreground_are_refused(scenes: Scenes) -> None:
    plan: Any = make_plan(scenes.folder, **scenes.overrides)
    data = pupila.open(scenes.folder)
    data.__dict__["class_pixels"] = np.stack([np.ones(len(data)), np.zeros(len(data))], axis=1)
    network = build_promptable(plan, None, plan.image_size)
    with pytest.raises(
        PupilaError, match=r"(?s)No prompt targets in the training masks.*21 masks without foreground"
    ):
        PromptTrainer(data, SplitRows(rows(data, TRAIN), []), plan, network)


def test_cached_and_uncached_training_are_equal_bit_for_bit(scenes: Scenes, tmp_path: Path) -> None:
    cached = trained(scenes, tmp_path / "kept", cache="float32")
    again = trained(scenes, tmp_path / "again", cache="float32")  # all from the cache
    fresh = trained(scenes, tmp_path / "fresh", cache="none")  # encoded again, one image at a time
    assert same(cached, again) and same(cached, fresh)
    half = trained(scenes, tmp_path / "half", cache="float16")
    assert not same(cached, half)
    assert half.losses == pytest.approx(cached.losses, rel=0.02)


@pytest.mark.parametrize("changes", [{}, {"corrections": 1, "targets": 2, "target": "both", "workers": 0}])
def test_an_interrupted_training_resumes_to_the_same_result(
    scenes: Scenes, tmp_path: Path, changes: dict[str, Any]
) -> None:
    whole = trained(scenes, tmp_path / "whole", **changes)

    def dies(number: int) -> None:
        if number == 14:  # of 9 batches an epoch: in the second one
            raise RuntimeError("struck")

    with pytest.raises(RuntimeError, match="struck"):
        trained(scenes, tmp_path / "killed", dies, **changes)
    assert same(trained(scenes, tmp_path / "killed", **{**changes, "workers": 1}), whole)


def test_unfrozen_blocks_of_the_encoder_are_trained(scenes: Scenes, tmp_path: Path) -> None:
    frozen = trained(scenes, tmp_path / "frozen", epochs=1)
    unfrozen = trained(scenes, tmp_path / "thawed", epochs=1, unfreeze=1, finetune_epochs=1, finetune_lr=1e-3)
    encoder = [name for name in frozen.weights if name.startswith("model.")]
    moved = {name for name in encoder if not torch.equal(frozen.weights[name], unfrozen.weights[name])}
    assert moved and all("blocks.5" in name or "blocks.4" in name for name in moved), sorted(moved)[:3]
    assert len(unfrozen.losses) == 2


def test_a_sam_folder_is_tuned_and_a_sam2_folder_bundled_unchanged(scenes: Scenes, tmp_path: Path) -> None:
    checkpoints.sam(tmp_path / "mine" / "sam")
    checkpoints.sam2(tmp_path / "mine" / "sam2")
    tuned = pupila.train(
        scenes.folder, out=tmp_path / "tuned", model=str(tmp_path / "mine" / "sam"), epochs=1
    )
    plan: Any = tuned.plan
    assert (plan.augment, plan.augmented_views, plan.image_size) == ("none", 1, checkpoints.SIDE)
    assert tuned.bundle.info.preprocessing.fit == "corner" and tuned.bundle.info.weights.source == "file: sam"
    same = pupila.train(
        scenes.folder, out=tmp_path / "tuned", resume=True
    )  # the folder is known from the plan
    assert same.bundle.hash == tuned.bundle.hash
    plain = pupila.train(
        scenes.folder, out=tmp_path / "plain", model=str(tmp_path / "mine" / "sam2"), epochs=0
    )
    assert plain.bundle.info.prompt_format == "sam2" and not plain.log
    for run in (tuned, plain):
        prompter = Prompter(run.bundle)
        data = pupila.open(scenes.folder)
        encoded = prompter.encode(prompter.preprocess(Path(data.path(0)).read_bytes()))
        assert prompter.predict(encoded, Prompt(points=((3.0, 3.0),))).mask.shape == data.mask(0).shape


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"loss": "dice"}, "is a setting for"),
        ({"view": "tile"}, "is a setting for"),
        ({"budget": "5m"}, "is a setting for"),
        ({"image_size": 50}, r"(?s)does not support this image size.*multiple of 32"),
        ({"box_share": 1.5}, "Invalid training settings"),
        ({"box_share": 1.0, "points": 8}, "has no effect"),
        ({"box_share": 0.0, "box_jitter": 0.2}, "has no effect"),
    ],
)
def test_unusable_settings_are_refused(scenes: Scenes, overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(PupilaError, match=message):
        make_plan(scenes.folder, **{**scenes.overrides, **overrides})


def test_prompt_settings_have_no_effect_for_other_models(scenes: Scenes) -> None:
    with pytest.raises(PupilaError, match=r"(?s)box_share=0.2 is a setting for promptable models"):
        make_plan(scenes.folder, model="unet", box_share=0.2)


def test_data_without_masks_is_refused(tmp_path: Path) -> None:
    from tests.pictures import write_classes

    folder = write_classes(tmp_path, {"cat": 12, "dog": 12})
    with pytest.raises(PupilaError, match=r"(?s)Promptable models need masks.*cat, dog.*masks"):
        make_plan(folder, model="pupila-sam")
