"""A task is one word in every room: the matrix has no gaps, and nobody asks in disguise what the task is."""

import ast
import re
from pathlib import Path

import pytest

from pupila.tasks import TASKS
from tests.architecture.disguises import disguises
from tests.architecture.matrix import (
    PARTIAL,
    REASONS,
    WITHOUT_DICT,
    Row,
    idle_reasons,
    lacking,
    partial_imports,
    rows,
    task_files,
)
from tests.architecture.source import Import, Source, read

PACKAGE = Path(__file__).parent.parent / "src" / "pupila"
TARGET_OF = {name: str(task.target) for name, task in TASKS.items()}
PLANTED = [
    "def f(data):\n    if data.label_map is None:\n        pass",
    "def f(data):\n    return 1 if data.label_map else 2",
    "def f(data):\n    return [row for row in data if data.label_map]",
    "def f(data):\n    return not data.label_map",
    "def f(network):\n    return network.prompt_format and network.size",
    "def f(network):\n    assert network.prompt_format != ''",
    "def f(info):\n    return bool(info.prompt_format)",
    "def f(network):\n    while network.pooled:\n        pass",
    "def f(kind):\n    return kind == 'segment'",
    "def f(kind):\n    return kind in ('classify', 'multilabel')",
    "def f(bundle):\n    return MODEL_FILE in bundle.files",
    "def f(bundle):\n    return onnx_file(DECODER) not in bundle.files",
    "def f(path):\n    return files.exists(files.join(path, onnx_file(DECODER)))",
    "from pupila.tasks.classify import ClassPrediction\ndef f(it):\n    return isinstance(it, ClassPrediction)",
    "from pupila.tasks.prompt import PromptPrediction\ndef f(it):\n    return isinstance(it, (int, PromptPrediction))",
]  # fmt: skip
HONEST = [
    "def f(data):\n    return data.target == 'mask'",
    "def f(task):\n    return 1 if task.takes_prompts else 2",
    "def f(data):\n    return data.require_label_map().names",
    "from pupila.tasks.classify import ClassPrediction\ndef f(it: ClassPrediction):\n    return it.confidence",
]


def source(code: str, name: str = "stages/explore/x.py") -> Source:
    imports = tuple(
        Import(f"{node.module}.{alias.name}", node.lineno, False)
        for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom) for alias in node.names
    )  # fmt: skip
    return Source(name, ast.parse(code), len(code.splitlines()), imports)


@pytest.fixture(scope="module")
def sources() -> list[Source]:
    return read(PACKAGE)


@pytest.fixture(scope="module")
def matrix(sources: list[Source]) -> list[Row]:
    return [row for each in sources for row in rows(each)]


@pytest.mark.parametrize("code", PLANTED)
def test_a_planted_disguise_is_found(code: str) -> None:
    assert list(disguises(source(code)))
    assert not list(disguises(source(code, "tasks/x.py")))


@pytest.mark.parametrize("code", HONEST)
def test_who_asks_the_record_is_no_disguise(code: str) -> None:
    assert not list(disguises(source(code)))


def test_nobody_asks_in_disguise_what_the_task_is(sources: list[Source]) -> None:
    violations = [
        f"{each.name}:{line}: {says}" for each in sources for line, says in sorted(set(disguises(each)))
    ]
    assert not violations, "\n" + "\n".join(violations)


def test_every_dict_has_an_entry_for_every_task_or_a_reason(matrix: list[Row]) -> None:
    gaps = [
        f"{row.file}:{row.line}: {row.name} lacks {sorted(lack)}"
        for row in matrix
        if (lack := lacking(row, TARGET_OF))
    ]
    assert not gaps, "\n" + "\n".join(gaps)
    assert not idle_reasons(matrix, TARGET_OF)
    assert all(len(reason.split()) > 3 for reason in REASONS.values())


def test_a_gap_in_the_matrix_is_found() -> None:
    (row,) = rows(source("PARTS = {'classify': 1, 'segment': 2}"))
    assert lacking(row, TARGET_OF) == {"multilabel", "prompt"}
    (row,) = rows(source("PARTS = {'class': 1}"))
    assert lacking(row, TARGET_OF) == {"classes", "mask"}
    assert not list(rows(source("PARTS = {'classify': 1, 'other': 2}")))


def test_who_takes_in_two_tasks_takes_in_all(sources: list[Source]) -> None:
    lacks = {(file, folder): lack for file, folder, lack in partial_imports(sources, TARGET_OF)}
    gaps = [f"{key}: {sorted(lack)}" for key, lack in lacks.items() if key not in PARTIAL]
    assert not gaps, "\n" + "\n".join(gaps)
    assert {*PARTIAL} <= {*lacks}, "a reason that nothing needs"


def test_a_union_of_two_tasks_is_found() -> None:
    names = ("x/classify.py", "x/multilabel.py", "x/segment.py")
    code = "from pupila.x.classify import A\nfrom pupila.x.segment import B\nBoth = A | B"
    folder = [source("", name) for name in names]
    gaps = [*partial_imports([*folder, source(code, "y/z.py")], TARGET_OF)]
    assert gaps == [("y/z.py", "x", {"multilabel"})]
    assert not [*partial_imports([*folder, source(code, "y/segment.py")], TARGET_OF)]


def test_who_has_a_file_for_one_task_has_a_dict_of_them(sources: list[Source], matrix: list[Row]) -> None:
    tables = [row.file for row in matrix]
    for folder, named in task_files(sources).items():
        room = "/".join(folder.split("/")[:2])
        there = any(file.startswith(f"{room}/") for file in tables)
        assert there != (folder in WITHOUT_DICT), f"{folder} tells {sorted(named)} apart without a dict"


def test_contributing_lists_the_matrix(matrix: list[Row], capsys: pytest.CaptureFixture[str]) -> None:
    text = (PACKAGE.parent.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `([\w/]+\.py)` \|", text.partition("## Add a task")[2], re.MULTILINE))
    assert listed == {row.file for row in matrix}
    with capsys.disabled():
        print(
            f"\nmatrix: {len(matrix)} dicts in {len(listed)} files, {len(TASKS)} tasks, {len(REASONS)} reasons",
            end=" ",
        )
