"""The matrix of DESIGN.md, section 3: every dict that tells tasks apart, and the tasks that it has an entry for."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.architecture.disguises import TASK_NAMES
from tests.architecture.source import Source, last_name

TARGETS = ("class", "classes", "mask", "regions")
# The records by their names: CLASSIFY.name, SEGMENT.target.
NAME_OF = {name.upper(): name for name in TASK_NAMES}
TARGET_OF = {"CLASSIFY": "class", "MULTILABEL": "classes", "SEGMENT": "mask", "PROMPT": "mask"}

# (file, dict, task or target that it lacks) -> why it may lack it. A row that nothing needs is a fault itself.
REASONS: dict[tuple[str, str, str], str] = {
    ("stages/convert/convert.py", "LAYOUTS_OF", "class"): "no other tool's layout is written for classes yet",
    (
        "stages/label/labellers/targets.py",
        "TEXT_LABELS",
        "mask",
    ): "a mask is no word that a model could write",
    ("stages/serve/shapes.py", "RESPONSE_FORMATS", "prompt"): "`/segment` answers with a format of its own",
    (
        "stages/monitor/tasks.py",
        "MONITORED",
        "prompt",
    ): "what a prompt points at is chosen by a person: a promptable bundle has no reference",
    (
        "stages/train/budget.py",
        "BUDGETS",
        "prompt",
    ): "a promptable model takes no budget: its settings have none",
}

# Rooms with files named by tasks and no dict -> why.
WITHOUT_DICT = {
    "learning/loader": "the trainer of the same task reads it",
    "statistics/metrics": "the evaluator and the trainer of the same task call it",
    "tasks": "`TASKS` is made of the records",
    "tasks/tuning": "the training of the same task calls it",
}

RECORDS = "tasks"  # the folder of the records
# (file, folder) that takes in some tasks' files of the folder, and not all -> why.
PARTIAL: dict[tuple[str, str], str] = {
    ("stages/predict/coco.py", "artifacts/predictions"): "COCO's results are masks alone",
    ("statistics/metrics/overlap.py", "statistics/metrics"): "it compares masks",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One dict that has an entry for each task, or for each kind of target."""

    file: str
    line: int
    name: str  # of the dict
    by: str  # "task" or "target"
    entries: frozenset[str]


def rows(source: Source) -> Iterator[Row]:
    """The dicts of a file whose keys are tasks or targets, alone or within another dict's value."""
    names = {id(value): name for name, value in _assigned(ast.walk(source.tree))}
    top = {id(value) for _, value in _assigned(source.tree.body)}
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Dict) or not node.keys:
            continue
        keys = {_key(key) for key in node.keys}
        for by, known in (("task", TASK_NAMES), ("target", TARGETS)):
            if keys <= {*known} and (len(keys) > 1 or id(node) in top):
                yield Row(source.name, node.lineno, names.get(id(node), ""), by, frozenset(keys))


def _key(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Attribute) and node.attr in ("name", "target"):
        return (NAME_OF if node.attr == "name" else TARGET_OF).get(last_name(node.value), "")
    return ""


def _assigned(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, ast.expr]]:
    for node in nodes:
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            yield last_name(node.target), node.value
        elif isinstance(node, ast.Assign):
            yield last_name(node.targets[0]), node.value


def lacking(row: Row, tasks: dict[str, str]) -> set[str]:
    """The tasks, or the targets, that a row has no entry and no reason for.

    Args:
        row: of the matrix.
        tasks: name of each task to its target.
    """
    needed = {*tasks} if row.by == "task" else {*tasks.values()}
    return {name for name in needed - row.entries if (row.file, row.name, name) not in REASONS}


def idle_reasons(table: list[Row], tasks: dict[str, str]) -> set[tuple[str, str, str]]:
    """Reasons for what is not lacking."""
    there = {(row.file, row.name): row.entries for row in table}
    return {
        key for key in REASONS
        if key[:2] not in there or key[2] in there[key[:2]] or key[2] not in {*tasks, *tasks.values()}
    }  # fmt: skip


def partial_imports(sources: list[Source], tasks: dict[str, str]) -> Iterator[tuple[str, str, set[str]]]:
    """Files outside a task's own that take in two tasks' files of a folder and not all: (file, folder, the lacking).

    A union of types, the bases of a class and a list tell tasks apart as a dict does. Who takes in the records asks
    them, and a target that a task shares with one that is taken in is no gap.

    Args:
        sources: all files of the package.
        tasks: name of each task to its target.
    """
    there = task_files(sources)
    for source in sources:
        if {*TASK_NAMES} & {*source.name.removesuffix(".py").split("/")}:
            continue
        for folder, named in there.items():
            if folder == RECORDS:
                continue
            module = f"pupila.{folder.replace('/', '.')}."
            taken = {
                each.target.removeprefix(module).partition(".")[0]
                for each in source.imports if each.target.startswith(module)
            } & named  # fmt: skip
            targets = {tasks[name] for name in taken}
            lack = {name for name in named - taken if tasks[name] not in targets}
            if len(taken) > 1 and lack:
                yield source.name, folder, lack


def task_files(sources: list[Source]) -> dict[str, set[str]]:
    """Folder -> the tasks that have a file, or a folder, of their own in it."""
    folders: dict[str, set[str]] = {}
    for source in sources:
        parts = source.name.removesuffix(".py").split("/")
        for place, part in enumerate(parts):
            if part in TASK_NAMES and place:
                folders.setdefault("/".join(parts[:place]), set()).add(part)
    return folders
