"""The house stands as DESIGN.md, section 3, draws it; and a planted fault of each kind is found."""

from pathlib import Path

import pytest

from tests.architecture import house
from tests.architecture.rules import ENTRANCES, check, rooms_of
from tests.architecture.source import read

PACKAGE = Path(__file__).parent.parent / "src" / "pupila"
PROJECT_FILE = PACKAGE.parent.parent / "pyproject.toml"

SOUND = {
    "__init__.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pupila.api import split\n",
    "core/messages.py": '"""Words."""\n',
    "core/errors.py": "from pupila.core.messages import say\n",
    "imaging/images.py": "import numpy as np\nfrom PIL import Image\n",
    "imaging/duplicates.py": "import numpy as np\nfrom scipy import sparse\nfrom pupila.imaging.images import load\n",
    "tasks/__init__.py": "def differs(task, other):\n    return task.name == other.name\n",
    "artifacts/dataset/frames.py": (
        "import polars as pl\nfrom pupila.core import errors\nfrom pupila.imaging import duplicates\n"
    ),
    "learning/models/nets.py": "import torch\n",
    "stages/doctor/examine.py": (
        "from pupila.artifacts.dataset.frames import pl\nfrom pupila.core.version import __version__\n"
    ),
    "stages/train/run.py": "import torch\nfrom pupila.learning.models import nets\n",
    "stages/predict/run.py": (
        "def f(task):\n    from pupila.artifacts.dataset import frames\n    return task is None\n"
    ),
    "api/doctor.py": "from pupila.stages.doctor import examine\n",
    "api/train.py": "from pupila.api import doctor\nfrom pupila.stages.train import run\n",
    "cli/app.py": "import typer\n\n\ndef doctor(a, b, c, d, e, f, g):\n    from pupila.api import doctor\n",
    "__main__.py": "from pupila.cli import app\n\nif __name__ == '__main__':\n    app()\n",
}
DATA = "artifacts/dataset/x.py"
PLANTED = [
    ("direction", "statistics/metrics.py", "from pupila.artifacts.dataset.frames import pl"),
    ("direction", "statistics/metrics.py", "from pupila.imaging.images import load"),
    ("direction", "stages/doctor/x.py", "from pupila.stages import explore"),
    ("direction", "core/errors.py", "import pupila.core.files"),
    ("direction", DATA, "def late():\n    from pupila.artifacts.report import page"),
    ("direction", DATA, "import pupila\nF = pupila.api"),
    ("direction", DATA, "import importlib\nF = importlib.import_module('pupila.api.train')"),
    ("direction", DATA, "import importlib\nF = importlib.import_module('pupila.' + __name__)"),
    ("direction", DATA, "import typing\nif typing.TYPE_CHECKING:\n    from pupila.api import train"),
    ("direction", DATA, "from . import frames"),
    ("direction", DATA, "from pupila import PupilaError"),
    ("direction", "__init__.py", "from pupila.core import errors"),
    ("direction", "demo/x.py", "from pupila.experiments import table"),
    ("direction", "api/x.py", "from pupila.cli import app"),
    ("room", "cellar.py", "import os"),
    ("room", "cellar/x.py", "import os"),
    ("room", "imaging/cellar/x.py", "import os"),
    ("torch", "stages/doctor/x.py", "import torch"),
    ("torch", DATA, "def late():\n    from torchvision import io"),
    ("torch", "stages/evaluate/x.py", "from pupila.learning.models import nets"),
    ("torch", "api/x.py", "import torch"),
    ("door", "stages/train/x.py", "import timm"),
    ("door", "stages/doctor/x.py", "from fastapi import FastAPI"),
    ("door", "core/settings.py", "import numpy as np"),
    ("door", "stages/doctor/x.py", "import left_pad"),
    ("base", "stages/predict/x.py", "from pupila.artifacts.dataset import frames"),
    ("base", "tasks/x.py", "import scipy.stats"),
    ("base", "cli/x.py", "from pupila.api import doctor"),
    ("pickle", "stages/doctor/x.py", "import pickle"),
    ("pickle", "stages/train/x.py", "import torch\n\n\ndef read(path):\n    return torch.load(path)"),
    ("pickle", "stages/train/x.py", "import torch as t\n\n\ndef read(path):\n    return t.load(path)"),
    ("pickle", "stages/train/x.py", "from torch import load"),
    ("pickle", DATA, "import numpy as np\n\n\ndef f(p):\n    np.load(p, allow_pickle=True)"),
    ("environment", "stages/label/x.py", "import os\n\n\ndef f():\n    return os.environ['OPENAI_API_KEY']"),
    ("environment", "stages/train/x.py", "import os\n\n\ndef f():\n    return os.getenv('SEED')"),
    ("environment", "core/files.py", "import os\n\n\ndef f():\n    return os.environ.get('STORE_PASSWORD')"),
    ("task", "stages/train/x.py", "def f(task):\n    return task == 'classify'"),
    ("task", "stages/train/x.py", "def f(data):\n    return 1 if 'classify' == data.task.name else 2"),
    ("task", "stages/serve/x.py", "def f(data):\n    return data.task.name in ('classify', 'segment')"),
    ("task", "stages/serve/x.py", "def f(task):\n    match task.name:\n        case 'classify':\n            pass"),
    ("import work", "stages/doctor/x.py", "print('hello')"),
    ("import work", "stages/doctor/x.py", "for n in range(3):\n    N = n"),
    ("file size", "stages/doctor/x.py", "# a line\n" * 400 + "# and one more"),
    ("function size", "stages/doctor/x.py", "def f():\n" + "    x = 1\n" * 60),
    ("parameters", "stages/doctor/x.py", "def f(a, b, c, d, e, *, f, g):\n    return a"),
    ("parameters", "cli/app.py", "def _f(a, b, c, d, e, f, g):\n    return a"),
]  # fmt: skip
PROJECT = """
[project]
dependencies = ["numpy>=2", "pillow>=12", {extra}]
[project.optional-dependencies]
train = ["torch>=2", "polars>=2", "scipy>=1", "typer>=0.2"]
"""


def build(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_a_sound_house_has_no_violation(tmp_path: Path) -> None:
    checked = check(build(tmp_path, SOUND), exceptions={})
    assert checked.violations == []
    assert checked.files == len(SOUND)


@pytest.mark.parametrize(("rule", "file", "code"), PLANTED)
def test_a_planted_fault_is_found_and_nothing_else(rule: str, file: str, code: str, tmp_path: Path) -> None:
    planted = SOUND | {file: code + "\n"}
    violations = check(build(tmp_path, planted), exceptions={}).violations
    assert [(v.rule, v.file) for v in violations] == [(rule, file)], "\n".join(map(str, violations))


def test_files_that_are_long_on_average_are_found(tmp_path: Path) -> None:
    violations = check(build(tmp_path, dict.fromkeys(SOUND, "# a line\n" * 151)), exceptions={}).violations
    assert [v.rule for v in violations] == ["median size"]


def test_the_sizes_themselves_are_allowed(tmp_path: Path) -> None:
    code = "def f(self, a, b, c, d, e, g):\n" + "    x = 1\n" * 59 + "# a line\n" * 340
    assert check(build(tmp_path, SOUND | {"stages/doctor/x.py": code}), exceptions={}).violations == []


def test_an_exception_excuses_its_file_and_an_idle_one_is_found(tmp_path: Path) -> None:
    build(tmp_path, SOUND | {"stages/doctor/x.py": "import torch\n"})
    assert check(tmp_path, exceptions={("stages/doctor/x.py", "torch"): "planted"}).violations == []
    idle = {("stages/doctor/x.py", "torch"): "planted", ("api/train.py", "door"): "planted"}
    assert [(v.file, v.rule) for v in check(tmp_path, exceptions=idle).violations] == [
        ("api/train.py", "exception")
    ]


def test_an_unknown_library_is_refused_with_what_to_do(tmp_path: Path) -> None:
    build(tmp_path, SOUND | {"stages/doctor/x.py": "import left_pad\n"})
    (violations,) = check(tmp_path, exceptions={}).violations
    assert str(violations).startswith(
        "stages/doctor/x.py:1: door: 'left_pad' has no door; use one that has, or add it to DOORS"
    )


@pytest.mark.parametrize(
    ("extra", "expected"),
    [('"limits>=5"', "nothing imports 'limits'"), ('"numpy"', "'numpy' (dependencies) has no lower bound")],
)
def test_a_requirement_that_nothing_imports_or_bounds_is_found(
    extra: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    libraries = ("PIL", "polars", "torch", "typer")
    monkeypatch.setattr(house, "DOORS", {name: house.DOORS[name] for name in libraries})
    (tmp_path / "pyproject.toml").write_text(PROJECT.format(extra=extra), encoding="utf-8")
    package = build(tmp_path / "pupila", SOUND)
    (violation,) = check(package, exceptions={}, pyproject=tmp_path / "pyproject.toml").violations
    assert violation.rule == "requirement"
    assert violation.says.startswith(expected)


def test_a_door_that_nobody_uses_is_found(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(PROJECT.format(extra=""), encoding="utf-8")
    package = build(tmp_path / "pupila", SOUND)
    violations = check(package, exceptions={}, pyproject=tmp_path / "pyproject.toml").violations
    assert {v.rule for v in violations} == {"requirement"}
    assert any("door of 'fastapi'" in v.says for v in violations)


def test_every_door_opens_into_a_room_that_the_house_has() -> None:
    rooms = {place for door in house.DOORS.values() for place in door} | {*house.BASE_ROOMS} - {*ENTRANCES}
    for place in rooms:
        floor, _, room = place.partition("/")
        assert floor in house.LEVEL_OF, place
        assert not room or room in rooms_of(floor), place
    assert {*house.TORCH, *house.BASE_LIBRARIES} <= {*house.DOORS, *house.OPEN}


def test_pupila_is_built_as_drawn() -> None:
    checked = check(PACKAGE, pyproject=PROJECT_FILE)
    assert not checked.violations, "\n" + "\n".join(map(str, checked.violations))


def test_every_file_that_may_read_the_environment_does() -> None:
    for name in house.ENVIRONMENT:
        assert "os.environ" in (PACKAGE / name).read_text(encoding="utf-8"), name


def test_tests_and_docs_mirror_the_floors() -> None:
    floors = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    mirrored = {path.name for path in PACKAGE.parents[1].joinpath("tests").iterdir() if path.is_dir()}
    assert floors <= mirrored
    assert floors <= set(house.LEVEL_OF)


def test_the_guard_says_how_much_it_checked(capsys: pytest.CaptureFixture[str]) -> None:
    checked = check(PACKAGE)
    with capsys.disabled():
        print(f"\narchitecture: checked {checked.files} files, {checked.imports} imports", end=" ")
    assert checked.files == len(list(PACKAGE.rglob("*.py"))) > 20
    assert checked.imports > 100
    places = {source.place for source in read(PACKAGE)}
    assert places > {"core/messages", "imaging/images", "artifacts/dataset", "cli"}
