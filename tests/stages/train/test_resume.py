"""A run that was killed at any moment and resumed ends with the same weights, bit for bit, as one that was not."""

import random
import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

import pupila
from pupila.artifacts.run.outcomes import OUTCOMES_FILE
from pupila.artifacts.run.plan import read_plan
from tests.conftest import REPOSITORY
from tests.pictures import write_classes, write_scenes

STEPS = 4 * 5  # 4 epochs of 5 batches


def trained(data: Path, run: Path, how: str, workers: int = 0) -> int:
    arguments = [sys.executable, "-m", "tests.stages.train.child", str(data), str(run), how, str(workers)]
    return subprocess.run(arguments, cwd=REPOSITORY, capture_output=True, check=False).returncode


@pytest.fixture(scope="module", params=["classes", "masks", pytest.param("prompts", marks=pytest.mark.slow)])
def data(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "classes":
        write_classes(folder, {"cat": 28, "dog": 28})
    else:
        write_scenes(folder, 56)
        torch.manual_seed(0)
        save_file(timm.create_model("test_efficientnet").state_dict(), folder.with_suffix(".safetensors"))
        folder.with_suffix(".json").write_text('{"model": "test_efficientnet"}')
    pupila.split(folder)
    return folder


def weights(run: Path) -> bytes:
    return (run / "bundle/weights.safetensors").read_bytes()


def test_killed_runs_end_as_one_that_was_not(data: Path, tmp_path: Path) -> None:
    assert trained(data, tmp_path / "whole", "none") == 0
    killed = tmp_path / "killed"
    step = random.Random().randint(1, STEPS - 1)
    strikes = (
        [f"step:{step}"] if (data / "masks").exists() else [f"step:{step}", "rename:1"]
    )  # one loop, one checkpointer
    print(f"struck at {strikes}")
    begun = ""
    for how in strikes:
        assert trained(data, killed, how) == -9
        begun = begun or read_plan(str(killed)).created
    assert trained(data, killed, "none", workers=2) == 0  # with threads that prepare batches: the same
    assert weights(killed) == weights(tmp_path / "whole")
    plan_file = read_plan(str(killed))
    assert plan_file.created == begun != read_plan(str(tmp_path / "whole")).created
    assert plan_file.data == data.name
    logs = [(folder / "log.jsonl").read_text().splitlines() for folder in (killed, tmp_path / "whole")]
    assert len(logs[0]) == len(logs[1]) == 4
    assert (killed / OUTCOMES_FILE).read_bytes() == (tmp_path / "whole" / OUTCOMES_FILE).read_bytes()
    parts = ("encoder.onnx", "decoder.onnx") if data.name.startswith("prompts") else ("model.onnx",)
    for file in (*parts, "card.md"):
        assert (killed / "bundle" / file).exists()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_runs_that_are_killed_at_any_write_end_as_one_that_was_not(seed: int, tmp_path: Path) -> None:
    data = write_classes(tmp_path / "data", {"cat": 28, "dog": 28})
    pupila.split(data)
    assert trained(data, tmp_path / "whole", "none") == 0
    killed, rng = tmp_path / "killed", random.Random(seed)
    strikes = [rng.randint(2, 20), *(rng.randint(5, 45) for _ in range(3))]
    codes = [trained(data, killed, f"write:{number}") for number in strikes]
    assert -9 in codes and set(codes) <= {-9, 0}, (strikes, codes)  # 0: it had ended before
    assert trained(data, killed, "none") == 0
    assert weights(killed) == weights(tmp_path / "whole")
    assert not list(killed.rglob(".*"))
