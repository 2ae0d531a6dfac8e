"""The base install, in an environment of its own: it preprocesses images without torch and polars."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
UV = Path(sys.executable).parent / "uv"
NOT_IN_THE_BASE = ("torch", "polars", "scipy", "sklearn", "matplotlib", "openvino")
NO_INDEX = ("error sending request", "network was disabled", "dns error", "operation timed out")

PREPARE = """
import io, sys
from PIL import Image
from pupila.artifacts.bundle.golden import preprocess_bytes
from pupila.imaging.images.preprocess import Preprocessing
from pupila.tasks import TASKS
file = io.BytesIO()
Image.new("RGB", (40, 30), (255, 0, 0)).save(file, "JPEG")
print(preprocess_bytes(file.getvalue(), TASKS["classify"], Preprocessing(height=8, width=6)).inputs[0].shape)
"""
FIND = f"""
from importlib.util import find_spec
print([name for name in {NOT_IN_THE_BASE} if find_spec(name)])
"""


def run(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run outside the repository, so that only the installed package can be imported."""
    ours = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LANGUAGE", "LANG", "LC_ALL", "LC_MESSAGES"}
    surroundings = {name: value for name, value in os.environ.items() if name not in ours}
    return subprocess.run(command, cwd=folder, env=surroundings, capture_output=True, text=True, check=False)


def megabytes(folder: Path) -> float:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files) / 1e6


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel of this repository and its locked dependencies, no extra."""
    folder = tmp_path_factory.mktemp("base")
    build = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert build.returncode == 0, build.stderr
    (wheel,) = folder.glob("*.whl")
    environment = run(UV, "venv", "--quiet", "--python", sys.executable, folder / "venv", folder=folder)
    assert environment.returncode == 0, environment.stderr
    python = folder / "venv" / "bin" / "python"
    lock = ROOT / "requirements.lock"
    got = run(UV, "pip", "install", "--python", python, "--constraint", lock, wheel, folder=folder)
    unreachable = got.returncode != 0 and any(sign in got.stderr for sign in NO_INDEX)
    if unreachable and os.environ.get("CI") != "true":
        pytest.skip(f"no package index can be reached: {got.stderr.strip().splitlines()[-1].strip()}")
    assert got.returncode == 0, got.stderr
    return folder


def test_the_base_is_small_and_has_neither_torch_nor_polars(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bin_ = base / "venv" / "bin"
    assert run(bin_ / "python", "-c", FIND, folder=base).stdout.strip() == "[]"
    packages = run(UV, "pip", "freeze", "--python", bin_ / "python", folder=base).stdout.splitlines()
    size = megabytes(base / "venv")
    with capsys.disabled():
        print(f"\nbase install: {len(packages)} packages, {size:.0f} MB", end=" ")
    assert len(packages) < 60
    assert size < 300


def test_the_base_prints_its_version_and_its_commands(base: Path) -> None:
    pupila = base / "venv" / "bin" / "pupila"
    version = run(pupila, "--version", folder=base)
    assert (version.returncode, version.stderr) == (0, "")
    assert version.stdout.strip() and f"pupila-{version.stdout.strip()}-" in next(base.glob("*.whl")).name
    help_ = run(pupila, "--help", folder=base)
    assert (help_.returncode, help_.stderr) == (0, "")
    assert "doctor" in help_.stdout


def test_the_base_preprocesses_an_image(base: Path) -> None:
    result = run(base / "venv" / "bin" / "python", "-W", "error", "-c", PREPARE, folder=base)
    assert result.stdout.strip() == "(3, 8, 6)", result.stderr


def test_a_command_that_needs_more_names_the_extra(base: Path) -> None:
    (base / "flowers").mkdir()
    refused = run(base / "venv" / "bin" / "pupila", "doctor", "flowers", folder=base)
    assert refused.returncode == 2, refused.stderr
    assert "uv pip install --python" in refused.stderr and "pupila[data] @ file:" in refused.stderr
    assert "Traceback" not in refused.stdout + refused.stderr
