"""Training for prompts, from folders of drawn scenes to a bundle that answers points and boxes."""

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
from pupila.artifacts.bundle.folder import read_bundle
from pupila.artifacts.bundle.prompter import Prompter
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.vocabulary import TRAIN, VALIDATION
from pupila.learning.loop import Keeper
from pupila.learning.models.sam import build_promptable
from pupila.learning.models.settings import ModelSettings
from pupila.stages.train import prompt_tuning
from pupila.stages.train.phases import Learned, learn
from pupila.stages.train.prompt import PromptLesson
from pupila.stages.train.recipe import Sides
from pupila.stages.train.run import Run
from pupila.stages.train.settings import TrainPlan
from pupila.tasks.prompt import Prompt
from pupila.tasks.task import Decision
from tests import checkpoints
from tests.pictures import write_scenes


@dataclass(frozen=True)
class Scenes:
    """Drawn scenes that are split, and an encoder's weights."""

    folder: Path
    encoder: Path

    @property
    def wish(self) -> dict[str, Any]:
        return {
            "model": "pupila-sam", "weights": str(self.encoder), "side": 64, "epochs": 3, "views": 2,
            "learning_rate": 1e-3, "warmup_epochs": 0.5,
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
    def tuned(_: Any, decision: Decision, told: dict[str, Any]) -> Decision:
        return decision.model_copy(
            update={**told, "threshold": 0.3}
        )  # too few groups decide nothing by themselves

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prompt_tuning, "refine", tuned)
        return pupila.train(scenes.folder, out=tmp_path_factory.mktemp("runs") / "run", **scenes.wish)


def rows(data: Dataset, split: str) -> list[int]:
    splits = SplitFile.read(data.home)
    assert splits is not None
    return [row for row, one in enumerate(splits.images) if one.split == split]


@dataclass
class Trained:
    """What a lesson came to, without the bundle that takes most of a run's time."""

    learned: Learned
    losses: list[float]
    weights: dict[str, Tensor]


def trained(
    scenes: Scenes, folder: Path, strike: Callable[[int], None] | None = None, **changes: Any
) -> Trained:
    """Learn in this folder, going on with what is there; `strike` is told the number of each prepared batch."""
    plan: TrainPlan = make_plan(scenes.folder, **{**scenes.wish, **changes})
    data = pupila.open(scenes.folder)
    torch.manual_seed(plan.seed)
    network = build_promptable(plan, None, plan.side)
    lesson = PromptLesson(data, Sides(rows(data, TRAIN), rows(data, VALIDATION)), plan, network)
    if strike is not None:
        count, whole = [0], lesson.asked

        def asked(*told: Any) -> Any:
            count[0] += 1
            strike(count[0])
            return whole(*told)

        lesson.asked = asked  # type: ignore[method-assign, assignment]
    keepers: list[Keeper] = []

    def keeper(phase: str) -> Keeper:
        keepers.append(Keeper(str(folder), phase))
        return keepers[-1]

    learned = learn(lesson, keeper)
    losses = [line["train_loss"] for one in keepers for line in one.lines]
    weights = {**network.head.state_dict(), **network.encoder.state_dict()}
    return Trained(learned, losses, {name: tensor.clone() for name, tensor in weights.items()})


def same(one: Trained, two: Trained) -> bool:
    return one.losses == two.losses and all(torch.equal(one.weights[n], two.weights[n]) for n in one.weights)


def test_auto_is_the_recipe_of_a_decoder_that_is_tuned(scenes: Scenes) -> None:
    plan = make_plan(scenes.folder, model="pupila-sam", weights=str(scenes.encoder), side=64)
    assert (plan.epochs, plan.batch_size, plan.learning_rate, plan.thaw) == (20, 2, 1e-4, 0)
    assert (plan.cache, plan.views, plan.augment) == ("float16", 4, "light")
    assert plan.engine in ("torch", "torch-bfloat16", "onnxruntime") and "ms with" in plan.reasons["engine"]


def test_a_run_learns_and_says_what_it_did(run: Run, scenes: Scenes) -> None:
    assert run.state == "done" and [line["epoch"] for line in run.log] == [1, 2, 3]
    assert run.log[-1]["train_loss"] < run.log[0]["train_loss"]
    assert {"iou", "iou_points", "iou_box", "validation_loss"} <= run.log[0].keys()
    assert run.log[0]["iou"] == pytest.approx((run.log[0]["iou_points"] + run.log[0]["iou_box"]) / 2)
    told = run.bundle.info
    assert (told.task, told.prompts, told.classes) == ("prompt", "sam", ["background", "foreground"])
    assert told.parity is not None and told.parity.largest_difference < 1e-3
    data = pupila.open(scenes.folder)
    assert told.validation["n"] == len(rows(data, VALIDATION))
    assert {"mean IoU", "mean IoU (points)", "mean IoU (box)"} <= told.validation["metrics"].keys()
    kept = pl.read_parquet(f"{run.folder}/oof.parquet")
    assert kept["iou:points"].mean() == pytest.approx(
        told.validation["metrics"]["mean IoU (points)"]["value"]
    )
    page = (Path(run.folder) / "report.html").read_text()
    assert "Mean IoU" in page and "the filled box" in page


def test_the_bundle_has_two_parts_that_answer_alone(run: Run, scenes: Scenes) -> None:
    assert {"encoder.onnx", "decoder.onnx", "weights.safetensors"} <= run.bundle.info.files.keys()
    data = pupila.open(scenes.folder)
    prompter = Prompter(read_bundle(run.folder))
    row = rows(data, VALIDATION)[0]
    encoded = prompter.encode(prompter.prepare(Path(data.path(row)).read_bytes()))
    height, width = data.mask(row).shape
    whole = Prompt(box=(0.0, 0.0, float(width), float(height)))
    answer = prompter.answer(encoded, whole)
    assert answer.mask.shape == (height, width) and 0 <= answer.quality <= 1
    other = prompter.answer(encoded, Prompt(points=((1.0, 1.0),)))
    assert not np.array_equal(prompter.raw(encoded, whole).masks, prompter.raw(encoded, other_prompt()).masks)
    assert other.mask.shape == (height, width)


def other_prompt() -> Prompt:
    return Prompt(points=((1.0, 1.0),))


def test_a_bundle_is_a_start_for_another_training(run: Run, scenes: Scenes) -> None:
    network = build_promptable(ModelSettings(model="pupila-sam", weights=run.folder), None)
    assert network.preparation == run.bundle.info.preparation and network.encoder_name == "test_efficientnet"
    told = {f"head.{name}": tensor for name, tensor in network.head.state_dict().items()}
    from safetensors.torch import load

    kept = load(run.bundle.read("weights.safetensors"))
    assert told.keys() <= kept.keys() and all(
        torch.equal(kept[name], tensor) for name, tensor in told.items()
    )
    plan = make_plan(scenes.folder, model="pupila-sam", weights=run.folder)
    assert plan.side == 64 and plan.encoder == "test_efficientnet"


def test_what_validation_says_is_what_the_bundle_answers(run: Run, scenes: Scenes, tmp_path: Path) -> None:
    told = run.bundle.info
    assert told.temperature != 1 and told.decision.threshold == 0.3  # which were tuned on one another
    found = pupila.evaluate(run.folder, scenes.folder, split="validation", out=tmp_path).evaluation["models"][
        0
    ]
    for way in ("points", "box"):
        value = found["ways"][way]["per_mask"]["IoU"]["mean"]["value"]
        assert value == pytest.approx(told.validation["metrics"][f"mean IoU ({way})"]["value"], abs=0.003)


def test_a_bundle_remembers_what_its_start_had_learned_from(run: Run, scenes: Scenes, tmp_path: Path) -> None:
    other = write_scenes(tmp_path / "other", 12, seed=5)
    pupila.split(other)
    wish: dict[str, Any] = {"model": "pupila-sam", "weights": run.folder, "epochs": 0}
    later = pupila.train(other, out=tmp_path / "later", **wish)
    assert run.bundle.learned_from() <= later.bundle.learned_from()
    assert later.bundle.info.model["source"] == "file: run"


def test_masks_without_a_thing_are_nothing_to_point_at(scenes: Scenes) -> None:
    plan: TrainPlan = make_plan(scenes.folder, **scenes.wish)
    data = pupila.open(scenes.folder)
    data.__dict__["class_pixels"] = np.stack([np.ones(len(data)), np.zeros(len(data))], axis=1)
    network = build_promptable(plan, None, plan.side)
    with pytest.raises(PupilaError, match=r"(?s)Nothing to point at.*21 training masks.*foreground"):
        PromptLesson(data, Sides(rows(data, TRAIN), []), plan, network)


def test_cached_and_uncached_training_are_equal_bit_for_bit(scenes: Scenes, tmp_path: Path) -> None:
    kept = trained(scenes, tmp_path / "kept", cache="float32")
    again = trained(scenes, tmp_path / "again", cache="float32")  # all from the cache
    fresh = trained(scenes, tmp_path / "fresh", cache="none")  # encoded anew, one image at a time
    assert same(kept, again) and same(kept, fresh)
    half = trained(scenes, tmp_path / "half", cache="float16")
    assert not same(kept, half)
    assert half.losses == pytest.approx(kept.losses, rel=0.02)


@pytest.mark.parametrize("changes", [{}, {"corrections": 1, "targets": 2, "target": "both", "workers": 0}])
def test_an_interrupted_training_goes_on_to_the_same_end(
    scenes: Scenes, tmp_path: Path, changes: dict[str, Any]
) -> None:
    whole = trained(scenes, tmp_path / "whole", **changes)

    def dies(number: int) -> None:
        if number == 14:  # of 9 batches an epoch: in the second one
            raise RuntimeError("struck")

    with pytest.raises(RuntimeError, match="struck"):
        trained(scenes, tmp_path / "killed", dies, **changes)
    assert same(trained(scenes, tmp_path / "killed", **{**changes, "workers": 1}), whole)


def test_the_last_blocks_of_the_encoder_learn_too_where_that_is_wished(
    scenes: Scenes, tmp_path: Path
) -> None:
    frozen = trained(scenes, tmp_path / "frozen", epochs=1)
    thawed = trained(scenes, tmp_path / "thawed", epochs=1, thaw=1, fine_epochs=1, fine_learning_rate=1e-3)
    encoder = [name for name in frozen.weights if name.startswith("model.")]
    moved = {name for name in encoder if not torch.equal(frozen.weights[name], thawed.weights[name])}
    assert moved and all("blocks.5" in name or "blocks.4" in name for name in moved), sorted(moved)[:3]
    assert len(thawed.losses) == 2


def test_a_folder_of_sam_is_tuned_and_one_of_sam2_bundled_as_it_is(scenes: Scenes, tmp_path: Path) -> None:
    checkpoints.sam(tmp_path / "mine" / "sam")
    checkpoints.sam2(tmp_path / "mine" / "sam2")
    tuned = pupila.train(
        scenes.folder, out=tmp_path / "tuned", model=str(tmp_path / "mine" / "sam"), epochs=1
    )
    plan = tuned.plan
    assert (plan.augment, plan.views, plan.side) == ("none", 1, checkpoints.SIDE)
    assert tuned.bundle.info.preparation.fit == "corner" and tuned.bundle.info.model["source"] == "file: sam"
    same = pupila.train(
        scenes.folder, out=tmp_path / "tuned", resume=True
    )  # the folder is known from the plan
    assert same.bundle.hash == tuned.bundle.hash
    plain = pupila.train(
        scenes.folder, out=tmp_path / "plain", model=str(tmp_path / "mine" / "sam2"), epochs=0
    )
    assert plain.bundle.info.prompts == "sam2" and not plain.log
    for run in (tuned, plain):
        prompter = Prompter(run.bundle)
        data = pupila.open(scenes.folder)
        encoded = prompter.encode(prompter.prepare(Path(data.path(0)).read_bytes()))
        assert prompter.answer(encoded, Prompt(points=((3.0, 3.0),))).mask.shape == data.mask(0).shape


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ({"loss": "dice"}, "would do nothing"),
        ({"view": "tile"}, "would do nothing"),
        ({"budget": "5m"}, "would do nothing"),
        ({"side": 50}, r"(?s)can't take this side.*multiple of 32"),
        ({"boxes": 1.5}, "Bad train settings"),
        ({"boxes": 1.0, "points": 8}, "would do nothing"),
        ({"boxes": 0.0, "box_jitter": 0.2}, "would do nothing"),
    ],
)
def test_settings_that_can_t_be_honoured_are_refused(scenes: Scenes, wish: dict[str, Any], told: str) -> None:
    with pytest.raises(PupilaError, match=told):
        make_plan(scenes.folder, **{**scenes.wish, **wish})


def test_settings_of_prompts_mean_nothing_elsewhere(scenes: Scenes) -> None:
    with pytest.raises(PupilaError, match=r"(?s)would do nothing.*boxes=0.2"):
        make_plan(scenes.folder, model="unet", boxes=0.2)


def test_classes_of_whole_images_are_nothing_to_point_at(tmp_path: Path) -> None:
    from tests.pictures import write_classes

    folder = write_classes(tmp_path, {"cat": 12, "dog": 12})
    with pytest.raises(PupilaError, match=r"(?s)Nothing to point at.*cat, dog.*masks"):
        make_plan(folder, model="pupila-sam")
