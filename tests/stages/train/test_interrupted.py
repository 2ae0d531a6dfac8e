"""Ctrl-C at any moment after the first epoch: the best so far, or a sentence on what is there; and resuming it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
import timm
import torch
from safetensors.torch import save_file

import pupila
from pupila.artifacts.bundle.folder import MODEL_FILE
from pupila.artifacts.bundle.validation import Parity
from pupila.artifacts.run.log import LogLine
from pupila.stages.train.run import TrainedRun
from tests.colours import colour_model
from tests.pictures import write_classes

SIDE = 32
SETTINGS: dict[str, Any] = {
    "model": "test_efficientnet", "image_size": SIDE, "epochs": 2, "augmented_views": 1, "unfreeze": 1,
    "finetune_epochs": 1, "batch_size": 8, "augment": "none", "patience": 9, "collapse_patience": 9,
}  # fmt: skip
ENDED = ("completed", "collapsed")  # random weights may predict one class only
PARITY = Parity(images=1, largest_difference=0.0, label_agreement=1.0, tolerance=1e-3)


def any_model(*_: Any) -> tuple[dict[str, bytes], Parity]:
    """In place of an export, which takes seconds: a file that gives logits."""
    model = onnx.load_model_from_string(colour_model(classes=2))
    for axis in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        axis.dim_value = SIDE
    return {MODEL_FILE: model.SerializeToString()}, PARITY


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_classes(tmp_path_factory.mktemp("pets"), {"cat": 12, "dog": 12})
    torch.manual_seed(0)
    save_file(timm.create_model("test_efficientnet").state_dict(), folder.with_suffix(".safetensors"))
    pupila.split(folder)
    return folder


@pytest.fixture(autouse=True)
def _quick_export(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pupila.stages.train.finish.export_checked", any_model)


def train(
    data: Path, out: Path, tell: Callable[[LogLine], None] = lambda line: None, **more: Any
) -> TrainedRun:
    weights = str(data.with_suffix(".safetensors"))
    return pupila.train(data, out=out, tell=tell, weights=weights, **SETTINGS, **more)


def results(run: Path) -> list[bytes]:
    names = ("bundle/weights.safetensors", "bundle/training_images.txt", "oof.parquet")
    return [(run / name).read_bytes() for name in names]


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    out = tmp_path_factory.mktemp("whole") / "run"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pupila.stages.train.finish.export_checked", any_model)
        assert train(data, out).state in ENDED
    return results(out)


def interrupt_call(monkeypatch: pytest.MonkeyPatch, where: str, number: int) -> None:
    """Ctrl-C as soon as the function is called for the so-manieth time."""
    owner, _, name = where.rpartition(".")
    parts = owner.rpartition(".")
    holder: Any = __import__(owner if owner.islower() else parts[0], fromlist=["_"])
    holder = holder if owner.islower() else getattr(holder, parts[2])
    function, left = getattr(holder, name), [number]

    def struck(*arguments: Any, **named: Any) -> Any:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        return function(*arguments, **named)

    monkeypatch.setattr(holder, name, struck)


IN_TRAINING = [
    ("pupila.stages.train.phases._build_module", 1),  # between the phases
    ("pupila.learning.loop.Checkpointer.load_best", 1),  # at the end of the first one
    pytest.param("pupila.learning.loop.Checkpointer.load_best", 2, marks=pytest.mark.slow),
    pytest.param("pupila.learning.loop.Checkpointer.restore", 2, marks=pytest.mark.slow),
    pytest.param("pupila.learning.loop.Checkpointer.save", 2, marks=pytest.mark.slow),
    pytest.param("pupila.learning.loop.Checkpointer.save", 3, marks=pytest.mark.slow),
]
NEVER, NOW = "There is no bundle yet.", "Its bundle is complete, its report is not."
AT_THE_END = [
    ("pupila.stages.train.classify.tune_classes", NEVER),
    ("pupila.stages.train.finish.export_checked", NEVER),
    pytest.param("pupila.stages.train.finish.write_bundle", NEVER, marks=pytest.mark.slow),
    ("pupila.stages.train.run.make_run_page", NOW),
    pytest.param("pupila.stages.train.run.write_out_of_fold", NOW, marks=pytest.mark.slow),
    pytest.param("pupila.stages.train.run.write_report", NOW, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("where", "number"), IN_TRAINING)
def test_ctrl_c_between_epochs_and_phases_bundles_the_best_so_far(
    where: str, number: int, data: Path, whole: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        interrupt_call(patched, where, number)
        stopped = train(data, tmp_path / "run")
    assert stopped.state == "interrupted" and stopped.log
    assert (Path(stopped.folder) / "report.html").exists()
    assert train(data, tmp_path / "run", resume=True).state in ENDED
    assert results(tmp_path / "run") == whole


@pytest.mark.parametrize(("where", "bundle"), AT_THE_END)
def test_ctrl_c_after_the_last_epoch_says_what_is_there_and_resumes_without_training_again(
    where: str, bundle: str, data: Path, whole: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes: list[str] = []
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        interrupt_call(patched, where, 1)
        train(data, tmp_path / "run", lambda line: notes.append(str(line)))
    assert notes[-1] == (
        f"Interrupted: {tmp_path / 'run'} has the weights of 3 epochs. {bundle} --resume --out {tmp_path / 'run'} "
        "continues, with the same result as without the interruption."
    )
    with monkeypatch.context() as patched:
        interrupt_call(patched, "pupila.learning.loop._train_epoch", 1)  # no epoch is trained again
        assert train(data, tmp_path / "run", resume=True).state in ENDED
    assert results(tmp_path / "run") == whole


def test_ctrl_c_before_the_first_epoch_says_so(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes: list[str] = []
    interrupt_call(monkeypatch, "pupila.learning.loop._train_epoch", 1)
    with pytest.raises(KeyboardInterrupt):
        train(data, tmp_path / "run", lambda line: notes.append(str(line)))
    assert notes[-1] == (
        f"Interrupted before the end of the first epoch: --resume --out {tmp_path / 'run'} starts it again."
    )
