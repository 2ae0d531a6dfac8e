"""The house stands as DESIGN.md, section 3, draws it; and a planted fault of each kind is found."""

from pathlib import Path

import pytest

from tests.architecture import house
from tests.architecture.rules import check
from tests.architecture.source import read

PACKAGE = Path(__file__).parent.parent / "src" / "pupila"

SOUND = {
    "__init__.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pupila import flow\n",
    "messages.py": '"""Words."""\n',
    "errors.py": "from pupila.messages import say\n",
    "images.py": "import numpy as np\nfrom PIL import Image\n",
    "duplicates.py": "import numpy as np\nfrom scipy import sparse\nfrom pupila.images import load\n",
    "tasks/__init__.py": "def differs(task, other):\n    return task.name == other.name\n",
    "dataset/frames.py": "import polars as pl\nfrom pupila import duplicates, errors\n",
    "models/nets.py": "import torch\n",
    "doctor/examine.py": "import pupila\nfrom pupila.dataset.frames import pl\nV = pupila.__version__\n",
    "train/run.py": "import torch\nfrom pupila.models import nets\n",
    "predict/run.py": "def f(task):\n    from pupila.dataset import frames\n    return task is None\n",
    "flow.py": "from pupila.doctor import examine\n",
    "cli/app.py": "import typer\n\n\ndef doctor(a, b, c, d, e, f, g):\n    from pupila import flow\n",
    "__main__.py": "from pupila.cli import app\n\nif __name__ == '__main__':\n    app()\n",
}
PLANTED = [
    ("direction", "stats.py", "from pupila.dataset.frames import pl"),
    ("direction", "doctor/x.py", "from pupila import explore"),
    ("direction", "errors.py", "import pupila.files"),
    ("direction", "dataset/x.py", "def late():\n    from pupila.report import page"),
    ("direction", "dataset/x.py", "import pupila\nF = pupila.flow"),
    ("direction", "dataset/x.py", "import importlib\nF = importlib.import_module('pupila.flow')"),
    ("direction", "dataset/x.py", "import importlib\nF = importlib.import_module('pupila.' + __name__)"),
    ("direction", "dataset/x.py", "import typing\nif typing.TYPE_CHECKING:\n    from pupila import flow"),
    ("direction", "dataset/x.py", "from . import frames"),
    ("direction", "dataset/x.py", "from pupila import PupilaError"),
    ("direction", "__init__.py", "from pupila import errors"),
    ("room", "cellar.py", "import os"),
    ("room", "cellar/x.py", "import os"),
    ("torch", "doctor/x.py", "import torch"),
    ("torch", "dataset/x.py", "def late():\n    from torchvision import io"),
    ("torch", "evaluate/x.py", "from pupila.models import nets"),
    ("door", "flow.py", "import torch"),
    ("door", "train/x.py", "import timm"),
    ("door", "doctor/x.py", "from fastapi import FastAPI"),
    ("door", "settings.py", "import numpy as np"),
    ("door", "doctor/x.py", "import left_pad"),
    ("base", "predict/x.py", "from pupila.dataset import frames"),
    ("base", "tasks/x.py", "import scipy.stats"),
    ("base", "cli/x.py", "from pupila import flow"),
    ("pickle", "doctor/x.py", "import pickle"),
    ("pickle", "train/x.py", "import torch\n\n\ndef read(path):\n    return torch.load(path)"),
    ("pickle", "train/x.py", "import torch as t\n\n\ndef read(path):\n    return t.load(path)"),
    ("pickle", "train/x.py", "from torch import load"),
    ("pickle", "dataset/x.py", "import numpy as np\n\n\ndef f(p):\n    np.load(p, allow_pickle=True)"),
    ("task", "train/x.py", "def f(task):\n    return task == 'classify'"),
    ("task", "train/x.py", "def f(data):\n    return 1 if 'classify' == data.task.name else 2"),
    ("task", "serve/x.py", "def f(data):\n    return data.task.name in ('classify', 'segment')"),
    ("task", "serve/x.py", "def f(task):\n    match task.name:\n        case 'classify':\n            pass"),
    ("import work", "doctor/x.py", "print('hello')"),
    ("import work", "doctor/x.py", "for n in range(3):\n    N = n"),
    ("file size", "doctor/x.py", "# a line\n" * 400 + "# and one more"),
    ("function size", "doctor/x.py", "def f():\n" + "    x = 1\n" * 60),
    ("parameters", "doctor/x.py", "def f(a, b, c, d, e, *, f, g):\n    return a"),
    ("parameters", "cli/app.py", "def _f(a, b, c, d, e, f, g):\n    return a"),
]  # fmt: skip


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
    found = check(build(tmp_path, planted), exceptions={}).violations
    assert [(v.rule, v.file) for v in found] == [(rule, file)], "\n".join(map(str, found))


def test_files_that_are_long_on_average_are_found(tmp_path: Path) -> None:
    found = check(build(tmp_path, dict.fromkeys(SOUND, "# a line\n" * 151)), exceptions={}).violations
    assert [v.rule for v in found] == ["median size"]


def test_the_sizes_themselves_are_allowed(tmp_path: Path) -> None:
    code = "def f(self, a, b, c, d, e, g):\n" + "    x = 1\n" * 59 + "# a line\n" * 340
    assert check(build(tmp_path, SOUND | {"doctor/x.py": code}), exceptions={}).violations == []


def test_an_exception_excuses_its_file_and_an_idle_one_is_found(tmp_path: Path) -> None:
    build(tmp_path, SOUND | {"doctor/x.py": "import torch\n"})
    assert check(tmp_path, exceptions={("doctor/x.py", "torch"): "planted"}).violations == []
    idle = {("doctor/x.py", "torch"): "planted", ("flow.py", "door"): "planted"}
    assert [(v.file, v.rule) for v in check(tmp_path, exceptions=idle).violations] == [
        ("flow.py", "exception")
    ]


def test_an_unknown_library_is_refused_with_what_to_do(tmp_path: Path) -> None:
    build(tmp_path, SOUND | {"doctor/x.py": "import left_pad\n"})
    (found,) = check(tmp_path, exceptions={}).violations
    assert str(found).startswith(
        "doctor/x.py:1: door: 'left_pad' has no door; use one that has, or add it to DOORS"
    )


def test_every_door_opens_into_a_room_that_the_house_has() -> None:
    rooms = {room for door in house.DOORS.values() for room in door}
    assert rooms | house.BASE_ROOMS <= set(house.FLOOR_OF)
    assert {*house.TORCH, *house.BASE_LIBRARIES} <= {*house.DOORS, *house.OPEN}


def test_pupila_is_built_as_drawn() -> None:
    checked = check(PACKAGE)
    assert not checked.violations, "\n" + "\n".join(map(str, checked.violations))


def test_the_guard_says_how_much_it_checked(capsys: pytest.CaptureFixture[str]) -> None:
    checked = check(PACKAGE)
    with capsys.disabled():
        print(f"\narchitecture: checked {checked.files} files, {checked.imports} imports", end=" ")
    assert checked.files == len(list(PACKAGE.rglob("*.py"))) > 20
    assert checked.imports > 100
    assert {source.room for source in read(PACKAGE)} > {"messages", "images", "dataset", "cli"}
