"""timm is loaded without wandb, which stays importable for whoever wants it."""

import subprocess
import sys
from pathlib import Path

import pytest

SHOW = "import sys; print('wandb' in sys.modules, hasattr(timm, 'wandb'))"


def run(code: str, *folders: Path) -> str:
    paths = "".join(f"sys.path.insert(0, {str(folder)!r}); " for folder in folders)
    result = subprocess.run(
        [sys.executable, "-c", f"import sys; {paths}{code}"], capture_output=True, text=True, check=True
    )
    return result.stdout.strip()


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    (tmp_path / "wandb.py").write_text("", encoding="utf-8")
    (tmp_path / "timm.py").write_text(
        "try:\n    import wandb\nexcept ImportError:\n    pass\n", encoding="utf-8"
    )
    return tmp_path


def test_timm_is_loaded_without_wandb(installed: Path) -> None:
    load = "from pupila.learning.models.quiet import load_timm; timm = load_timm(); "
    assert run(f"import timm; {SHOW}", installed) == "True True"
    assert run(f"{load}{SHOW}", installed) == "False False"
    assert run(f"{load}import wandb; print(wandb.__name__)", installed) == "wandb"
    assert run(f"import wandb; {load}{SHOW}; print(sys.modules['wandb'] is wandb)", installed) == (
        "True True\nTrue"
    )


@pytest.mark.slow
def test_no_network_loads_wandb() -> None:
    pytest.importorskip("wandb", reason="wandb is not installed")
    assert (
        run(
            "from pupila.learning.models.classify import build_classifier; "
            "from pupila.learning.models.settings import ClassifierSettings; "
            "build_classifier(ClassifierSettings(model='resnet18', weights='none'), 2); print('wandb' in sys.modules)"
        )
        == "False"
    )
